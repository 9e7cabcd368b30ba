/** Optimizers over the tensors of bytedeco PyTorch. */
@NullMarked
package org.panoptim.pytorch;

import org.jspecify.annotations.NullMarked;
