// What the inverse of batches of symmetric matrices needs beside their factorisation (factorise.cu)
// and products: the inverses of the blocks on the diagonal of L, with zeros above, from which
// products make the rest of W = 1 / L and X = W^T W. A thread block for each block, in double.
#include "matrix/batch.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace {

// Rows without a gap between them: 48 KiB are all that there is without asking. A row of `lower` is
// read by all threads at once, and neighbours have neighbouring columns.

// The inverse of a lower triangle, by columns: thread j has column j.
__device__ __forceinline__ void invert_block(const float *lower, double *inverse, int rows) {
    const auto j = static_cast<int>(threadIdx.x);
    if (j >= rows) {
        return;
    }
    for (int i = 0; i < rows; ++i) {
        double sum = i == j ? 1.0 : 0.0;
        for (int k = j; k < i; ++k) {
            sum = sum -
                  static_cast<double>(lower[i * matrix_block + k]) * inverse[k * matrix_block + j];
        }
        inverse[i * matrix_block + j] = i < j ? 0.0 : sum / lower[i * matrix_block + i];
    }
}

} // namespace
} // namespace PANOPTIM_TIER
} // namespace panoptim

extern "C" __global__ void __launch_bounds__(panoptim::matrix_threads)
    panoptim_matrix_invert(const panoptim_matrix_launch launch) {
    using namespace panoptim;
    __shared__ float lower[matrix_block * matrix_block];
    __shared__ double inverse[matrix_block * matrix_block];
    const int64_t size = launch.size;
    const int blocks = matrix_blocks(static_cast<int>(launch.size));
    for (int64_t task = blockIdx.x; task < launch.count * blocks; task += gridDim.x) {
        const int first = static_cast<int>(task % blocks) * matrix_block;
        const int rows = rows_of_block(launch, first);
        const float *from = matrix_at(launch.from, task / blocks) + first * size + first;
        float *to = matrix_at(launch.to, task / blocks) + first * size + first;
        each_of_block<matrix_block>(rows, rows, [&](int row, int column, int at) {
            lower[at] = from[row * size + column];
        });
        __syncthreads();
        invert_block(lower, inverse, rows);
        __syncthreads();
        each_of_block<matrix_block>(rows, rows, [&](int row, int column, int at) {
            to[row * size + column] = static_cast<float>(inverse[at]);
        });
        // And zeros right of it, where products will look for the rest of the triangle.
        const int right = static_cast<int>(launch.size) - first - rows;
        for (int i = static_cast<int>(threadIdx.x); i < rows * right; i += matrix_threads) {
            to[i / right * size + rows + i % right] = 0;
        }
        __syncthreads();
    }
}
