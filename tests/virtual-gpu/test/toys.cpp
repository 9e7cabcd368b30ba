// Small kernels, each with one thing to prove.
#include "registry.h"

namespace {

constexpr int most_threads = 256;

struct Sum {
    const float *from;
    float *to;
    long long elements;
};

struct Queue {
    int *next; // ticket of the block that may go on
    int *order;
    int blocks;
};

struct Lanes {
    int *ints;
    double *doubles;
    unsigned *votes;
};

struct Words {
    int *words;
    long long index;
    int value;
};

} // namespace

// Each block sums its part of the input.
extern "C" __global__ void __launch_bounds__(most_threads) toy_sum(const Sum sum) {
    __shared__ float parts[most_threads];
    const long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
    parts[threadIdx.x] = i < sum.elements ? sum.from[i] : 0.0F;
    for (unsigned width = blockDim.x / 2; width > 0; width /= 2) {
        __syncthreads();
        if (threadIdx.x < width) {
            parts[threadIdx.x] += parts[threadIdx.x + width];
        }
    }
    if (threadIdx.x == 0) {
        sum.to[blockIdx.x] = parts[0];
    }
}

// Lacks a barrier: each thread reads what another one writes.
extern "C" __global__ void toy_race(const Words words) {
    __shared__ int values[most_threads];
    values[threadIdx.x] = static_cast<int>(threadIdx.x);
    words.words[threadIdx.x] = values[(threadIdx.x + 1) % blockDim.x];
}

// Blocks take turns, in the order of their index, whichever begins first.
extern "C" __global__ void toy_turns(const Queue queue) {
    __shared__ int block;
    if (threadIdx.x == 0) {
        block = static_cast<int>(blockIdx.x);
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        // Another block's memory must not have replaced this one's.
        while (atomicAdd(queue.next, 0) != block) {
            __nanosleep(100);
        }
        queue.order[block] = static_cast<int>(blockIdx.x) + 100 * block;
        __threadfence();
        atomicAdd(queue.next, 1);
    }
}

extern "C" __global__ void toy_lanes(const Lanes lanes) {
    constexpr unsigned all = 0xffffffffU;
    const int thread = static_cast<int>(threadIdx.x);
    int *ints = lanes.ints + thread * 4;
    ints[0] = __shfl_sync(all, thread, 3);
    ints[1] = __shfl_down_sync(all, thread, 2);
    ints[2] = __shfl_up_sync(all, thread, 2, 8);
    ints[3] = __shfl_xor_sync(all, thread, 1);
    double sum = thread;
    for (int width = 16; width > 0; width /= 2) {
        sum += __shfl_down_sync(all, sum, static_cast<unsigned>(width));
    }
    lanes.doubles[thread] = sum;
    lanes.votes[thread * 3] = __ballot_sync(all, thread % 2);
    lanes.votes[thread * 3 + 1] = static_cast<unsigned>(__any_sync(all, thread == 5));
    lanes.votes[thread * 3 + 2] = static_cast<unsigned>(__all_sync(all, thread < 40));
}

extern "C" __global__ void toy_counts(const Words words) {
    const int thread = static_cast<int>(threadIdx.x);
    const int number = __syncthreads_count(thread % 3 == 0);
    const int any = __syncthreads_or(thread == 7);
    const int all = __syncthreads_and(thread != 7);
    words.words[thread] = number * 100 + any * 10 + all;
}

// Half of the threads wait at one barrier, half at another.
extern "C" __global__ void toy_two_barriers() {
    if (threadIdx.x < blockDim.x / 2) {
        __syncthreads();
    } else {
        __syncthreads();
    }
}

// One thread ends early.
extern "C" __global__ void toy_early_end() {
    if (threadIdx.x == 5) {
        return;
    }
    __syncthreads();
}

extern "C" __global__ void toy_half_a_warp() {
    if (threadIdx.x < 16) {
        __shfl_sync(0xffffffffU, 1, 0);
    }
}

extern "C" __global__ void toy_write(const Words words) {
    words.words[words.index] = words.value;
}

extern "C" __global__ void toy_add(const Words words) {
    atomicAdd(words.words + words.index, words.value);
}

// Fresh shared memory, whose contents are nobody's promise.
extern "C" __global__ void toy_fresh(const Words words) {
    __shared__ int fresh;
    words.words[blockIdx.x] = fresh;
    fresh = 0;
}

extern "C" __global__ void toy_dynamic(const Words words) {
    extern __shared__ int dynamic[];
    dynamic[threadIdx.x] = static_cast<int>(threadIdx.x);
    __syncthreads();
    words.words[blockIdx.x * blockDim.x + threadIdx.x] =
        dynamic[blockDim.x - 1 - threadIdx.x] + static_cast<int>(blockIdx.x) * 1000;
}

extern "C" __global__ void toy_forever(const Words words) {
    while (atomicAdd(words.words, 0) != 1) {
        __nanosleep(1);
    }
}

extern "C" __global__ void toy_misaligned(const Words words) {
    *reinterpret_cast<int *>(reinterpret_cast<char *>(words.words) + 1) = 1;
}

// Two parameters, for packing.
extern "C" __global__ void toy_two(char small, const Words words) {
    words.words[0] = small;
}

__device__ int toy_variable = 42;

PANOPTIM_VIRTUAL_DYNAMIC_SHARED(int, dynamic)
PANOPTIM_VIRTUAL_VARIABLE(toy_variable)
PANOPTIM_VIRTUAL_KERNEL(toy_sum)
PANOPTIM_VIRTUAL_KERNEL(toy_race)
PANOPTIM_VIRTUAL_KERNEL(toy_turns)
PANOPTIM_VIRTUAL_KERNEL(toy_lanes)
PANOPTIM_VIRTUAL_KERNEL(toy_counts)
PANOPTIM_VIRTUAL_KERNEL(toy_two_barriers)
PANOPTIM_VIRTUAL_KERNEL(toy_early_end)
PANOPTIM_VIRTUAL_KERNEL(toy_half_a_warp)
PANOPTIM_VIRTUAL_KERNEL(toy_write)
PANOPTIM_VIRTUAL_KERNEL(toy_add)
PANOPTIM_VIRTUAL_KERNEL(toy_fresh)
PANOPTIM_VIRTUAL_KERNEL(toy_dynamic)
PANOPTIM_VIRTUAL_KERNEL(toy_forever)
PANOPTIM_VIRTUAL_KERNEL(toy_misaligned)
PANOPTIM_VIRTUAL_KERNEL(toy_two)
