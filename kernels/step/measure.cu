// Squares and sums the raw gradients, and what curvature there is, chunk by chunk.
//
// Traffic: 4 bytes read per gradient element. One thread block takes one chunk at a time, one warp
// one block of the reduction tree, and a thread has 64 bytes under way.
//
// Not confirmed by a device yet: at the speed of memory on compute capabilities 8.0, 9.0 and 10.0;
// on 8.6 and 8.9 with one fused multiply-add of doubles an element, 2 a clock and
// multiprocessor: 1.1 TB/s on an RTX 3090, whose memory has 0.94.
#include "step/chunk.cuh"
#include "step/transaction.cuh"
#include "step/vector.cuh"
#include "step/widen.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace {

// Vectors that a thread asks for at once.
constexpr int vectors_at_once = 4;
static_assert(thread_lanes == vector_elements);

// The square sum of at most one block of the tree, in the warp's first thread.
__device__ __forceinline__ double square_sum_of_block(const float *values, int64_t elements) {
    constexpr int rows = PANOPTIM_BLOCK / PANOPTIM_LANES;
    static_assert(rows % vectors_at_once == 0);
    WarpLanes lanes;
    lanes.clear();
    const int64_t first_lane = lane_of_thread() * thread_lanes;
    if (elements == PANOPTIM_BLOCK && aligned_to_vectors(values)) {
        const float *address = values + first_lane;
#pragma unroll 1
        for (int row = 0; row < rows; row += vectors_at_once) {
            float vectors[vectors_at_once][vector_elements];
#pragma unroll
            for (int i = 0; i < vectors_at_once; ++i) {
                load_vector(address + (row + i) * PANOPTIM_LANES, vectors[i]);
            }
#pragma unroll
            for (int i = 0; i < vectors_at_once; ++i) {
                double widened[vector_elements];
                widen(vectors[i], widened);
#pragma unroll
                for (int lane = 0; lane < thread_lanes; ++lane) {
                    lanes.add(lane, widened[lane], widened[lane]);
                }
            }
        }
    } else {
        for (int64_t row = first_lane; row < elements; row += PANOPTIM_LANES) {
#pragma unroll
            for (int lane = 0; lane < thread_lanes; ++lane) {
                if (row + lane < elements) {
                    const float value = values[row + lane];
                    lanes.add(lane, value, value);
                }
            }
        }
    }
    return lanes.join();
}

// Whether one of these elements is not finite once multiplied by a factor; every thread of the warp
// must call it, and all know it.
__device__ __forceinline__ bool overflows(const float *values, int64_t elements, float factor) {
    bool any = false;
#pragma unroll 1
    for (int i = lane_of_thread(); i < elements; i += warp_threads) {
        const float product = values[i] * factor;
        any = any || product - product != 0;
    }
    return __any_sync(whole_warp, any ? 1 : 0) != 0;
}

// Leaves the sum of every block of a chunk in shared memory; infinite if an element is not finite,
// or would not be once unscaled.
__device__ __forceinline__ void square_sums(const float *values, int64_t elements, float factor,
                                            double *sums) {
    const int blocks = blocks_of(elements);
    for (int block = warp_of_thread(); block < blocks; block += chunk_warps) {
        const int64_t first = static_cast<int64_t>(block) * PANOPTIM_BLOCK;
        const int64_t left = elements - first;
        const int64_t count = left < PANOPTIM_BLOCK ? left : PANOPTIM_BLOCK;
        double sum = square_sum_of_block(values + first, count);
        // With no larger factor no element becomes larger.
        if (factor > 1 && overflows(values + first, count, factor) && finite(sum)) {
            sum = __builtin_huge_val();
        }
        if (lane_of_thread() == 0) {
            sums[block] = sum;
        }
    }
}

} // namespace
} // namespace PANOPTIM_TIER
} // namespace panoptim

extern "C" __global__ void __launch_bounds__(panoptim::chunk_threads)
    panoptim_measure(const panoptim_launch launch) {
    using namespace panoptim;
    __shared__ double gradient_sums[max_chunk_blocks];
    __shared__ double curvature_sums[max_chunk_blocks];
    const panoptim_plan &plan = launch.plan;
    const float factor = unscale_factor(*plan.control);
    for (int64_t i = blockIdx.x; i < plan.chunk_count; i += gridDim.x) {
        const panoptim_chunk chunk = plan.chunks[i];
        if (!live(plan, chunk.tensor)) {
            continue;
        }
        const int64_t first = chunk.index * plan.chunk_elements;
        const int64_t elements = chunk_length(plan, plan.tensors[chunk.tensor], first);
        const auto *gradient = reinterpret_cast<const float *>(plan.gradients[chunk.tensor]);
        const auto *curvature = reinterpret_cast<const float *>(plan.curvatures[chunk.tensor]);
        square_sums(gradient + first, elements, factor, gradient_sums);
        if (curvature != nullptr) {
            square_sums(curvature + first, elements, factor, curvature_sums);
        }
        __syncthreads();
        if (threadIdx.x == 0) {
            const int blocks = blocks_of(elements);
            plan.partials[i] = join_blocks(gradient_sums, blocks);
            if (curvature != nullptr) {
                plan.partials[plan.chunk_count + i] = join_blocks(curvature_sums, blocks);
            }
        }
        __syncthreads();
    }
}
