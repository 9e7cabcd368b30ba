// AdaFisher: momentum over the diagonal of the Fisher information, with decoupled weight decay
// (AdaFisherW). The caller hands in the diagonal, a Kronecker product of normalised diagonals, as
// curvature on the steps where it is new; it replaces the one before.
//
// Source: the equations of Gomes et al., "AdaFisher: Adaptive Second Order Optimization via Fisher
// Information", 2025.
// Traffic: 24 bytes per parameter (16 read, 8 written); 28 on steps with curvature (16, 12).
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct AdaFisher : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, beta1, damping, weight_decay, maximize);
    PANOPTIM_RULE_SCALARS(step_size, decay, beta1, one_minus_beta1, damping, curvature_sign);
    PANOPTIM_RULE_SLOTS(exp_avg, fisher);
    static constexpr bool curvature = true;

    // Curvature that is handed in takes the place of what there was.
    PANOPTIM_DEVICE static constexpr unsigned read_slots(int, bool curved) {
        return curved ? 0b01 : 0b11;
    }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int, bool curved) {
        return curved ? 0b11 : 0b01;
    }

    PANOPTIM_DEVICE static bool maximize(const Hyper &hyper) { return hyper.maximize != 0; }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        const double rate = hyper.learning_rate * preparation.rate_factor;
        const double beta1 = preparation.momentum_or(hyper.beta1);
        const double correction = 1 - powi(beta1, preparation.count);
        scalars.step_size = static_cast<float>(rate / correction);
        scalars.decay = static_cast<float>(rate * hyper.weight_decay);
        scalars.beta1 = static_cast<float>(beta1);
        scalars.one_minus_beta1 = static_cast<float>(1 - beta1);
        scalars.damping = static_cast<float>(hyper.damping);
        scalars.curvature_sign = hyper.maximize != 0 ? -1.0F : 1.0F;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        float &mean = element.slot[exp_avg];
        float &diagonal = element.slot[fisher];
        if (element.curved) {
            diagonal = scalars.curvature_sign * element.curvature;
        }
        mean = scalars.beta1 * mean + scalars.one_minus_beta1 * element.gradient;
        const float natural = mean / (diagonal + scalars.damping);
        element.parameter =
            element.parameter - (scalars.decay * element.parameter + scalars.step_size * natural);
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
