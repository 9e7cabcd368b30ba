/** Fused optimizers: parameters, groups, schedules, the optimizer and its backends. */
@NullMarked
package org.panoptim;

import org.jspecify.annotations.NullMarked;
