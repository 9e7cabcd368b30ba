// What a micro-batch counts for.
#pragma once

#include "panoptim_kfac.h"
#include "rules/numerics.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

// How a contribution goes into what is pending: C <- rest * C + (1 - rest) * old + share * S, with
// S the mean over its rows and C replaced where rest is 0.
struct Weighing {
    double rows; // that count
    double before;
    double scale; // of output gradients
};

// Rows that count, over all threads of a thread block; shared has an int64_t a warp.
__device__ __forceinline__ int64_t count_rows(const panoptim_kfac_contribution &contribution,
                                              int64_t *shared) {
    if (contribution.mask == nullptr) {
        return contribution.rows;
    }
    int64_t thread_count = 0;
    for (int64_t row = threadIdx.x; row < contribution.rows; row += blockDim.x) {
        thread_count += contribution.mask[row] != 0 ? 1 : 0;
    }
    for (unsigned lanes = 16; lanes > 0; lanes /= 2) {
        thread_count += __shfl_down_sync(0xffffffffU, static_cast<long long>(thread_count), lanes);
    }
    if (threadIdx.x % 32 == 0) {
        shared[threadIdx.x / 32] = thread_count;
    }
    __syncthreads();
    int64_t sum = 0;
    for (unsigned i = 0; i < blockDim.x / 32; ++i) {
        sum += shared[i];
    }
    __syncthreads();
    return sum;
}

__device__ __forceinline__ Weighing weigh(const panoptim_kfac_contribution &contribution,
                                          const panoptim_kfac_layer &layer, int64_t counted) {
    Weighing weighing{};
    weighing.rows = static_cast<double>(counted);
    weighing.before = contribution.number == 0 ? 0.0 : layer.rows[contribution.number & 1];
    const double over = contribution.averaged_over > 0 ? contribution.averaged_over : weighing.rows;
    const double loss_scale = contribution.control != nullptr ? contribution.control->loss_scale
                                                              : contribution.loss_scale;
    weighing.scale = over / loss_scale;
    return weighing;
}

// Leaves the number of rows for the next contribution, and for the commit.
__device__ __forceinline__ void note_rows(const panoptim_kfac_contribution &contribution,
                                          panoptim_kfac_layer &layer, const Weighing &weighing) {
    layer.rows[(contribution.number + 1) & 1] = weighing.before + weighing.rows;
}

// (1 - decay) / (1 - decay^update): what is new at an update gets this share.
__device__ __forceinline__ double share_of(double decay, int64_t update) {
    return (1 - decay) / (1 - powi(decay, update));
}

__device__ __forceinline__ bool is_accepted(const panoptim_kfac_facts &facts) {
    return (facts.control != nullptr ? facts.control->accepted : facts.accepted) != 0;
}

// Counts an update that a layer takes in a step.
__device__ __forceinline__ void note_update(panoptim_kfac_layer &layer,
                                            const panoptim_kfac_facts &facts) {
    layer.updates += 1;
    if (facts.control != nullptr) {
        layer.step = facts.control->step;
    }
}

} // namespace PANOPTIM_TIER
} // namespace panoptim
