// Zeros into gradients.
#pragma once

#include "step/chunk.cuh"
#include "step/quad.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace {

// A refused step, or a frozen group, leaves nothing but zeros in the gradient, if asked for.
__device__ __forceinline__ void zero_chunk(const TypedArray &gradient, int elements) {
    const float zeros[quad_elements] = {};
#pragma unroll 1
    for (int i = static_cast<int>(threadIdx.x) * quad_elements; i < elements;
         i += chunk_threads * quad_elements) {
        const int left = elements - i;
        store_quad(gradient, i, left < quad_elements ? left : quad_elements, zeros);
    }
}

} // namespace
} // namespace PANOPTIM_TIER
} // namespace panoptim
