/** What fresh processes show: the time to their first step, and the memory of rules' states. */
@NullMarked
package org.panoptim.bench.process;

import org.jspecify.annotations.NullMarked;
