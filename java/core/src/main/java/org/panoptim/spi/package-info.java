/**
 * What a backend and a transform implement: the plan of an optimizer's step, and how its phases are
 * run.
 */
@NullMarked
package org.panoptim.spi;

import org.jspecify.annotations.NullMarked;
