/**
 * Generated test cases that a seed repeats. A test asks {@link org.panoptim.seeded.SeededCases} for
 * a number of cases, each made by a method of its own from a {@link org.panoptim.seeded.Draw}.
 */
@NullMarked
package org.panoptim.seeded;

import org.jspecify.annotations.NullMarked;
