// Adds a micro-batch to both factors of a layer: C <- r C + (1 - r) (1 - share) F + share / N S
// with S = sum of x x^T over the rows that count, x an input with a one behind it or an output
// gradient, N the rows so far and r the part of them that was there before. The share is that of an
// exponential moving average without its bias to zero (Martens and Grosse, "Optimizing Neural
// Networks with Kronecker-factored Approximate Curvature", 2015).
//
// One thread block for each tile on or below the diagonal of either factor; a tile is written with
// its mirror image. For a factor of n rows: n^2 * rows operations; reads rows * 4 bytes
// of every column 2 n / 64 times (mostly from the cache), and reads and writes 8 bytes an element.
#include "kfac/contribution.cuh"
#include "kfac/tile.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace {

// The columns of one side's x.
struct Columns {
    const float *values; // rows x given
    int given;           // that lie in memory; the one behind them is 1
    int size;
    float scale;

    __device__ __forceinline__ float at(int64_t row, int column) const {
        if (column < given) {
            return values[row * given + column] * scale;
        }
        return column < size ? 1.0F : 0.0F;
    }
};

constexpr int rows_at_a_time = 16;

struct AccumulateShared {
    float left[rows_at_a_time][tile_stride];
    float right[rows_at_a_time][tile_stride];
    float diagonal[tile];
    int64_t counts[tile_threads / 32];
};

__device__ __forceinline__ void load_rows(float (*to)[tile_stride], const Columns &columns,
                                          const panoptim_kfac_contribution &contribution,
                                          int64_t first, int first_column) {
#pragma unroll
    for (int i = 0; i < rows_at_a_time * tile / tile_threads; ++i) {
        const int element = static_cast<int>(threadIdx.x) + i * tile_threads;
        const int64_t row = first + element / tile;
        const int column = element % tile;
        const bool counts = row < contribution.rows &&
                            (contribution.mask == nullptr || contribution.mask[row] != 0);
        to[element / tile][column] = counts ? columns.at(row, first_column + column) : 0.0F;
    }
}

__device__ __forceinline__ void accumulate_tile(const panoptim_kfac_accumulation &launch, int side,
                                                int row, int column, const Weighing &weighing,
                                                AccumulateShared &shared) {
    const panoptim_kfac_contribution &contribution = launch.contribution;
    const panoptim_kfac_factor &factor = launch.factors[side];
    const bool of_inputs = side == 0;
    const Columns columns{of_inputs ? contribution.inputs : contribution.output_gradients,
                          of_inputs ? contribution.columns[0] : contribution.columns[1],
                          factor.size, of_inputs ? 1.0F : static_cast<float>(weighing.scale)};
    Share<float> sums;
    sums.clear();
    for (int64_t first = 0; first < contribution.rows; first += rows_at_a_time) {
        load_rows(shared.left, columns, contribution, first, row * tile);
        load_rows(shared.right, columns, contribution, first, column * tile);
        __syncthreads();
#pragma unroll
        for (int k = 0; k < rows_at_a_time; ++k) {
            sums.add<1>(shared.left[k], shared.right[k]);
        }
        __syncthreads();
    }

    const double so_far = weighing.before + weighing.rows;
    const double share = share_of(launch.decay, launch.layer->updates + 1);
    const auto rest = static_cast<float>(weighing.before / so_far);
    const auto old = static_cast<float>((weighing.rows / so_far) * (1 - share));
    const auto added = static_cast<float>(share / so_far);
    const int current = launch.layer->current;
    const float *average = factor.buffers[current];
    float *pending = factor.buffers[1 - current];
    const int64_t size = factor.size;
    sums.each([&](int i, int j, float sum) {
        const int64_t at = row * tile + i;
        const int64_t to = column * tile + j;
        // Above the diagonal its mirror image does it.
        if (at >= size || to > at) {
            return;
        }
        float value = added * sum;
        if (old != 0) {
            value = fused(old, average[at * size + to], value);
        }
        if (rest != 0) {
            value = fused(rest, pending[at * size + to], value);
        }
        pending[at * size + to] = value;
        if (to != at) {
            pending[to * size + at] = value;
        } else {
            shared.diagonal[i] = value;
        }
    });
    if (row == column) {
        __syncthreads();
        if (threadIdx.x == 0) {
            double trace = 0;
            for (int i = 0; i < tile && row * tile + i < size; ++i) {
                trace += static_cast<double>(shared.diagonal[i]);
            }
            factor.traces[row] = trace;
        }
    }
}

} // namespace
} // namespace PANOPTIM_TIER
} // namespace panoptim

extern "C" __global__ void __launch_bounds__(panoptim::tile_threads)
    panoptim_kfac_accumulate(const panoptim_kfac_accumulation launch) {
    using namespace panoptim;
    __shared__ AccumulateShared shared;
    const int64_t counted = count_rows(launch.contribution, shared.counts);
    const Weighing weighing = weigh(launch.contribution, *launch.layer, counted);
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        note_rows(launch.contribution, *launch.layer, weighing);
    }
    if (counted == 0) {
        return;
    }
    const int64_t side = (launch.factors[0].size + tile - 1) / tile;
    const int64_t inputs = side * (side + 1) / 2;
    const bool of_inputs = blockIdx.x < inputs;
    int row;
    int column;
    locate_tile(of_inputs ? blockIdx.x : blockIdx.x - inputs, row, column);
    accumulate_tile(launch, of_inputs ? 0 : 1, row, column, weighing, shared);
}
