/**
 * Update rules: one record a rule, with its hyper-parameters, its states and its formula.
 *
 * <p>A rule is written twice, here in plain Java and in {@code kernels/rules} in C++, and the two
 * are compared bit for bit, all NaNs counted as one value.
 */
@NullMarked
package org.panoptim.rule;

import org.jspecify.annotations.NullMarked;
