// Sophia-G: momentum over a running Gauss-Newton-Bartlett estimate of the Hessian's diagonal,
// clipped per element. The caller hands in gradients on sampled labels as curvature on the steps it
// chooses; they are squared here.
//
// Source: Liuhong99/Sophia, sophia.py; Liu et al., "Sophia: A Scalable Stochastic Second-order
// Optimizer for Language Model Pre-training", 2023.
// Traffic: 24 bytes per parameter (16 read, 8 written); 32 on steps with curvature.
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct SophiaG : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, beta1, beta2, rho, batch_size, weight_decay, maximize);
    PANOPTIM_RULE_SCALARS(rate, decay, beta1, one_minus_beta1, beta2, one_minus_beta2,
                          curvature_weight);
    PANOPTIM_RULE_SLOTS(exp_avg, hessian);
    static constexpr bool curvature = true;

    PANOPTIM_DEVICE static constexpr unsigned written_slots(int, bool curved) {
        return curved ? 0b11 : 0b01;
    }

    PANOPTIM_DEVICE static bool maximize(const Hyper &hyper) { return hyper.maximize != 0; }

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
        scalars.curvature_weight = static_cast<float>(hyper.rho * hyper.batch_size);
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        float &mean = element.slot[exp_avg];
        float &estimate = element.slot[hessian];
        if (element.curved) {
            estimate = scalars.beta2 * estimate +
                       scalars.one_minus_beta2 * (element.curvature * element.curvature);
        }
        mean = scalars.beta1 * mean + scalars.one_minus_beta1 * element.gradient;
        const float newton = absolute(mean) / (scalars.curvature_weight * estimate + 1e-15F);
        const float ratio = minimum(newton, 1.0F);
        element.held = element.held | (newton > 1.0F);
        element.parameter = element.parameter - (scalars.decay * element.parameter +
                                                 scalars.rate * (sign(mean) * ratio));
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
