/** The adapter for bytedeco PyTorch: optimizers step the engine's own tensors, in place. */
@NullMarked
package org.panoptim.pytorch;

import org.jspecify.annotations.NullMarked;
