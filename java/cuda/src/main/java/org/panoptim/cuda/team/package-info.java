/** A team's step on devices: moving device memory between members, and adding up what came. */
@NullMarked
package org.panoptim.cuda.team;

import org.jspecify.annotations.NullMarked;
