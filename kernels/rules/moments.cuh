// What Adam and AdamW share: running means of the gradient and of its square, corrected for their
// start at zero.
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

template <typename Hyper, typename Scalars>
PANOPTIM_DEVICE void prepare_moments(const Hyper &hyper, const Preparation &preparation,
                                     double rate, Scalars &scalars) {
    const double beta1 = preparation.momentum_or(hyper.beta1);
    const double correction1 = 1 - powi(beta1, preparation.count);
    const double correction2 = 1 - powi(hyper.beta2, preparation.count);
    scalars.one_minus_beta1 = static_cast<float>(1 - beta1);
    scalars.beta2 = static_cast<float>(hyper.beta2);
    scalars.one_minus_beta2 = static_cast<float>(1 - hyper.beta2);
    scalars.step_size = static_cast<float>(rate / correction1);
    scalars.inverse_root_correction = static_cast<float>(1 / square_root(correction2));
    scalars.epsilon = static_cast<float>(hyper.epsilon);
}

// Advances exp_avg (slot 0), exp_avg_sq (slot 1) and, for AMSGrad, max_exp_avg_sq (slot 2) by a
// gradient. Returns the first moment over the root of the second.
template <bool Amsgrad, typename Scalars>
PANOPTIM_DEVICE float advance_moments(const Scalars &scalars, float gradient, Element &element) {
    float &mean = element.slot[0];
    float &square = element.slot[1];
    mean = mean + scalars.one_minus_beta1 * (gradient - mean);
    square = scalars.beta2 * square + scalars.one_minus_beta2 * (gradient * gradient);
    float bound = square;
    if constexpr (Amsgrad) {
        bound = element.slot[2] = maximum(element.slot[2], square);
    }
    const float root = square_root(bound) * scalars.inverse_root_correction + scalars.epsilon;
    return mean / root;
}

} // namespace PANOPTIM_TIER
} // namespace panoptim
