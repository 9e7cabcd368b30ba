/**
 * What a tensor is, wherever it lies: shape, order of dimensions, type of elements, and a state's
 * contents.
 */
@NullMarked
package org.panoptim.tensor;

import org.jspecify.annotations.NullMarked;
