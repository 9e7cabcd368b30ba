// The Cholesky factorisation of batches of symmetric matrices, L L^T = A + damping * I, by blocks
// of 64 columns:
//   begin      the lower triangle of A + damping * I
//   factorise  a block on the diagonal, a thread block for each matrix, in double
//   solve      the blocks below it, L_ij = A_ij / L_jj^T, a thread block for each 64 rows
//   (cuBLAS)   what is right of them, A_ik - L_ij L_kj^T
//   end        zeros above the diagonal
// A pivot that is not above 0, or not finite, becomes NaN, and so does everything that comes after
// it, the last pivot included; then end makes a NaN of every element.
//
// Traffic: begin and end 8 bytes an element; solve 8 bytes an element below the block.
#include "matrix/batch.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace {

// L L^T of a block in shared memory, in its place; what is above the diagonal is not used.
__device__ __forceinline__ void factorise_block(double *block, int rows) {
    const auto thread = static_cast<int>(threadIdx.x);
    for (int j = 0; j < rows; ++j) {
        if (thread == 0) {
            const double pivot = block[j * matrix_row + j];
            const double root = square_root(pivot);
            // What would be stored as 0 is none either.
            block[j * matrix_row + j] =
                static_cast<float>(root) > 0 && finite(root) ? root : __builtin_nan("");
        }
        __syncthreads();
        for (int i = j + 1 + thread; i < rows; i += matrix_threads) {
            block[i * matrix_row + j] = block[i * matrix_row + j] / block[j * matrix_row + j];
        }
        __syncthreads();
        const int left = rows - j - 1;
        for (int e = thread; e < left * left; e += matrix_threads) {
            const int i = j + 1 + e / left;
            const int k = j + 1 + e % left;
            if (k <= i) {
                block[i * matrix_row + k] = block[i * matrix_row + k] -
                                            block[i * matrix_row + j] * block[k * matrix_row + j];
            }
        }
        __syncthreads();
    }
}

} // namespace
} // namespace PANOPTIM_TIER
} // namespace panoptim

extern "C" __global__ void __launch_bounds__(panoptim::matrix_threads)
    panoptim_matrix_begin(const panoptim_matrix_launch launch) {
    using namespace panoptim;
    const int64_t size = launch.size;
    const int64_t elements = launch.count * size * size;
    for (int64_t i = int64_t{blockIdx.x} * matrix_threads + threadIdx.x; i < elements;
         i += int64_t{gridDim.x} * matrix_threads) {
        const int64_t matrix = i / (size * size);
        const int64_t at = i % (size * size);
        const int64_t row = at / size;
        const int64_t column = at % size;
        float value = 0;
        if (column < row) {
            value = matrix_at(launch.from, matrix)[at];
        } else if (column == row) {
            const double diagonal = matrix_at(launch.from, matrix)[at];
            value = static_cast<float>(diagonal + launch.scalar);
        }
        matrix_at(launch.to, matrix)[at] = value;
    }
}

extern "C" __global__ void __launch_bounds__(panoptim::matrix_threads)
    panoptim_matrix_factorise(const panoptim_matrix_launch launch) {
    using namespace panoptim;
    __shared__ double block[matrix_block * matrix_row];
    const int64_t size = launch.size;
    const int rows = rows_of_block(launch, static_cast<int>(launch.block));
    for (int64_t matrix = blockIdx.x; matrix < launch.count; matrix += gridDim.x) {
        float *corner = matrix_at(launch.to, matrix) + launch.block * size + launch.block;
        each_of_block(rows, rows, [&](int row, int column, int at) {
            block[at] = corner[row * size + column];
        });
        __syncthreads();
        factorise_block(block, rows);
        each_of_block(rows, rows, [&](int row, int column, int at) {
            if (column <= row) {
                corner[row * size + column] = static_cast<float>(block[at]);
            }
        });
        __syncthreads();
    }
}

extern "C" __global__ void __launch_bounds__(panoptim::matrix_threads)
    panoptim_matrix_solve(const panoptim_matrix_launch launch) {
    using namespace panoptim;
    __shared__ float diagonal[matrix_block * matrix_row];
    __shared__ float below[matrix_block * matrix_row];
    const int64_t size = launch.size;
    const int first = static_cast<int>(launch.block) + matrix_block;
    const int blocks = matrix_blocks(static_cast<int>(launch.size) - first);
    for (int64_t task = blockIdx.x; task < launch.count * blocks; task += gridDim.x) {
        const int row_block = first + static_cast<int>(task % blocks) * matrix_block;
        const int rows = rows_of_block(launch, row_block);
        float *matrix = matrix_at(launch.to, task / blocks);
        const float *corner = matrix + launch.block * size + launch.block;
        float *panel = matrix + row_block * size + launch.block;
        each_of_block(matrix_block, matrix_block, [&](int row, int column, int at) {
            diagonal[at] = corner[row * size + column];
        });
        each_of_block(rows, matrix_block,
                      [&](int row, int column, int at) { below[at] = panel[row * size + column]; });
        __syncthreads();
        // A thread solves a row.
        const auto row = static_cast<int>(threadIdx.x);
        if (row < rows) {
            float *own = below + row * matrix_row;
            for (int j = 0; j < matrix_block; ++j) {
                double sum = own[j];
                for (int k = 0; k < j; ++k) {
                    sum = sum - static_cast<double>(own[k]) *
                                    static_cast<double>(diagonal[j * matrix_row + k]);
                }
                own[j] = static_cast<float>(sum / diagonal[j * matrix_row + j]);
            }
        }
        __syncthreads();
        each_of_block(rows, matrix_block, [&](int at_row, int column, int at) {
            panel[at_row * size + column] = below[at];
        });
        __syncthreads();
    }
}

extern "C" __global__ void __launch_bounds__(panoptim::matrix_threads)
    panoptim_matrix_end(const panoptim_matrix_launch launch) {
    using namespace panoptim;
    const int64_t size = launch.size;
    const int64_t elements = launch.count * size * size;
    for (int64_t i = int64_t{blockIdx.x} * matrix_threads + threadIdx.x; i < elements;
         i += int64_t{gridDim.x} * matrix_threads) {
        float *matrix = matrix_at(launch.to, i / (size * size));
        const int64_t at = i % (size * size);
        // Who writes it writes NaN for NaN.
        const float last = matrix[size * size - 1];
        if (last != last) {
            matrix[at] = last;
        } else if (at % size > at / size) {
            matrix[at] = 0;
        }
    }
}
