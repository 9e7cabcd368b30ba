/** How the learning rate and the momentum go on from step to step. */
@NullMarked
package org.panoptim.schedule;

import org.jspecify.annotations.NullMarked;
