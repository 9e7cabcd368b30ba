/** Engines over which several members take one step together. */
@NullMarked
package org.panoptim.distributed;

import org.jspecify.annotations.NullMarked;
