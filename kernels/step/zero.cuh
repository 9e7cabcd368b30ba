// Zeros into gradients.
#pragma once

#include "step/chunk.cuh"
#include "step/codec.cuh"
#include "step/quad.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace {

// A refused step, or a frozen group, leaves nothing but zeros in the gradient, if asked for.
template <int32_t G>
__device__ __forceinline__ void zero_chunk(typename Codec<G>::Storage *gradient, int elements) {
    const float zeros[quad_elements] = {};
    const bool aligned = aligned_to_vectors(gradient);
#pragma unroll 1
    for (int i = static_cast<int>(threadIdx.x) * quad_elements; i < elements;
         i += chunk_threads * quad_elements) {
        const int left = elements - i;
        if (aligned && left >= quad_elements) {
            store_quad<G, true>(gradient + i, quad_elements, zeros);
        } else {
            store_quad<G, false>(gradient + i, left, zeros);
        }
    }
}

} // namespace
} // namespace PANOPTIM_TIER
} // namespace panoptim
