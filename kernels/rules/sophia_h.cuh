// Sophia-H: momentum over a running Hutchinson estimate of the Hessian's diagonal, clipped per
// element. The caller hands in v * Hv as curvature on the steps it chooses.
//
// Source: kozistr/pytorch_optimizer, optimizer/sophia.py; Liu et al., "Sophia: A Scalable
// Stochastic Second-order Optimizer for Language Model Pre-training", 2023.
// Traffic: 24 bytes per parameter (16 read, 8 written); 32 on steps with curvature.
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct SophiaH : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, beta1, beta2, clip, epsilon, weight_decay);
    PANOPTIM_RULE_SCALARS(rate, decay, beta1, one_minus_beta1, beta2, one_minus_beta2, clip,
                          epsilon);
    PANOPTIM_RULE_SLOTS(exp_avg, hessian);
    static constexpr bool curvature = true;

    PANOPTIM_DEVICE static constexpr unsigned written_slots(int, bool curved) {
        return curved ? 0b11 : 0b01;
    }

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
        scalars.clip = static_cast<float>(hyper.clip);
        scalars.epsilon = static_cast<float>(hyper.epsilon);
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        float &mean = element.slot[exp_avg];
        float &estimate = element.slot[hessian];
        if (element.curved) {
            estimate = scalars.beta2 * estimate + scalars.one_minus_beta2 * element.curvature;
        }
        mean = scalars.beta1 * mean + scalars.one_minus_beta1 * element.gradient;
        const float newton = mean / maximum(estimate, scalars.epsilon);
        const float clipped = minimum(maximum(newton, -scalars.clip), scalars.clip);
        element.held = element.held | beyond(newton, scalars.clip);
        element.parameter =
            element.parameter - (scalars.decay * element.parameter + scalars.rate * clipped);
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
