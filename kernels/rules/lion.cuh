// Lion: the sign of an interpolated momentum, with decoupled weight decay.
//
// Source: google/automl, lion/lion_pytorch.py; Chen et al., "Symbolic Discovery of Optimization
// Algorithms", 2023.
// Traffic: 20 bytes per parameter (12 read, 8 written).
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct Lion : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, beta1, beta2, weight_decay);
    PANOPTIM_RULE_SCALARS(rate, decay, beta1, one_minus_beta1, beta2, one_minus_beta2);
    PANOPTIM_RULE_SLOTS(exp_avg);

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        const double rate = hyper.learning_rate * preparation.rate_factor;
        const double beta1 = preparation.momentum_or(hyper.beta1);
        scalars.rate = static_cast<float>(rate);
        scalars.decay = static_cast<float>(rate * hyper.weight_decay);
        scalars.beta1 = static_cast<float>(beta1);
        scalars.one_minus_beta1 = static_cast<float>(1 - beta1);
        scalars.beta2 = static_cast<float>(hyper.beta2);
        scalars.one_minus_beta2 = static_cast<float>(1 - hyper.beta2);
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        float &mean = element.slot[exp_avg];
        const float direction = scalars.beta1 * mean + scalars.one_minus_beta1 * element.gradient;
        element.parameter = element.parameter -
                            (scalars.decay * element.parameter + scalars.rate * sign(direction));
        mean = scalars.beta2 * mean + scalars.one_minus_beta2 * element.gradient;
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
