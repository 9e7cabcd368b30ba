// What is done with whole factors: taking up what is pending, traces, and setting inverses.
#include "kfac/contribution.cuh"
#include "kfac/tile.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace {

__device__ double pending_trace(const panoptim_kfac_factor &factor) {
    double trace = 0;
    for (int i = 0; i * tile < factor.size; ++i) {
        trace += factor.traces[i];
    }
    return trace;
}

__device__ void commit_layer(panoptim_kfac_layer &layer, const panoptim_kfac_factor *factors,
                             int slot, const panoptim_kfac_facts &facts) {
    if (!(layer.rows[slot] > 0)) {
        return;
    }
    // A diagonal is made of sums of squares, so it is finite exactly when the whole matrix is.
    if (finite(pending_trace(factors[0])) && finite(pending_trace(factors[1]))) {
        layer.current = 1 - layer.current;
        note_update(layer, facts);
    } else {
        layer.refused += 1;
    }
}

constexpr int trace_threads = 128;
constexpr int copy_threads = 256;

} // namespace
} // namespace PANOPTIM_TIER
} // namespace panoptim

// One thread a layer; reads 8 bytes for each 64 rows of its factors.
extern "C" __global__ void __launch_bounds__(panoptim::copy_threads)
    panoptim_kfac_commit(const panoptim_kfac_selection launch) {
    using namespace panoptim;
    if (!is_accepted(launch.facts)) {
        return;
    }
    const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
    for (int64_t i = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x; i < launch.count;
         i += step) {
        const int layer = launch.chosen[i];
        commit_layer(launch.layers[layer], launch.factors + 2 * static_cast<int64_t>(layer),
                     launch.slots[i], launch.facts);
    }
}

// The traces of all averages, in double, a thread block each; reads 4 bytes a row.
extern "C" __global__ void __launch_bounds__(panoptim::trace_threads)
    panoptim_kfac_trace(const panoptim_kfac_selection launch) {
    using namespace panoptim;
    __shared__ double sums[trace_threads];
    for (int64_t number = blockIdx.x; number < launch.count; number += gridDim.x) {
        const panoptim_kfac_factor &factor = launch.factors[number];
        panoptim_kfac_layer &layer = launch.layers[factor.layer];
        const float *average = factor.buffers[layer.current];
        double sum = 0;
        for (int64_t i = threadIdx.x; i < factor.size; i += blockDim.x) {
            sum += static_cast<double>(average[i * factor.size + i]);
        }
        sums[threadIdx.x] = sum;
        __syncthreads();
        for (unsigned width = trace_threads / 2; width > 0; width /= 2) {
            if (threadIdx.x < width) {
                sums[threadIdx.x] += sums[threadIdx.x + width];
            }
            __syncthreads();
        }
        if (threadIdx.x == 0) {
            layer.traces[number % 2] = sums[0];
        }
        __syncthreads();
    }
}

// Sets the inverses of factors to their candidates or to the identity; 8 or 4 bytes an element.
extern "C" __global__ void __launch_bounds__(panoptim::copy_threads)
    panoptim_kfac_adopt(const panoptim_kfac_selection launch) {
    using namespace panoptim;
    const unsigned step = gridDim.x * copy_threads;
    const unsigned first = blockIdx.x * copy_threads + threadIdx.x;
    for (int64_t i = 0; i < launch.count; ++i) {
        const panoptim_kfac_factor &factor = launch.factors[launch.chosen[i]];
        // At most 46001, so that the elements can be counted in 32 bits.
        const auto size = static_cast<unsigned>(factor.size);
        const float *candidate = factor.buffers[1 - launch.layers[factor.layer].current];
        for (unsigned at = first; at < size * size; at += step) {
            factor.inverse[at] = launch.value == PANOPTIM_KFAC_CANDIDATE ? candidate[at]
                                 : at / size == at % size                ? 1.0F
                                                                         : 0.0F;
        }
    }
}
