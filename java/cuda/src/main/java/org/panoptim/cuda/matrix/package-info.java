/** Linear algebra on matrices in a CUDA device's memory. */
@NullMarked
package org.panoptim.cuda.matrix;

import org.jspecify.annotations.NullMarked;
