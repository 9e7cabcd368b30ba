/**
 * Compares backends: a scenario is run on each of them side by side, and after every action all
 * must have the reference's bits, all NaNs counted as one value.
 */
@NullMarked
package org.panoptim.testkit.scenario;

import org.jspecify.annotations.NullMarked;
