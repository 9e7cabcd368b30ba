/** What the optimizers of other libraries must offer to be measured beside Panoptim's. */
@NullMarked
package org.panoptim.bench.peer;

import org.jspecify.annotations.NullMarked;
