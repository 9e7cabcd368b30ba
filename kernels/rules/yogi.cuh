// Yogi: Adam whose second moment moves by as much as a share of the squared gradient, up or down.
//
// Source: optax, optax/_src/transform.py (scale_by_yogi); Zaheer et al., "Adaptive Methods for
// Nonconvex Optimization", 2018.
// Traffic: 28 bytes per parameter (16 read, 12 written).
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct Yogi : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, beta1, beta2, epsilon, initial_accumulator_value);
    PANOPTIM_RULE_SCALARS(beta1, one_minus_beta1, one_minus_beta2, step_size,
                          inverse_root_correction, epsilon);
    PANOPTIM_RULE_SLOTS(mu, nu);

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        const double rate = hyper.learning_rate * preparation.rate_factor;
        const double beta1 = preparation.momentum_or(hyper.beta1);
        const double correction1 = 1 - powi(beta1, preparation.count);
        const double correction2 = 1 - powi(hyper.beta2, preparation.count);
        scalars.beta1 = static_cast<float>(beta1);
        scalars.one_minus_beta1 = static_cast<float>(1 - beta1);
        scalars.one_minus_beta2 = static_cast<float>(1 - hyper.beta2);
        scalars.step_size = static_cast<float>(rate / correction1);
        scalars.inverse_root_correction = static_cast<float>(1 / square_root(correction2));
        scalars.epsilon = static_cast<float>(hyper.epsilon);
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        const float gradient = element.gradient;
        const float squared = gradient * gradient;
        float &mean = element.slot[mu];
        float &square = element.slot[nu];
        mean = scalars.beta1 * mean + scalars.one_minus_beta1 * gradient;
        square = square - scalars.one_minus_beta2 * (sign(square - squared) * squared);
        const float root = square_root(square) * scalars.inverse_root_correction + scalars.epsilon;
        element.parameter = element.parameter - scalars.step_size * (mean / root);
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
