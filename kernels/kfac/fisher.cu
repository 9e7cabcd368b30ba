// The diagonals of Kronecker factors (Gomes, Zhang, Belilovsky, Wolf and Hosseini, "AdaFisher:
// Adaptive Second Order Optimization via Fisher Information", 2025).
#include "kfac/contribution.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace {

constexpr int diagonal_threads = 256;
// Columns that a thread block sums at a time, and its threads that share one.
constexpr int diagonal_columns = 32;
constexpr int diagonal_lanes = diagonal_threads / diagonal_columns;
constexpr unsigned curvature_piece = PANOPTIM_KFAC_PIECE;

struct DiagonalShared {
    double sums[diagonal_lanes][diagonal_columns];
    int64_t counts[diagonal_threads / 32];
};

// The sum of squares of a column of x over the rows that count.
__device__ __forceinline__ double sum_squares(const panoptim_kfac_contribution &contribution,
                                              int side, int column, double scale, int lane) {
    const float *values = side == 0 ? contribution.inputs : contribution.output_gradients;
    const int given = side == 0 ? contribution.columns[0] : contribution.columns[1];
    double sum = 0;
    for (int64_t row = lane; row < contribution.rows; row += diagonal_lanes) {
        if (contribution.mask == nullptr || contribution.mask[row] != 0) {
            const double x =
                column < given ? static_cast<double>(values[row * given + column]) * scale : 1.0;
            sum += x * x;
        }
    }
    return sum;
}

// ((d - min) / (max - min + 1e-6)) folded into the average.
__device__ __forceinline__ void fold(const panoptim_kfac_diagonal &diagonal, int side, double keep,
                                     double add, double *shared) {
    const double *pending = diagonal.pending[side];
    const int size = diagonal.sizes[side];
    double least = pending[0];
    double most = pending[0];
    for (int i = static_cast<int>(threadIdx.x); i < size; i += diagonal_threads) {
        least = minimum(least, pending[i]);
        most = maximum(most, pending[i]);
    }
    double *lowest = shared;
    double *highest = shared + diagonal_threads;
    lowest[threadIdx.x] = least;
    highest[threadIdx.x] = most;
    __syncthreads();
    for (unsigned width = diagonal_threads / 2; width > 0; width /= 2) {
        if (threadIdx.x < width) {
            lowest[threadIdx.x] = minimum(lowest[threadIdx.x], lowest[threadIdx.x + width]);
            highest[threadIdx.x] = maximum(highest[threadIdx.x], highest[threadIdx.x + width]);
        }
        __syncthreads();
    }
    least = lowest[0];
    const double range = highest[0] - least + 1e-6;
    __syncthreads();
    float *average = diagonal.averages[side];
    for (int i = static_cast<int>(threadIdx.x); i < size; i += diagonal_threads) {
        const double normalised = (pending[i] - least) / range;
        // What is not kept may be anything.
        const double kept = keep != 0 ? keep * static_cast<double>(average[i]) : 0.0;
        average[i] = static_cast<float>(kept + add * normalised);
    }
}

__device__ __forceinline__ bool pending_finite(const panoptim_kfac_diagonal &diagonal) {
    int bad = 0;
    for (int side = 0; side < 2; ++side) {
        for (int i = static_cast<int>(threadIdx.x); i < diagonal.sizes[side];
             i += diagonal_threads) {
            bad |= finite(diagonal.pending[side][i]) ? 0 : 1;
        }
    }
    return __syncthreads_or(bad) == 0;
}

} // namespace
} // namespace PANOPTIM_TIER
} // namespace panoptim

// D <- r D + S / N, with S the sums of squares over the rows that count, N the rows so far and r
// the part of them that was there before. A thread block for each 32 columns; reads 4 bytes an
// element.
extern "C" __global__ void __launch_bounds__(panoptim::diagonal_threads)
    panoptim_kfac_diagonal_accumulate(const panoptim_kfac_diagonal_accumulation launch) {
    using namespace panoptim;
    __shared__ DiagonalShared scratch;
    const panoptim_kfac_diagonal &diagonal = *launch.diagonal;
    const int64_t counted = count_rows(launch.contribution, scratch.counts);
    const Weighing weighing = weigh(launch.contribution, *launch.layer, counted);
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        note_rows(launch.contribution, *launch.layer, weighing);
    }
    if (counted == 0) {
        return;
    }
    const int of_inputs = (diagonal.sizes[0] + diagonal_columns - 1) / diagonal_columns;
    const int block = static_cast<int>(blockIdx.x);
    const int side = block < of_inputs ? 0 : 1;
    const int first = (side == 0 ? block : block - of_inputs) * diagonal_columns;
    const int lane = static_cast<int>(threadIdx.x) / diagonal_columns;
    const int thread_column = static_cast<int>(threadIdx.x) % diagonal_columns;
    const int column = first + thread_column;
    const bool there = column < diagonal.sizes[side];
    scratch.sums[lane][thread_column] = there ? sum_squares(launch.contribution, side, column,
                                                            side == 0 ? 1.0 : weighing.scale, lane)
                                              : 0.0;
    __syncthreads();
    if (lane == 0 && there) {
        double sum = 0;
        for (int i = 0; i < diagonal_lanes; ++i) {
            sum += scratch.sums[i][thread_column];
        }
        const double so_far = weighing.before + weighing.rows;
        double &pending = diagonal.pending[side][column];
        const double before = weighing.before > 0 ? (weighing.before / so_far) * pending : 0.0;
        pending = before + sum / so_far;
    }
}

// Takes up what is pending, a thread block a layer. Four of them on a multiprocessor are enough, so
// that there are registers for all.
extern "C" __global__ void __launch_bounds__(panoptim::diagonal_threads, 4)
    panoptim_kfac_diagonal_commit_layers(const panoptim_kfac_diagonal_commit launch) {
    using namespace panoptim;
    __shared__ double shared[2 * diagonal_threads];
    for (int64_t i = blockIdx.x; i < launch.count; i += gridDim.x) {
        const int number = launch.chosen[i];
        panoptim_kfac_layer &layer = launch.layers[number];
        const panoptim_kfac_diagonal &diagonal = launch.diagonals[number];
        const bool wanted = is_accepted(launch.facts) && layer.rows[launch.slots[i]] > 0;
        const bool good = wanted && pending_finite(diagonal);
        const int64_t update = layer.updates + 1;
        __syncthreads();
        if (good) {
            const double share = share_of(launch.decay, update);
            const double add = launch.normalised != 0 ? share : 1 - launch.decay;
            const double keep = launch.normalised != 0 ? 1 - share : launch.decay / 10;
            fold(diagonal, 0, keep, add, shared);
            __syncthreads();
            fold(diagonal, 1, keep, add, shared);
        }
        if (threadIdx.x == 0) {
            if (good) {
                note_update(layer, launch.facts);
            }
            layer.refused += wanted && !good ? 1 : 0;
            layer.taken = is_accepted(launch.facts) ? 1 : 0;
        }
        __syncthreads();
    }
}

// Writes s h^T, multiplied by the loss scale since the step unscales what it reads, for the pieces
// of layers with a contribution to an accepted step, even if none of its rows counted: the rule
// reads it in this step. 4 bytes an element.
extern "C" __global__ void __launch_bounds__(panoptim::diagonal_threads)
    panoptim_kfac_diagonal_write(const panoptim_kfac_diagonal_commit launch) {
    using namespace panoptim;
    const panoptim_kfac_facts &facts = launch.facts;
    const auto loss_scale = static_cast<float>(
        1 / (facts.control != nullptr ? facts.control->gradient_scale : facts.gradient_scale));
    for (int64_t i = blockIdx.x; i < launch.count; i += gridDim.x) {
        const panoptim_kfac_piece piece = launch.pieces[i];
        if (launch.layers[piece.layer].taken == 0) {
            continue;
        }
        const panoptim_kfac_diagonal &diagonal = launch.diagonals[piece.layer];
        // Sides are at most 46001, so that the elements can be counted in 32 bits.
        const auto columns = static_cast<unsigned>(diagonal.sizes[0]);
        const auto inputs = static_cast<unsigned>(diagonal.inputs);
        const unsigned elements = static_cast<unsigned>(diagonal.sizes[1]) * columns;
        const unsigned first = static_cast<unsigned>(piece.index) * curvature_piece;
        for (unsigned at = first + threadIdx.x; at < first + curvature_piece && at < elements;
             at += diagonal_threads) {
            const unsigned row = at / columns;
            const unsigned column = at - row * columns;
            const float output = loss_scale * diagonal.averages[1][row];
            const float value = output * diagonal.averages[0][column];
            if (column < inputs) {
                diagonal.weight[row * inputs + column] = value;
            } else {
                diagonal.bias[row] = value;
            }
        }
    }
}
