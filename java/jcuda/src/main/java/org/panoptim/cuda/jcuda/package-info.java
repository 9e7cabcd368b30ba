/** CUDA's driver and cuBLAS through JCuda and JCublas. */
@NullMarked
package org.panoptim.cuda.jcuda;

import org.jspecify.annotations.NullMarked;
