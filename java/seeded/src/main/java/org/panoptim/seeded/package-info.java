/**
 * Generated test cases that a seed repeats. A test takes from {@link
 * org.panoptim.seeded.SeededCases} a number of cases, each made by a method of the test from a
 * {@link org.panoptim.seeded.Draw}.
 */
@NullMarked
package org.panoptim.seeded;

import org.jspecify.annotations.NullMarked;
