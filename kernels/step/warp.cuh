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
        add(lane, static_cast<double>(left), static_cast<double>(right));
    }

    // Of two floats. Their product is exact, so that adding it in one operation or in two gives the
    // same bits.
    __device__ __forceinline__ void add(int lane, double left, double right) {
        lanes_[lane] = __fma_rn(left, right, lanes_[lane]);
    }

    // What was added to a lane.
    __device__ __forceinline__ double of(int lane) const {
        return lanes_[lane];
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

// The sum of a warp's numbers, in its first thread; every thread of the warp must call it.
__device__ __forceinline__ unsigned join_numbers(unsigned number) {
#pragma unroll
    for (unsigned threads = warp_threads / 2; threads > 0; threads /= 2) {
        number += __shfl_down_sync(whole_warp, number, threads);
    }
    return number;
}

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

// Values that a thread asks for at once.
constexpr int batch_values = 8;

// Joins a batch, at most and at least one value, by adjacent pairs; values may be apart.
__device__ __forceinline__ double join_batch(const double *values, int64_t count,
                                             int64_t stride = 1) {
    double sums[batch_values];
#pragma unroll
    for (int i = 0; i < batch_values; ++i) {
        sums[i] = i < count ? values[i * stride] : 0.0;
    }
#pragma unroll
    for (int width = 1; width < batch_values; width *= 2) {
#pragma unroll
        for (int i = 0; i < batch_values; i += 2 * width) {
            if (i + width < count) {
                sums[i] += sums[i + width];
            }
        }
    }
    return sums[0];
}

// Joins at most batch_values * 2^Levels - 1 values by adjacent pairs, in one thread; 0 of none.
template <int Levels>
__device__ __forceinline__ double join_in_thread(const double *values, int64_t count,
                                                 int64_t stride = 1) {
    PairwiseLevels<Levels> batches;
    for (int64_t i = 0; i < count; i += batch_values) {
        batches.add(join_batch(values + i * stride, count - i, stride));
    }
    return batches.total();
}

// The most values that a warp joins.
constexpr int64_t values_of_warp = int64_t{warp_threads} * batch_values;

// Joins at most values_of_warp values, and at least one, by adjacent pairs; every thread of the
// warp must call it, and the first one gets the result.
__device__ __forceinline__ double join_in_warp(const double *values, int64_t count) {
    // Each thread joins a run of 2^k values, a subtree of the whole.
    int run = 1;
    while (run * warp_threads < count) {
        run *= 2;
    }
    const auto lane = static_cast<int>(threadIdx.x) % warp_threads;
    const auto runs = static_cast<int>((count + run - 1) / run);
    const int64_t left = count - int64_t{lane} * run;
    double sum = 0;
    if (left > 0) {
        sum = join_batch(values + int64_t{lane} * run, left < run ? left : run);
    }
#pragma unroll
    for (int width = 1; width < warp_threads; width *= 2) {
        const double right = __shfl_down_sync(whole_warp, sum, static_cast<unsigned>(width));
        // Only the threads at multiples of twice the width hold a subtree.
        if (lane + width < runs) {
            sum += right;
        }
    }
    return sum;
}

// Joins values by adjacent pairs, over all threads of a thread block; every thread must call it,
// and gets the result. shared has room for a double a thread.
__device__ __forceinline__ double join_in_block(const double *values, int64_t count,
                                                double *shared) {
    // Each thread joins a run of 2^k values, a subtree of the whole.
    int64_t run = 1;
    while (run * blockDim.x < count) {
        run *= 2;
    }
    const int64_t first = threadIdx.x * run;
    const int64_t left = count - first;
    __syncthreads();
    // Tables number chunks and tensors in 31 bits, and a thread block has at least 32 threads.
    shared[threadIdx.x] = join_in_thread<24>(values + first, left < run ? left : run);
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
