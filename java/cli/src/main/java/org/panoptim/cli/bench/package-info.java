/** The interface between the command {@code bench} and the benchmarks, a separate program. */
@NullMarked
package org.panoptim.cli.bench;

import org.jspecify.annotations.NullMarked;
