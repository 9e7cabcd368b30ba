/** For the benchmarks, the optimizers of the Deep Java Library. */
@NullMarked
package org.panoptim.peer.djl;

import org.jspecify.annotations.NullMarked;
