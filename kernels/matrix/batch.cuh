// What the kernels on batches of matrices share. Device code alone.
#pragma once

#include <stdint.h>

#include "panoptim_matrix.h"
#include "rules/numerics.cuh"
#include "rules/portable.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

constexpr int matrix_threads = 256;
constexpr int matrix_block = PANOPTIM_MATRIX_BLOCK;
// A row of a block in shared memory, so that columns have no bank in common.
constexpr int matrix_row = matrix_block + 1;

__device__ __forceinline__ float *matrix_at(const panoptim_matrix_batch &batch, int64_t matrix) {
    return batch.first + matrix * batch.stride;
}

// Blocks that cover the rows of a matrix from one on.
__device__ __forceinline__ int matrix_blocks(int rows) {
    return (rows + matrix_block - 1) / matrix_block;
}

// The rows of a block that a matrix has.
__device__ __forceinline__ int rows_of_block(const panoptim_matrix_launch &launch, int first) {
    const int left = static_cast<int>(launch.size) - first;
    return left < matrix_block ? left : matrix_block;
}

// Calls use(row, column, offset in shared memory) for the elements of a block that this thread has.
template <int Row = matrix_row, typename Use>
__device__ __forceinline__ void each_of_block(int rows, int columns, const Use &use) {
    for (int i = static_cast<int>(threadIdx.x); i < rows * columns; i += matrix_threads) {
        const int row = i / columns;
        const int column = i % columns;
        use(row, column, row * Row + column);
    }
}

} // namespace PANOPTIM_TIER
} // namespace panoptim
