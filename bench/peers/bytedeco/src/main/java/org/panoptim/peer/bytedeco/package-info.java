/** For the benchmarks, libtorch's optimizers, by way of bytedeco's bindings. */
@NullMarked
package org.panoptim.peer.bytedeco;

import org.jspecify.annotations.NullMarked;
