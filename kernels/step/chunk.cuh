// What the kernels that go over chunks share: the launch shape, and sums of blocks within a chunk.
// Device code alone.
#pragma once

#include "step/plan.cuh"
#include "step/warp.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

// Threads of a thread block; each warp takes one block of the reduction tree at a time.
constexpr int chunk_threads = 128;
// Thread blocks that a multiprocessor must be able to hold: 640 threads with 64 bytes each under
// way are 40 KiB, more than an H100's share of bandwidth times latency, some 25 KiB.
constexpr int chunk_residents = 5;
// Sums need registers.
constexpr int chunk_residents_with_sums = 4;
constexpr int chunk_warps = chunk_threads / warp_threads;
// The most blocks of the tree that a chunk may have.
constexpr int max_chunk_blocks = 16;

__device__ __forceinline__ int warp_of_thread() {
    return static_cast<int>(threadIdx.x) / warp_threads;
}

__device__ __forceinline__ int lane_of_thread() {
    return static_cast<int>(threadIdx.x) % warp_threads;
}

__device__ __forceinline__ int blocks_of(int64_t elements) {
    return static_cast<int>((elements + PANOPTIM_BLOCK - 1) / PANOPTIM_BLOCK);
}

// Joins the sums of a chunk's blocks, which are overwritten.
__device__ __forceinline__ double join_blocks(double *sums, int blocks) {
    while (blocks > 1) {
        const int pairs = blocks / 2;
        for (int pair = 0; pair < pairs; ++pair) {
            sums[pair] = sums[2 * pair] + sums[2 * pair + 1];
        }
        if (blocks % 2 != 0) {
            sums[pairs] = sums[blocks - 1];
        }
        blocks = pairs + blocks % 2;
    }
    return sums[0];
}

} // namespace PANOPTIM_TIER
} // namespace panoptim
