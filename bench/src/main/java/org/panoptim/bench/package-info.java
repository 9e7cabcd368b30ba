/** Benchmarks: how fast a step is against what this machine can do. */
@NullMarked
package org.panoptim.bench;

import org.jspecify.annotations.NullMarked;
