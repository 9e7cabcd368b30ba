// How a warp shares a block of the reduction tree, and how the threads of a thread block join sums.
//
// Lane l of the tree, of 128, belongs to thread l / 4 of a warp: 4 adjacent lanes a thread, so that
// one warp reads 128 consecutive elements as 16 bytes a thread, and joining lanes by halving is
// shuffling. Device code alone.
#pragma once

#include "step/join.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

constexpr int warp_threads = 32;
constexpr unsigned whole_warp = 0xffffffffU;
// Lanes of the tree that a thread has.
constexpr int thread_lanes = PANOPTIM_LANES / warp_threads;
static_assert(thread_lanes == 4);

// One thread's lanes of one sum over a block of the tree.
class WarpLanes {
  public:
    __device__ __forceinline__ void clear() {
#pragma unroll
        for (double &lane : lanes_) {
            lane = 0;
        }
    }

    __device__ __forceinline__ void add(int lane, float left, float right) {
        lanes_[lane] += exact_product(left, right);
    }

    // The whole block's sum, in the warp's first thread; every thread of the warp must call it.
    __device__ __forceinline__ double join() {
#pragma unroll
        for (unsigned threads = warp_threads / 2; threads > 0; threads /= 2) {
#pragma unroll
            for (double &lane : lanes_) {
                lane += __shfl_down_sync(whole_warp, lane, threads);
            }
        }
        return (lanes_[0] + lanes_[2]) + (lanes_[1] + lanes_[3]);
    }

  private:
    double lanes_[thread_lanes];
};

// As PairwiseSum, of fewer than 2^Levels values, in registers.
template <int Levels>
class PairwiseLevels {
  public:
    __device__ __forceinline__ void add(double value) {
        bool carried = true;
#pragma unroll
        for (int level = 0; level < Levels; ++level) {
            if (carried && (count_ >> level & 1U) != 0) {
                value = subtrees_[level] + value;
            } else if (carried) {
                subtrees_[level] = value;
                carried = false;
            }
        }
        ++count_;
    }

    __device__ __forceinline__ double total() const {
        double sum = 0;
        bool any = false;
#pragma unroll
        for (int level = 0; level < Levels; ++level) {
            if ((count_ >> level & 1U) != 0) {
                sum = any ? subtrees_[level] + sum : subtrees_[level];
                any = true;
            }
        }
        return sum;
    }

  private:
    double subtrees_[Levels] = {};
    unsigned count_ = 0;
};

// Joins values in their order by adjacent pairs, over all threads of a thread block; every thread
// must call it, and gets the result. shared has room for a double a thread.
template <typename Value>
__device__ double join_in_block(int64_t count, double *shared, Value value) {
    // Each thread joins a run of 2^k values, a subtree of the whole.
    int64_t run = 1;
    while (run * blockDim.x < count) {
        run *= 2;
    }
    const int64_t first = threadIdx.x * run;
    // Tables number chunks and tensors in 31 bits, and a thread block has at least 32 threads.
    PairwiseLevels<27> own;
    for (int64_t i = first; i < first + run && i < count; ++i) {
        own.add(value(i));
    }
    __syncthreads();
    shared[threadIdx.x] = own.total();
    auto subtrees = static_cast<unsigned>((count + run - 1) / run);
    while (subtrees > 1) {
        const unsigned pairs = (subtrees + 1) / 2;
        double joined = 0;
        __syncthreads();
        if (threadIdx.x < pairs) {
            const unsigned right = 2 * threadIdx.x + 1;
            joined = shared[2 * threadIdx.x];
            if (right < subtrees) {
                joined += shared[right];
            }
        }
        __syncthreads();
        if (threadIdx.x < pairs) {
            shared[threadIdx.x] = joined;
        }
        subtrees = pairs;
    }
    __syncthreads();
    const double total = shared[0];
    __syncthreads();
    return total;
}

} // namespace PANOPTIM_TIER
} // namespace panoptim
