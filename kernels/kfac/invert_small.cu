// Inverts small symmetric positive definite matrices B = F + damping * I, a thread block each,
// wholly in shared memory: D B D = L L^T with D = 1 / sqrt(diagonal), W = 1 / L, and X = D W^T W D.
//
// The lower triangle is packed by rows, padded to blocks of 16 x 16 with the identity, and becomes
// L and then W in place. A warp computes a block, 4 x 2 elements a thread, so that it reads six
// elements for eight multiplications. n^3 operations and about 3/2 n^3 bytes of shared memory read;
// of global memory the matrix is read and written once. Barriers: three for 16 columns of L, and
// four for 16 rows of W.
//
// Elements of a column lie i (i + 1) / 2 apart. These numbers differ modulo 32 for 32 rows from a
// multiple of 32 on, and at most two are the same from any other row on: columns are read with at
// most two conflicts a bank.
#include "kfac/tile.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace {

constexpr int small_threads = 512;
constexpr int small_warps = small_threads / 32;
// Rows and columns of a block.
constexpr int small_block = PANOPTIM_KFAC_SMALL_BLOCK;
// A thread's rows and columns of one, and the lanes that share them.
constexpr int small_rows = 4;
constexpr int small_columns = 2;
constexpr int row_lanes = small_block / small_rows;
constexpr int column_lanes = small_block / small_columns;

// One matrix and the thread block that inverts it.
class SmallInverse {
  public:
    __device__ __forceinline__ SmallInverse(const panoptim_kfac_matrix &matrix, float *triangle,
                                            int *failed)
        : matrix_(matrix), triangle_(triangle), failed_(failed),
          // Free until the certificate: the triangle leaves no space for D.
          scales_(reinterpret_cast<float *>(matrix.images)),
          blocks_((matrix.size + small_block - 1) / small_block),
          warp_(static_cast<int>(threadIdx.x) / 32), lane_(static_cast<int>(threadIdx.x) % 32) {}

    // What came of it.
    __device__ __forceinline__ int run() {
        const int loaded = load();
        if (loaded != PANOPTIM_KFAC_INVERTED) {
            return loaded;
        }
        for (int block = 0; block < blocks_; ++block) {
            const int factorised = factorise(block);
            if (factorised != PANOPTIM_KFAC_INVERTED) {
                return factorised;
            }
        }
        for (int block = 0; block < blocks_; ++block) {
            invert(block);
        }
        multiply();
        return PANOPTIM_KFAC_INVERTED;
    }

  private:
    // A thread's elements of a block.
    struct Elements {
        float at[small_rows][small_columns];
    };

    __device__ __forceinline__ float &at(int row, int column) {
        return triangle_[row * (row + 1) / 2 + column];
    }

    __device__ __forceinline__ int row_of(int block, int i) const {
        return block * small_block + lane_ / column_lanes + i * row_lanes;
    }

    __device__ __forceinline__ int column_of(int block, int j) const {
        return block * small_block + lane_ % column_lanes + j * column_lanes;
    }

    // elements += left right^T.
    static __device__ __forceinline__ void add(Elements &elements, const float *left,
                                               const float *right) {
#pragma unroll
        for (int i = 0; i < small_rows; ++i) {
#pragma unroll
            for (int j = 0; j < small_columns; ++j) {
                elements.at[i][j] = fused(left[i], right[j], elements.at[i][j]);
            }
        }
    }

    // Calls use(row, column, element) for a thread's elements of a block.
    template <typename Use>
    __device__ __forceinline__ void each(int row, int column, Elements &elements, Use use) {
#pragma unroll
        for (int i = 0; i < small_rows; ++i) {
#pragma unroll
            for (int j = 0; j < small_columns; ++j) {
                use(row_of(row, i), column_of(column, j), elements.at[i][j]);
            }
        }
    }

    // The row and column of a block of a lower triangle of blocks, counted by rows.
    static __device__ __forceinline__ void locate(int number, int &row, int &column) {
        row = 0;
        while (number > row) {
            ++row;
            number -= row;
        }
        column = number;
    }

    // D B D, from D in single precision: whatever D is, it is taken off again.
    __device__ __forceinline__ int load() {
        const float *factor = matrix_.factor->buffers[matrix_.layer->current];
        const int size = matrix_.size;
        const int padded = blocks_ * small_block;
        const auto index = static_cast<int>(threadIdx.x);
        int not_finite = 0;
        int not_positive = 0;
        if (index < size) {
            const double diagonal =
                static_cast<double>(factor[index * size + index]) + matrix_.damping;
            not_finite = finite(diagonal) ? 0 : 1;
            not_positive = diagonal > 0 ? 0 : 1;
            const auto scale = static_cast<float>(1 / square_root(diagonal));
            scales_[index] = scale;
            at(index, index) = static_cast<float>(static_cast<double>(scale) *
                                                  static_cast<double>(scale) * diagonal);
        } else if (index < padded) {
            at(index, index) = 1;
        }
        if (__syncthreads_or(not_finite) != 0) {
            return PANOPTIM_KFAC_NOT_FINITE;
        }
        if (__syncthreads_or(not_positive) != 0) {
            return PANOPTIM_KFAC_NOT_POSITIVE_DEFINITE;
        }
        for (int row = warp_; row < padded; row += small_warps) {
            for (int column = lane_; column < row; column += 32) {
                at(row, column) = row < size
                                      ? factor[row * size + column] * scales_[row] * scales_[column]
                                      : 0.0F;
            }
        }
        __syncthreads();
        return PANOPTIM_KFAC_INVERTED;
    }

    // Columns of L, and the matrix that they leave to the right of them.
    __device__ __forceinline__ int factorise(int block) {
        if (warp_ == 0) {
            factorise_diagonal(block * small_block);
        }
        __syncthreads();
        if (*failed_ != PANOPTIM_KFAC_INVERTED) {
            return *failed_;
        }
        const int first = block * small_block;
        const int row = first + small_block + static_cast<int>(threadIdx.x);
        if (row < blocks_ * small_block) {
            float values[small_block];
#pragma unroll
            for (int i = 0; i < small_block; ++i) {
                values[i] = at(row, first + i);
            }
            solve(values, first);
#pragma unroll
            for (int i = 0; i < small_block; ++i) {
                at(row, first + i) = values[i];
            }
        }
        __syncthreads();
        const int rest = blocks_ - block - 1;
        for (int number = warp_; number < rest * (rest + 1) / 2; number += small_warps) {
            int to;
            int across;
            locate(number, to, across);
            subtract(block + 1 + to, block + 1 + across, first);
        }
        __syncthreads();
        return PANOPTIM_KFAC_INVERTED;
    }

    // L of a block on the diagonal, with reciprocals on its diagonal; a lane has a row.
    __device__ __forceinline__ void factorise_diagonal(int first) {
        const int row = lane_ % small_block;
        float values[small_block];
#pragma unroll
        for (int i = 0; i < small_block; ++i) {
            values[i] = i <= row ? at(first + row, first + i) : 0.0F;
        }
        int failed = PANOPTIM_KFAC_INVERTED;
#pragma unroll
        for (int j = 0; j < small_block; ++j) {
            const float pivot = __shfl_sync(0xffffffffU, values[j], j);
            if (failed == PANOPTIM_KFAC_INVERTED && !(pivot > 0 && pivot - pivot == 0)) {
                failed = pivot - pivot == 0 ? PANOPTIM_KFAC_NOT_POSITIVE_DEFINITE
                                            : PANOPTIM_KFAC_NOT_FINITE;
            }
            const float inverse = 1 / square_root(pivot);
            const float below = values[j] * inverse;
            values[j] = row == j ? inverse : below;
#pragma unroll
            for (int i = j + 1; i < small_block; ++i) {
                values[i] = fused(-below, __shfl_sync(0xffffffffU, below, i), values[i]);
            }
        }
        if (lane_ < small_block) {
#pragma unroll
            for (int i = 0; i < small_block; ++i) {
                if (i <= row) {
                    at(first + row, first + i) = values[i];
                }
            }
        }
        if (lane_ == 0) {
            *failed_ = failed;
        }
    }

    // x <- 1 / L x, with L of a block on the diagonal.
    __device__ __forceinline__ void solve(float *x, int first) {
#pragma unroll
        for (int i = 0; i < small_block; ++i) {
            float sum = x[i];
#pragma unroll
            for (int j = 0; j < i; ++j) {
                sum = fused(-x[j], at(first + i, first + j), sum);
            }
            x[i] = sum * at(first + i, first + i);
        }
    }

    // Subtracts the product of the rows' and the columns' part in 16 columns of L.
    __device__ __forceinline__ void subtract(int row, int column, int first) {
        Elements elements = {};
#pragma unroll 4
        for (int k = first; k < first + small_block; ++k) {
            float left[small_rows];
            float right[small_columns];
#pragma unroll
            for (int i = 0; i < small_rows; ++i) {
                left[i] = at(row_of(row, i), k);
            }
#pragma unroll
            for (int j = 0; j < small_columns; ++j) {
                right[j] = at(column_of(column, j), k);
            }
            add(elements, left, right);
        }
        each(row, column, elements, [&](int i, int j, float element) {
            if (j <= i) {
                at(i, j) -= element;
            }
        });
    }

    // Rows of W: -1 / L_ii times the sum of L_ik W_kj, and 1 / L_ii itself.
    __device__ __forceinline__ void invert(int block) {
        const int first = block * small_block;
        Elements elements = {};
        // There are fewer blocks in a row than warps.
        if (warp_ < block) {
#pragma unroll 4
            for (int k = warp_ * small_block; k < first; ++k) {
                float left[small_rows];
                float right[small_columns];
#pragma unroll
                for (int i = 0; i < small_rows; ++i) {
                    left[i] = at(row_of(block, i), k);
                }
#pragma unroll
                for (int j = 0; j < small_columns; ++j) {
                    const int column = column_of(warp_, j);
                    const float element = at(k, column);
                    right[j] = column <= k ? element : 0.0F;
                }
                add(elements, left, right);
            }
        }
        __syncthreads();
        if (warp_ < block) {
            each(block, warp_, elements, [&](int i, int j, float element) { at(i, j) = -element; });
        }
        __syncthreads();
        const auto column = static_cast<int>(threadIdx.x);
        const bool there = column < first + small_block;
        float values[small_block];
        if (there) {
#pragma unroll
            for (int i = 0; i < small_block; ++i) {
                values[i] =
                    column < first ? at(first + i, column) : (column - first == i ? 1.0F : 0.0F);
            }
            solve(values, first);
        }
        __syncthreads();
        if (there) {
#pragma unroll
            for (int i = 0; i < small_block; ++i) {
                if (column <= first + i) {
                    at(first + i, column) = values[i];
                }
            }
        }
        __syncthreads();
    }

    // D W^T W D, the blocks with the longest sums first.
    __device__ __forceinline__ void multiply() {
        float *to = matrix_.factor->buffers[1 - matrix_.layer->current];
        const int size = matrix_.size;
        for (int number = warp_; number < blocks_ * (blocks_ + 1) / 2; number += small_warps) {
            int row;
            int column;
            locate(number, row, column);
            Elements elements = {};
#pragma unroll 4
            for (int k = row * small_block; k < blocks_ * small_block; ++k) {
                float left[small_rows];
                float right[small_columns];
#pragma unroll
                for (int i = 0; i < small_rows; ++i) {
                    const int across = row_of(row, i);
                    const float element = at(k, across);
                    left[i] = across <= k ? element : 0.0F;
                }
#pragma unroll
                for (int j = 0; j < small_columns; ++j) {
                    // Above the diagonal it is another element, for results that nobody reads.
                    right[j] = at(k, column_of(column, j));
                }
                add(elements, left, right);
            }
            each(row, column, elements, [&](int i, int j, float element) {
                if (j <= i && i < size) {
                    const float value = element * scales_[i] * scales_[j];
                    to[i * size + j] = value;
                    to[j * size + i] = value;
                }
            });
        }
    }

    const panoptim_kfac_matrix &matrix_;
    float *triangle_;
    int *failed_;
    float *scales_;
    int blocks_;
    int warp_;
    int lane_;
};

} // namespace
} // namespace PANOPTIM_TIER
} // namespace panoptim

// The triangle of a launch's largest matrix is its dynamic shared memory.
extern "C" __global__ void __launch_bounds__(panoptim::small_threads)
    panoptim_kfac_invert_small(const panoptim_kfac_inversion launch) {
    using namespace panoptim;
    extern __shared__ float panoptim_kfac_triangle[];
    __shared__ int failed;
    const panoptim_kfac_matrix &matrix = launch.matrices[launch.tasks[blockIdx.x].matrix];
    const int status = SmallInverse(matrix, panoptim_kfac_triangle, &failed).run();
    if (threadIdx.x == 0 && status != PANOPTIM_KFAC_INVERTED) {
        *matrix.status = status;
    }
}
