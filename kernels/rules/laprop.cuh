// LaProp: the average of gradients that are divided by the root of the second moment before, with
// decoupled weight decay after the step.
//
// Source: Ziyin, Wang & Ueda, "LaProp: Separating Momentum and Adaptivity in Adam", 2020; timm,
// timm/optim/laprop.py, for the decay.
// Traffic: 28 bytes per parameter (16 read, 12 written).
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct LaProp : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, beta1, beta2, epsilon, weight_decay);
    PANOPTIM_RULE_SCALARS(decay, one_minus_beta1, beta2, one_minus_beta2, step_size,
                          inverse_root_correction, epsilon);
    PANOPTIM_RULE_SLOTS(exp_avg, exp_avg_sq);

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        const double rate = hyper.learning_rate * preparation.rate_factor;
        const double beta1 = preparation.momentum_or(hyper.beta1);
        const double correction1 = 1 - powi(beta1, preparation.count);
        const double correction2 = 1 - powi(hyper.beta2, preparation.count);
        // What the step leads to decays, and so the step with it.
        const double decay = rate * hyper.weight_decay;
        scalars.decay = static_cast<float>(decay);
        scalars.one_minus_beta1 = static_cast<float>(1 - beta1);
        scalars.beta2 = static_cast<float>(hyper.beta2);
        scalars.one_minus_beta2 = static_cast<float>(1 - hyper.beta2);
        scalars.step_size = static_cast<float>(rate / correction1 * (1 - decay));
        scalars.inverse_root_correction = static_cast<float>(1 / square_root(correction2));
        scalars.epsilon = static_cast<float>(hyper.epsilon);
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        const float gradient = element.gradient;
        float &mean = element.slot[exp_avg];
        float &square = element.slot[exp_avg_sq];
        square = scalars.beta2 * square + scalars.one_minus_beta2 * (gradient * gradient);
        const float root = square_root(square) * scalars.inverse_root_correction + scalars.epsilon;
        mean = mean + scalars.one_minus_beta1 * (gradient / root - mean);
        element.parameter =
            element.parameter - (scalars.decay * element.parameter + scalars.step_size * mean);
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
