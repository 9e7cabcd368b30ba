// Inverts symmetric positive definite matrices B = F + damping * I of any sizes in one launch, from
// the Cholesky factorisation of D B D = L L^T with D = 1 / sqrt(diagonal): W = 1 / L and
// X = D W^T W D.
//
// A queue of tasks on tiles of 64 x 64, each behind those that it waits for: a thread block takes
// the next one, and waits for the tiles that it needs where they are not done yet. Whoever holds
// the earliest task that is not done waits for nobody, so no order of thread blocks can hang.
//   factorise (i, j): L_ij, or on the diagonal the inverse of L_jj (left-looking)
//   invert (i, j):    W_ij = -W_ii * sum of L_ik W_kj, kept transposed in the tile (j, i)
//   multiply (i, j):  X_ij = sum of W_ki^T W_kj, written with its mirror image
// So all products are of the form P Q^T. n^3 operations for a matrix, and about
// 12 n^2 (n / 64) / 3 elements moved, which the second-level cache serves. Matrices that are no
// multiple of 64 are padded with the identity. A pivot that is not above 0 marks the matrix, whose
// other tasks pass through.
#include "kfac/tile.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace {

template <typename Real>
struct InvertShared {
    Slices<Real> slices;
    Real work[tile][tile_stride];
    double row_scale[tile];
    double column_scale[tile];
    Real pivots[tile];
    int64_t ticket;
    int failed;
};

// One matrix as a task sees it.
template <typename Real>
class Inverting {
  public:
    __device__ __forceinline__ Inverting(const panoptim_kfac_matrix &matrix,
                                         InvertShared<Real> &shared)
        : matrix_(matrix), shared_(shared), side_(matrix.side),
          tiles_(static_cast<Real *>(matrix.tiles)) {}

    __device__ __forceinline__ void run(const panoptim_kfac_task &task) {
        if (task.kind == PANOPTIM_KFAC_FACTORISE) {
            factorise(task.row, task.column);
        } else if (task.kind == PANOPTIM_KFAC_INVERT) {
            invert(task.row, task.column);
        } else {
            multiply(task.row, task.column);
        }
    }

  private:
    __device__ __forceinline__ Real *tile_at(int row, int column) {
        return tiles_ + (static_cast<int64_t>(row) * side_ + column) * tile_elements;
    }

    // The inverse of L_jj, transposed; as it is, it lies in the tile (j, j).
    __device__ __forceinline__ Real *transposed_at(int column) {
        return tiles_ + (static_cast<int64_t>(side_) * side_ + column) * tile_elements;
    }

    // W_ij transposed.
    __device__ __forceinline__ Real *inverse_at(int row, int column) {
        return row == column ? transposed_at(row) : tile_at(column, row);
    }

    __device__ __forceinline__ int *flag(int row, int column) {
        return matrix_.flags + static_cast<int64_t>(row) * side_ + column;
    }

    // Waits for two tiles.
    __device__ __forceinline__ void await(int *first, int *second) {
        if (threadIdx.x < 2) {
            int *wanted = threadIdx.x == 0 ? first : second;
            while (atomicAdd(wanted, 0) == 0) {
                __nanosleep(100);
            }
            __threadfence();
        }
        __syncthreads();
    }

    // Tells that a tile is done.
    __device__ __forceinline__ void finish(int *done) {
        __threadfence();
        __syncthreads();
        if (threadIdx.x == 0) {
            atomicExch(done, 1);
        }
    }

    __device__ __forceinline__ void fail(int status) {
        atomicCAS(matrix_.status, PANOPTIM_KFAC_INVERTED, status);
    }

    __device__ __forceinline__ const float *average() const {
        return matrix_.factor->buffers[matrix_.layer->current];
    }

    __device__ __forceinline__ double diagonal(int64_t i) const {
        return static_cast<double>(average()[i * matrix_.size + i]) + matrix_.damping;
    }

    // D for the rows of a tile.
    __device__ __forceinline__ void scales(double *to, int row) {
        const int i = static_cast<int>(threadIdx.x) % tile;
        const int64_t at = row * tile + i;
        to[i] = at < matrix_.size ? 1 / square_root(diagonal(at)) : 1.0;
    }

    __device__ __forceinline__ void load_scales(int row, int column) {
        if (threadIdx.x < tile) {
            scales(shared_.row_scale, row);
        } else if (threadIdx.x < 2 * tile) {
            scales(shared_.column_scale, column);
        }
        __syncthreads();
    }

    // A tile of D B D.
    __device__ __forceinline__ void load(Share<Real> &share, int row, int column) {
        load_scales(row, column);
        const float *factor = average();
        const int64_t size = matrix_.size;
        share.each([&](int i, int j, Real &element) {
            const int64_t at = row * tile + i;
            const int64_t to = column * tile + j;
            if (at == to) {
                element = 1;
            } else if (at < size && to < size) {
                element = static_cast<Real>(static_cast<double>(factor[at * size + to]) *
                                            (shared_.row_scale[i] * shared_.column_scale[j]));
            } else {
                element = 0;
            }
        });
    }

    __device__ __forceinline__ void factorise(int row, int column) {
        Share<Real> share;
        load(share, row, column);
        for (int k = 0; k < column; ++k) {
            await(flag(row, k), flag(column, k));
            multiply_tiles<-1>(share, tile_at(row, k), tile_at(column, k), shared_.slices);
        }
        if (row == column) {
            factorise_diagonal(share, column);
        } else {
            await(flag(column, column), flag(column, column));
            share.each([&](int i, int j, Real &element) { shared_.work[j][i] = element; });
            __syncthreads();
            share.clear();
            multiply_shared<1>(share, shared_.work, tile_at(column, column), shared_.slices);
            Real *to = tile_at(row, column);
            share.each([&](int i, int j, Real &element) { to[i * tile + j] = element; });
        }
        finish(flag(row, column));
    }

    // In one pass over the columns: below the diagonal of the work tile the trailing matrix, above
    // it the inverse of L, transposed. Rows of either are multiplied by their pivots at the end.
    __device__ __forceinline__ void factorise_diagonal(Share<Real> &share, int column) {
        Real(*work)[tile_stride] = shared_.work;
        share.each([&](int i, int j, Real &element) {
            if (j <= i) {
                work[i][j] = element;
            }
        });
        if (threadIdx.x == 0) {
            shared_.failed = PANOPTIM_KFAC_INVERTED;
        }
        __syncthreads();
        const int first = column * tile;
        if (threadIdx.x < tile && first + static_cast<int>(threadIdx.x) < matrix_.size) {
            const double diagonal_element = diagonal(first + static_cast<int>(threadIdx.x));
            if (!(diagonal_element > 0) || !finite(diagonal_element)) {
                shared_.failed = finite(diagonal_element) ? PANOPTIM_KFAC_NOT_POSITIVE_DEFINITE
                                                          : PANOPTIM_KFAC_NOT_FINITE;
            }
        }
        __syncthreads();
        int failed = shared_.failed;
        const int r = static_cast<int>(threadIdx.x) / 4;
        for (int j = 0; j < tile && failed == PANOPTIM_KFAC_INVERTED; ++j) {
            const Real pivot = work[j][j];
            if (!(pivot > 0) || !finite(static_cast<double>(pivot))) {
                failed = finite(static_cast<double>(pivot)) ? PANOPTIM_KFAC_NOT_POSITIVE_DEFINITE
                                                            : PANOPTIM_KFAC_NOT_FINITE;
                break;
            }
            const Real inverse = Real(1) / square_root(pivot);
            if (threadIdx.x == 0) {
                shared_.pivots[j] = inverse;
            }
            if (r > j) {
                const Real below = work[r][j] * inverse;
                for (int c = static_cast<int>(threadIdx.x) % 4; c <= r; c += 4) {
                    if (c > j) {
                        work[r][c] = fused(-below, work[c][j] * inverse, work[r][c]);
                    } else if (c < j) {
                        const Real old = work[c][r];
                        work[c][r] = fused(-below, work[c][j] * inverse, old);
                    } else {
                        work[j][r] = -below * inverse;
                    }
                }
            }
            __syncthreads();
        }
        if (failed != PANOPTIM_KFAC_INVERTED) {
            if (threadIdx.x == 0) {
                fail(failed);
            }
            return;
        }
        Real *plain = tile_at(column, column);
        Real *transposed = transposed_at(column);
        share.each([&](int i, int j, Real &) {
            const Real element = j < i    ? work[j][i] * shared_.pivots[i]
                                 : j == i ? shared_.pivots[i]
                                          : Real(0);
            plain[i * tile + j] = element;
            transposed[j * tile + i] = element;
        });
    }

    __device__ __forceinline__ void invert(int row, int column) {
        Share<Real> share;
        share.clear();
        for (int k = column; k < row; ++k) {
            await(flag(row, k), k == column ? flag(k, k) : flag(column, k));
            multiply_tiles<1>(share, tile_at(row, k), inverse_at(k, column), shared_.slices);
        }
        await(flag(row, row), flag(row, row));
        share.each([&](int i, int j, Real &element) { shared_.work[i][j] = element; });
        __syncthreads();
        // Transposed: the sum's columns are the rows of the product.
        share.clear();
        multiply_shared<-1>(share, shared_.work, tile_at(row, row), shared_.slices);
        Real *to = tile_at(column, row);
        share.each([&](int i, int j, Real &element) { to[i * tile + j] = element; });
        finish(flag(column, row));
    }

    __device__ __forceinline__ void multiply(int row, int column) {
        load_scales(row, column);
        Share<Real> share;
        share.clear();
        for (int k = row; k < side_; ++k) {
            await(flag(row, k), flag(column, k));
            multiply_tiles<1>(share, inverse_at(k, row), inverse_at(k, column), shared_.slices);
        }
        if (atomicAdd(matrix_.status, 0) != PANOPTIM_KFAC_INVERTED) {
            return;
        }
        float *to = matrix_.factor->buffers[1 - matrix_.layer->current];
        const int64_t size = matrix_.size;
        share.each([&](int i, int j, Real &element) {
            const int64_t at = row * tile + i;
            const int64_t across = column * tile + j;
            if (at < size && across <= at) {
                const auto value =
                    static_cast<float>(static_cast<double>(element) *
                                       (shared_.row_scale[i] * shared_.column_scale[j]));
                to[at * size + across] = value;
                to[across * size + at] = value;
            }
        });
    }

    const panoptim_kfac_matrix &matrix_;
    InvertShared<Real> &shared_;
    int side_;
    Real *tiles_;
};

template <typename Real>
__device__ __forceinline__ void invert_all(const panoptim_kfac_inversion &launch,
                                           InvertShared<Real> &shared) {
    for (;;) {
        __syncthreads();
        if (threadIdx.x == 0) {
            shared.ticket = atomicAdd(launch.ticket, 1);
        }
        __syncthreads();
        const int64_t ticket = shared.ticket;
        if (ticket >= launch.count) {
            return;
        }
        const panoptim_kfac_task task = launch.tasks[ticket];
        Inverting<Real>(launch.matrices[task.matrix], shared).run(task);
    }
}

} // namespace
} // namespace PANOPTIM_TIER
} // namespace panoptim

// Two thread blocks on a multiprocessor are enough, so that there are registers for all.
extern "C" __global__ void __launch_bounds__(panoptim::tile_threads, 2)
    panoptim_kfac_invert_f32(const panoptim_kfac_inversion launch) {
    __shared__ panoptim::InvertShared<float> shared;
    panoptim::invert_all(launch, shared);
}

extern "C" __global__ void __launch_bounds__(panoptim::tile_threads, 2)
    panoptim_kfac_invert_f64(const panoptim_kfac_inversion launch) {
    __shared__ panoptim::InvertShared<double> shared;
    panoptim::invert_all(launch, shared);
}
