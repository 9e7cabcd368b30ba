// Bounds the error of inverses: products with Gaussian vectors omega, in double (Halko, Martinsson
// and Tropp, "Finding structure with randomness", SIAM Review 53, 2011, lemma 4.1).
//   stage 0: Y = B D omega, and norms of B
//   stage 1: E omega = omega - 1/D X Y, and norms of X
//   stages 2 and 3: the same of E omega instead of omega, without norms
//
// A thread block takes 64 rows of a matrix, four threads a row. 20 n^2 operations a stage; reads 4
// bytes an element. Sums of 64 products are added: 16 a thread, then the four threads' at the end.
#include "kfac/tile.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace {

constexpr int probes = PANOPTIM_KFAC_PROBES;
// Threads that share a row, and its columns in a tile that each of them has.
constexpr int row_threads = tile_threads / tile;
constexpr int row_columns = tile / row_threads;

struct CertifyShared {
    float elements[tile][tile + 1];
    double vectors[tile][probes];
    double scale[tile];
    // What the rows come to.
    double results[probes + 2][tile];
};

// Whether a stage multiplies by the factor; else by the inverse.
__device__ __forceinline__ bool of_factor(const panoptim_kfac_inversion &launch) {
    return launch.stage % 2 == 0;
}

// What E is applied to.
__device__ __forceinline__ const double *vectors_of(const panoptim_kfac_inversion &launch,
                                                    const panoptim_kfac_matrix &matrix) {
    return launch.stage < 2 ? launch.probes : matrix.residuals;
}

// D of a row.
__device__ __forceinline__ double scale_of(const panoptim_kfac_matrix &matrix, const float *factor,
                                           int64_t row) {
    return 1 / square_root(static_cast<double>(factor[row * matrix.size + row]) + matrix.damping);
}

__device__ __forceinline__ void load_columns(const panoptim_kfac_inversion &launch,
                                             const panoptim_kfac_matrix &matrix,
                                             const float *factor, const float *elements, int row,
                                             int column, CertifyShared &shared) {
    const int64_t size = matrix.size;
    if (threadIdx.x < tile) {
        const int64_t at = column * tile + static_cast<int>(threadIdx.x);
        shared.scale[threadIdx.x] = at < size ? scale_of(matrix, factor, at) : 1.0;
    }
    for (int i = static_cast<int>(threadIdx.x); i < tile_elements; i += tile_threads) {
        const int64_t at = row * tile + i / tile;
        const int64_t to = column * tile + i % tile;
        shared.elements[i / tile][i % tile] =
            at < size && to < size ? elements[at * size + to] : 0.0F;
    }
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.x); i < tile * probes; i += tile_threads) {
        const int64_t at = column * tile + i / probes;
        double value = 0;
        if (at < size) {
            const int64_t index = at * probes + i % probes;
            value = of_factor(launch) ? shared.scale[i / probes] * vectors_of(launch, matrix)[index]
                                      : matrix.images[index];
        }
        shared.vectors[i / probes][i % probes] = value;
    }
    __syncthreads();
}

// Adds over the threads of a row; they are neighbours.
__device__ __forceinline__ double over_row(double value) {
    for (int lanes = 1; lanes < row_threads; lanes *= 2) {
        value += __shfl_xor_sync(0xffffffffU, value, lanes);
    }
    return value;
}

__device__ __forceinline__ void certify_rows(const panoptim_kfac_inversion &launch,
                                             const panoptim_kfac_matrix &matrix, int row,
                                             CertifyShared &shared) {
    const int current = matrix.layer->current;
    const float *factor = matrix.factor->buffers[current];
    const float *elements = of_factor(launch) ? factor : matrix.factor->buffers[1 - current];
    const int row_in_tile = static_cast<int>(threadIdx.x) / row_threads;
    const int part = static_cast<int>(threadIdx.x) % row_threads;
    const int64_t at = row * tile + row_in_tile;
    const bool there = at < matrix.size;
    const double row_scale = there ? scale_of(matrix, factor, at) : 1.0;
    double products[probes] = {};
    double square = 0;
    double absolutes = 0;
    for (int column = 0; column < matrix.side; ++column) {
        load_columns(launch, matrix, factor, elements, row, column, shared);
        double block[probes] = {};
        double block_square = 0;
        double block_absolutes = 0;
        for (int i = 0; i < row_columns; ++i) {
            // Spread, so that the threads of a row read from different banks.
            const int j = i * row_threads + part;
            auto element = static_cast<double>(shared.elements[row_in_tile][j]);
            if (of_factor(launch) && there && at == column * tile + j) {
                element += matrix.damping;
            }
#pragma unroll
            for (int p = 0; p < probes; ++p) {
                block[p] = fused(element, shared.vectors[j][p], block[p]);
            }
            const double scale = row_scale * shared.scale[j];
            const double scaled = of_factor(launch) ? element * scale : element / scale;
            block_square = fused(scaled, scaled, block_square);
            block_absolutes += element < 0 ? -element : element;
        }
#pragma unroll
        for (int p = 0; p < probes; ++p) {
            products[p] += block[p];
        }
        square += block_square;
        absolutes += block_absolutes;
        __syncthreads();
    }
#pragma unroll
    for (int p = 0; p < probes; ++p) {
        const double product = over_row(products[p]);
        double result = 0;
        if (there && of_factor(launch)) {
            if (part == 0) {
                matrix.images[at * probes + p] = product;
            }
        } else if (there) {
            const double residual =
                vectors_of(launch, matrix)[at * probes + p] - product / row_scale;
            if (part == 0 && launch.stage == 1) {
                matrix.residuals[at * probes + p] = residual;
            }
            result = residual * residual;
        }
        if (part == 0) {
            shared.results[p][row_in_tile] = result;
        }
    }
    square = over_row(square);
    absolutes = over_row(absolutes);
    if (part == 0) {
        shared.results[probes][row_in_tile] = square;
        shared.results[probes + 1][row_in_tile] = absolutes;
    }
    __syncthreads();
    panoptim_kfac_certified &certified = matrix.certified[row];
    if (threadIdx.x < probes + 2) {
        const auto which = static_cast<int>(threadIdx.x);
        double sum = 0;
        for (int i = 0; i < tile; ++i) {
            const double value = shared.results[which][i];
            sum = which == probes + 1 ? maximum(sum, value) : sum + value;
        }
        if (which < probes) {
            if (!of_factor(launch)) {
                (launch.stage == 1 ? certified.once : certified.twice)[which] = sum;
            }
        } else if (launch.stage >= 2) {
            // The norms are known.
        } else if (which == probes) {
            (launch.stage == 0 ? certified.factor_square : certified.inverse_square) = sum;
        } else {
            (launch.stage == 0 ? certified.factor_row : certified.inverse_row) = sum;
        }
    }
    __syncthreads();
}

} // namespace
} // namespace PANOPTIM_TIER
} // namespace panoptim

extern "C" __global__ void __launch_bounds__(panoptim::tile_threads)
    panoptim_kfac_certify(const panoptim_kfac_inversion launch) {
    using namespace panoptim;
    __shared__ CertifyShared shared;
    for (int64_t i = blockIdx.x; i < launch.count; i += gridDim.x) {
        const panoptim_kfac_task task = launch.tasks[i];
        const panoptim_kfac_matrix &matrix = launch.matrices[task.matrix];
        // Of a matrix that could not be factorised only its own norms are of use.
        if (launch.stage == 0 || *matrix.status == PANOPTIM_KFAC_INVERTED) {
            certify_rows(launch, matrix, task.row, shared);
        }
    }
}
