/** What the command {@code bench} asks of the benchmarks, which are a program of their own. */
@NullMarked
package org.panoptim.cli.bench;

import org.jspecify.annotations.NullMarked;
