// Signum: the sign of the gradient's average, with decoupled weight decay.
//
// Source: kozistr/pytorch_optimizer, optimizer/sgd.py (SignSGD); Bernstein et al., "signSGD:
// Compressed Optimisation for Non-Convex Problems", 2018.
// Traffic: 20 bytes per parameter (12 read, 8 written).
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct Signum : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, momentum, weight_decay);
    PANOPTIM_RULE_SCALARS(rate, decay, momentum, one_minus_momentum);
    PANOPTIM_RULE_SLOTS(momentum_buffer);

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        const double rate = hyper.learning_rate * preparation.rate_factor;
        const double momentum = preparation.momentum_or(hyper.momentum);
        scalars.rate = static_cast<float>(rate);
        scalars.decay = static_cast<float>(rate * hyper.weight_decay);
        scalars.momentum = static_cast<float>(momentum);
        scalars.one_minus_momentum = static_cast<float>(1 - momentum);
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        float &mean = element.slot[momentum_buffer];
        mean = scalars.momentum * mean + scalars.one_minus_momentum * element.gradient;
        element.parameter =
            element.parameter - (scalars.decay * element.parameter + scalars.rate * sign(mean));
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
