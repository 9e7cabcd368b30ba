// What goes round the two products X_G (gradient X_A): the gradients of a layer's weight and bias
// as one matrix, the Kullback-Leibler clip (Martens and Grosse, 2015; the form of kfac-pytorch),
// and the way back. A layer without part in a step has zeros.
//
// Pieces of PANOPTIM_KFAC_PIECE elements, a thread block each.
#include "kfac/contribution.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace {

constexpr int piece_threads = 256;
constexpr unsigned piece_elements = PANOPTIM_KFAC_PIECE;

// What was applied to the gradients of a step; 0: nothing.
constexpr int preconditioned = 1;
constexpr int stood_still = 2;

// Calls use(packed, gradient) for each element of a piece; the gradient's address is null where the
// layer takes no part.
template <typename Use>
__device__ __forceinline__ void each_of_piece(const panoptim_kfac_preconditioning &launch,
                                              const panoptim_kfac_piece &piece, Use use) {
    const panoptim_kfac_place &place = launch.places[piece.layer];
    const panoptim_kfac_gradients &gradients = launch.gradients[piece.layer];
    // Sides are at most 46001, so that the elements can be counted in 32 bits.
    const auto columns = static_cast<unsigned>(place.columns);
    const unsigned elements = static_cast<unsigned>(place.outputs) * columns;
    const unsigned first = static_cast<unsigned>(piece.index) * piece_elements;
    const unsigned inputs = gradients.bias != nullptr ? columns - 1 : columns;
    for (unsigned at = first + threadIdx.x; at < first + piece_elements && at < elements;
         at += piece_threads) {
        const unsigned row = at / columns;
        const unsigned column = at - row * columns;
        float *gradient = nullptr;
        if (gradients.weight != nullptr) {
            gradient =
                column < inputs ? gradients.weight + row * inputs + column : gradients.bias + row;
        }
        use(place.packed[at], gradient);
    }
}

// The sum of a value over the thread block, in its first thread.
__device__ __forceinline__ double over_block(double value, double *shared) {
    shared[threadIdx.x] = value;
    __syncthreads();
    for (unsigned width = piece_threads / 2; width > 0; width /= 2) {
        if (threadIdx.x < width) {
            shared[threadIdx.x] += shared[threadIdx.x + width];
        }
        __syncthreads();
    }
    return shared[0];
}

__device__ __forceinline__ void clip_divergence(const panoptim_kfac_preconditioning &launch,
                                                double sum) {
    panoptim_kfac_clip &clip = *launch.clip;
    const int wanted = finite(sum) ? preconditioned : stood_still;
    clip.applied = is_accepted(launch.facts) ? wanted : 0;
    if (clip.applied != preconditioned) {
        return;
    }
    double coefficient = 1;
    if (sum > 0 && finite(launch.kl_clip)) {
        coefficient = minimum(1.0, square_root(launch.kl_clip / sum));
    }
    clip.coefficient = coefficient;
    clip.known = 1;
}

} // namespace
} // namespace PANOPTIM_TIER
} // namespace panoptim

// 8 bytes an element.
extern "C" __global__ void __launch_bounds__(panoptim::piece_threads)
    panoptim_kfac_pack(const panoptim_kfac_preconditioning launch) {
    using namespace panoptim;
    for (int64_t i = blockIdx.x; i < launch.count; i += gridDim.x) {
        each_of_piece(launch, launch.pieces[i], [](float &packed, const float *gradient) {
            packed = gradient != nullptr ? *gradient : 0.0F;
        });
    }
}

// The sum of eta^2 <U, gradient> over all layers, and what the clip makes of it. 8 bytes an
// element. The thread block that ends last adds the pieces, in their order.
extern "C" __global__ void __launch_bounds__(panoptim::piece_threads)
    panoptim_kfac_clip_step(const panoptim_kfac_preconditioning launch) {
    using namespace panoptim;
    __shared__ double shared[piece_threads];
    __shared__ unsigned ended;
    const panoptim_kfac_facts &facts = launch.facts;
    const double rate_factor =
        facts.control != nullptr ? facts.control->rate_factor : facts.rate_factor;
    const double unscale =
        facts.control != nullptr ? facts.control->gradient_scale : facts.gradient_scale;
    for (int64_t i = blockIdx.x; i < launch.count; i += gridDim.x) {
        const panoptim_kfac_piece piece = launch.pieces[i];
        double sum = 0;
        each_of_piece(launch, piece, [&sum](float &packed, const float *gradient) {
            if (gradient != nullptr) {
                sum += static_cast<double>(packed) * static_cast<double>(*gradient);
            }
        });
        sum = over_block(sum, shared);
        if (threadIdx.x == 0) {
            const double rate = launch.gradients[piece.layer].learning_rate * rate_factor;
            launch.partials[i] = (sum * unscale * unscale) * (rate * rate);
        }
        __syncthreads();
    }
    if (threadIdx.x == 0) {
        __threadfence();
        ended = atomicAdd(&launch.clip->ended, 1U);
        __threadfence();
    }
    __syncthreads();
    if (ended + 1 < gridDim.x) {
        return;
    }
    double sum = 0;
    for (int64_t i = threadIdx.x; i < launch.count; i += piece_threads) {
        sum += __ldcg(launch.partials + i);
    }
    sum = over_block(sum, shared);
    if (threadIdx.x == 0) {
        launch.clip->ended = 0;
        clip_divergence(launch, sum);
    }
}

// Writes the gradients back, if the step was accepted; 8 bytes an element. If the sum is not
// finite, no layer is moved: zeros, but what is not finite in a gradient stays as it came.
extern "C" __global__ void __launch_bounds__(panoptim::piece_threads)
    panoptim_kfac_unpack(const panoptim_kfac_preconditioning launch) {
    using namespace panoptim;
    if (launch.clip->applied == 0) {
        return;
    }
    const bool still = launch.clip->applied == stood_still;
    const auto coefficient = static_cast<float>(launch.clip->coefficient);
    for (int64_t i = blockIdx.x; i < launch.count; i += gridDim.x) {
        each_of_piece(launch, launch.pieces[i],
                      [coefficient, still](float &packed, float *gradient) {
                          if (gradient == nullptr) {
                              return;
                          }
                          if (!still) {
                              *gradient = coefficient * packed;
                          } else if (panoptim::finite(static_cast<double>(*gradient))) {
                              *gradient = 0;
                          }
                      });
    }
}
