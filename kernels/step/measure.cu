// Squares and sums the raw gradients, and what curvature there is, chunk by chunk.
//
// Traffic: 4 bytes read per gradient element. One thread block takes one chunk at a time, one warp
// one block of the reduction tree.
#include "step/chunk.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace {

// The square sum of at most one block of the tree, in the warp's first thread.
__device__ __forceinline__ double square_sum_of_block(const float *values, int64_t elements) {
    constexpr int rows = PANOPTIM_BLOCK / PANOPTIM_LANES;
    WarpLanes lanes;
    lanes.clear();
    const int64_t own = lane_of_thread() * thread_lanes;
    if (elements == PANOPTIM_BLOCK && aligned_to_vectors(values)) {
        const auto *vectors = reinterpret_cast<const float4 *>(values + own);
#pragma unroll 4
        for (int row = 0; row < rows; ++row) {
            const float4 found = vectors[row * warp_threads];
            lanes.add(0, found.x, found.x);
            lanes.add(1, found.y, found.y);
            lanes.add(2, found.z, found.z);
            lanes.add(3, found.w, found.w);
        }
    } else {
        for (int64_t row = own; row < elements; row += PANOPTIM_LANES) {
#pragma unroll
            for (int lane = 0; lane < thread_lanes; ++lane) {
                if (row + lane < elements) {
                    const float found = values[row + lane];
                    lanes.add(lane, found, found);
                }
            }
        }
    }
    return lanes.join();
}

// Leaves the sum of every block of a chunk in shared memory.
__device__ __forceinline__ void square_sums(const float *values, int64_t elements, double *sums) {
    const int blocks = blocks_of(elements);
    for (int block = warp_of_thread(); block < blocks; block += chunk_warps) {
        const int64_t first = static_cast<int64_t>(block) * PANOPTIM_BLOCK;
        const int64_t left = elements - first;
        const double sum =
            square_sum_of_block(values + first, left < PANOPTIM_BLOCK ? left : PANOPTIM_BLOCK);
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
    for (int64_t i = blockIdx.x; i < plan.chunk_count; i += gridDim.x) {
        const panoptim_chunk chunk = plan.chunks[i];
        if (!live(plan, chunk.tensor)) {
            continue;
        }
        const int64_t first = chunk.index * plan.chunk_elements;
        const int64_t elements = chunk_length(plan, plan.tensors[chunk.tensor], first);
        const auto *gradient = reinterpret_cast<const float *>(plan.gradients[chunk.tensor]);
        const auto *curvature = reinterpret_cast<const float *>(plan.curvatures[chunk.tensor]);
        square_sums(gradient + first, elements, gradient_sums);
        if (curvature != nullptr) {
            square_sums(curvature + first, elements, curvature_sums);
        }
        __syncthreads();
        if (threadIdx.x == 0) {
            const int blocks = blocks_of(elements);
            plan.partials[i] = join_blocks(gradient_sums, blocks);
            plan.partials[plan.chunk_count + i] =
                curvature != nullptr ? join_blocks(curvature_sums, blocks) : 0.0;
        }
        __syncthreads();
    }
}
