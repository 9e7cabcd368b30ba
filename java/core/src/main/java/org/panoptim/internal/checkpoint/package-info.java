/** The file of a checkpoint: what it holds, and how an optimizer takes it up. Not exported. */
@NullMarked
package org.panoptim.internal.checkpoint;

import org.jspecify.annotations.NullMarked;
