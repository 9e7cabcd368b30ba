/**
 * Every backend against the reference, bit for bit: generated cases, the two-phase rule, and the
 * traps that other libraries fell into.
 */
@NullMarked
package org.panoptim.tests.equivalence;

import org.jspecify.annotations.NullMarked;
