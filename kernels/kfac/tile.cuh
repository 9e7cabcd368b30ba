// Products of tiles of 64 x 64 elements by a thread block of 256 threads, 4 x 4 elements a thread.
//
// Matrix work within error bounds: it contracts, so kernels that use it are named in lint-ptx.
// Each product moves 2 * 64 * 64 elements through shared memory for 2 * 64^3 operations.
#pragma once

#include "panoptim_kfac.h"
#include "rules/numerics.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

constexpr int tile = PANOPTIM_KFAC_TILE;
constexpr int tile_elements = tile * tile;
constexpr int tile_threads = 256;
// Elements of a row or column of a tile that a thread has.
constexpr int tile_share = 4;
// Elements from a row of a tile in shared memory to the next: the padding spreads the banks.
constexpr int tile_stride = tile + 4;

__device__ __forceinline__ float fused(float a, float b, float c) {
    return __fmaf_rn(a, b, c);
}

__device__ __forceinline__ double fused(double a, double b, double c) {
    return __fma_rn(a, b, c);
}

// Columns of a tile that are in shared memory at a time.
template <typename Real>
constexpr int slice = sizeof(Real) == 4 ? 16 : 8;

// A slice of both operands, transposed.
template <typename Real>
struct Slices {
    Real left[slice<Real>][tile_stride];
    Real right[slice<Real>][tile_stride];
};

// The first of a thread's rows, and of its columns.
__device__ __forceinline__ int tile_row() {
    return static_cast<int>(threadIdx.x) / 16 * tile_share;
}

__device__ __forceinline__ int tile_column() {
    return static_cast<int>(threadIdx.x) % 16 * tile_share;
}

// A thread's elements of a tile.
template <typename Real>
struct Share {
    Real at[tile_share][tile_share];

    __device__ __forceinline__ void clear() {
#pragma unroll
        for (auto &row : at) {
#pragma unroll
            for (Real &element : row) {
                element = 0;
            }
        }
    }

    // Adds Sign times the outer product of a row of either operand, both transposed.
    template <int Sign>
    __device__ __forceinline__ void add(const Real *left, const Real *right) {
        Real a[tile_share];
        Real b[tile_share];
#pragma unroll
        for (int i = 0; i < tile_share; ++i) {
            a[i] = Sign < 0 ? -left[tile_row() + i] : left[tile_row() + i];
            b[i] = right[tile_column() + i];
        }
#pragma unroll
        for (int i = 0; i < tile_share; ++i) {
#pragma unroll
            for (int j = 0; j < tile_share; ++j) {
                at[i][j] = fused(a[i], b[j], at[i][j]);
            }
        }
    }

    // Calls use(row, column, element) for each.
    template <typename Use>
    __device__ __forceinline__ void each(Use use) {
#pragma unroll
        for (int i = 0; i < tile_share; ++i) {
#pragma unroll
            for (int j = 0; j < tile_share; ++j) {
                use(tile_row() + i, tile_column() + j, at[i][j]);
            }
        }
    }
};

// Reads some columns of a tile in global memory into shared memory, transposed. Other thread blocks
// of the same launch have written it, so the first-level cache must not serve it.
template <typename Real>
__device__ __forceinline__ void load_slice(Real (*to)[tile_stride], const Real *from, int first) {
    constexpr int columns = slice<Real>;
#pragma unroll
    for (int i = 0; i < tile * columns / tile_threads; ++i) {
        const int element = static_cast<int>(threadIdx.x) + i * tile_threads;
        const int row = element / columns;
        const int column = element % columns;
        to[column][row] = __ldcg(from + row * tile + first + column);
    }
}

// share += Sign * left * right^T, of tiles in global memory, by rows.
template <int Sign, typename Real>
__device__ __forceinline__ void multiply_tiles(Share<Real> &share, const Real *left,
                                               const Real *right, Slices<Real> &slices) {
    for (int first = 0; first < tile; first += slice<Real>) {
        load_slice(slices.left, left, first);
        load_slice(slices.right, right, first);
        __syncthreads();
#pragma unroll
        for (int k = 0; k < slice<Real>; ++k) {
            share.template add<Sign>(slices.left[k], slices.right[k]);
        }
        __syncthreads();
    }
}

// share += Sign * left * right^T, of a tile in shared memory that is transposed and one in global
// memory that is not.
template <int Sign, typename Real>
__device__ __forceinline__ void multiply_shared(Share<Real> &share, const Real (*left)[tile_stride],
                                                const Real *right, Slices<Real> &slices) {
    for (int first = 0; first < tile; first += slice<Real>) {
        load_slice(slices.right, right, first);
        __syncthreads();
#pragma unroll
        for (int k = 0; k < slice<Real>; ++k) {
            share.template add<Sign>(left[first + k], slices.right[k]);
        }
        __syncthreads();
    }
}

// The tiles on and below a diagonal, by rows: the row and column of one.
__device__ __forceinline__ void locate_tile(int64_t number, int &row, int &column) {
    auto guess = static_cast<int64_t>(square_root(2.0 * static_cast<double>(number)));
    while (guess * (guess + 1) / 2 > number) {
        --guess;
    }
    while ((guess + 1) * (guess + 2) / 2 <= number) {
        ++guess;
    }
    row = static_cast<int>(guess);
    column = static_cast<int>(number - guess * (guess + 1) / 2);
}

} // namespace PANOPTIM_TIER
} // namespace panoptim
