/**
 * The functions that rules may use where they prepare a step ({@code kernels/rules/functions.cuh})
 * have the bits of {@link java.lang.StrictMath}.
 */
@NullMarked
package org.panoptim.tests.functions;

import org.jspecify.annotations.NullMarked;
