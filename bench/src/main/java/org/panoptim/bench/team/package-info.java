/** A team of processes that takes steps together, and what a step should cost it. */
@NullMarked
package org.panoptim.bench.team;

import org.jspecify.annotations.NullMarked;
