/**
 * The adapter for bytedeco PyTorch: {@link org.panoptim.pytorch.TorchOptimizer} steps a module's
 * own tensors, in place.
 */
@NullMarked
package org.panoptim.pytorch;

import org.jspecify.annotations.NullMarked;
