/** CUDA's driver and cuBLAS behind two interfaces, and their implementation through FFM. */
@NullMarked
package org.panoptim.cuda.driver;

import org.jspecify.annotations.NullMarked;
