/**
 * The program behind {@code panoptim bench}: what to measure, by JMH, and what is shown meanwhile.
 */
@NullMarked
package org.panoptim.bench.run;

import org.jspecify.annotations.NullMarked;
