/** Kronecker factors on a CUDA device. */
@NullMarked
package org.panoptim.cuda.kfac;

import org.jspecify.annotations.NullMarked;
