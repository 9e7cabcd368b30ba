// The ways in which threads of a device join sums, each in a separate kernel.
#include "registry.h"
#include "step/warp.cuh"

namespace {

constexpr int most_threads = 512;
constexpr int levels = 3;

struct Join {
    const double *values;
    long long count;
    double *sum;
};

} // namespace

extern "C" __global__ void toy_join_in_thread(const Join join) {
    *join.sum = panoptim::join_in_thread<levels>(join.values, join.count);
}

extern "C" __global__ void toy_join_in_warp(const Join join) {
    const double sum = panoptim::join_in_warp(join.values, join.count);
    if (threadIdx.x == 0) {
        *join.sum = sum;
    }
}

// Every thread leaves what it got.
extern "C" __global__ void __launch_bounds__(most_threads) toy_join_in_block(const Join join) {
    __shared__ double shared[most_threads];
    join.sum[threadIdx.x] = panoptim::join_in_block(join.values, join.count, shared);
}

PANOPTIM_VIRTUAL_KERNEL(toy_join_in_thread)
PANOPTIM_VIRTUAL_KERNEL(toy_join_in_warp)
PANOPTIM_VIRTUAL_KERNEL(toy_join_in_block)
