// What Newton's iteration for an inverse, X <- X (2 I - B X), does beside products of matrices: in
// coordinates in which B has a diagonal of ones, and with X made symmetric at each step, since
// averaging at the end alone would hide an error. 12 bytes an element.
#include "kfac/tile.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace {

constexpr int newton_threads = 256;

// What is done to the elements (i, j) and (j, i).
__device__ __forceinline__ void newton_pair(const panoptim_kfac_newton &launch, int64_t i,
                                            int64_t j) {
    const panoptim_kfac_matrix &matrix = *launch.matrix;
    const int current = matrix.layer->current;
    const float *average = matrix.factor->buffers[current];
    const int64_t size = matrix.size;
    const int64_t at = i * size + j;
    const int64_t mirrored = j * size + i;
    const auto diagonal = [&](int64_t k) {
        return static_cast<double>(average[k * size + k]) + matrix.damping;
    };
    float value;
    float *to = launch.iterate;
    if (launch.stage == PANOPTIM_KFAC_NEWTON_ITERATE) {
        double result = launch.keep * static_cast<double>(to[at]);
        if (launch.subtract != 0) {
            const double product = static_cast<double>(launch.product[at]) +
                                   static_cast<double>(launch.product[mirrored]);
            result -= launch.subtract * (product / 2);
        }
        value = static_cast<float>(result);
    } else {
        const double scale = square_root(diagonal(i)) * square_root(diagonal(j));
        if (launch.stage == PANOPTIM_KFAC_NEWTON_END) {
            value = static_cast<float>(static_cast<double>(to[at]) / scale);
            to = matrix.factor->buffers[1 - current];
        } else {
            value = static_cast<float>(static_cast<double>(matrix.factor->inverse[at]) * scale);
            const float scaled =
                i == j ? 1.0F : static_cast<float>(static_cast<double>(average[at]) / scale);
            launch.factor[at] = scaled;
            launch.factor[mirrored] = scaled;
        }
    }
    to[at] = value;
    to[mirrored] = value;
}

} // namespace
} // namespace PANOPTIM_TIER
} // namespace panoptim

extern "C" __global__ void __launch_bounds__(panoptim::newton_threads)
    panoptim_kfac_newton_step(const panoptim_kfac_newton launch) {
    using namespace panoptim;
    for (int64_t i = blockIdx.x; i < launch.matrix->size; i += gridDim.x) {
        for (int64_t j = threadIdx.x; j <= i; j += newton_threads) {
            newton_pair(launch, i, j);
        }
    }
}
