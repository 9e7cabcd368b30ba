/** For the benchmarks, ND4J's updaters. */
@NullMarked
package org.panoptim.peer.nd4j;

import org.jspecify.annotations.NullMarked;
