/** What the optimizers of other libraries must offer to be compared with Panoptim's. */
@NullMarked
package org.panoptim.bench.peer;

import org.jspecify.annotations.NullMarked;
