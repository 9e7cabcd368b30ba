/**
 * The SIMD backend: fused kernels in C++ for AVX-512, AVX2, baseline x86-64 and NEON, called
 * through the Foreign Function and Memory API, split over threads by Java.
 */
@NullMarked
package org.panoptim.simd;

import org.jspecify.annotations.NullMarked;
