// MARS: AdamW over gradients that are corrected by their change since the step before, and brought
// down to a norm of 1 for each tensor; and its variant for tensors of fewer than two dimensions,
// which is AdamW. (Kernels of one rule have the same phases and sums: it takes a norm for nothing.)
//
// Source: timm, timm/optim/mars.py (_mars_single_tensor_step); Yuan et al., "MARS: Unleashing the
// Power of Variance Reduction for Training Large Models", 2024.
// Traffic: 44 bytes per parameter: 8 read for the norm, 20 read and 16 written for the update; the
// variant 36: 4 read for the norm, 16 read and 16 written for the update.
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

template <bool Corrected>
struct Mars : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, beta1, beta2, gamma, epsilon, weight_decay, optimize1d);
    PANOPTIM_RULE_SCALARS(first, weight, divisor, beta1, one_minus_beta1, beta2, one_minus_beta2,
                          step_size, inverse_root_correction, epsilon, decay);
    PANOPTIM_RULE_SLOTS(exp_avg, exp_avg_sq, last_grad);
    static constexpr int phases = 2;
    static constexpr int reductions = 1;

    PANOPTIM_DEVICE static constexpr bool reads_parameter(int phase) { return phase == 1; }
    PANOPTIM_DEVICE static constexpr bool writes_parameter(int phase) { return phase == 1; }
    PANOPTIM_DEVICE static constexpr unsigned read_slots(int phase, bool) {
        if (phase == 0) {
            return Corrected ? 0b100 : 0b000;
        }
        return Corrected ? 0b111 : 0b011;
    }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int phase, bool) {
        return phase == 1 ? 0b111 : 0b000;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        const double beta1 = preparation.momentum_or(hyper.beta1);
        const bool first = preparation.count == 1;
        if constexpr (Phase == 0) {
            scalars.first = first ? 1.0F : 0.0F;
            scalars.weight = static_cast<float>(hyper.gamma * (beta1 / (1 - beta1)));
        } else {
            const double norm = square_root(preparation.reductions[0]);
            const double rate = hyper.learning_rate * preparation.rate_factor;
            const double correction1 = 1 - powi(beta1, preparation.count);
            const double correction2 = 1 - powi(hyper.beta2, preparation.count);
            scalars.divisor = static_cast<float>(!first && norm > 1 ? norm : 1.0);
            scalars.beta1 = static_cast<float>(beta1);
            scalars.one_minus_beta1 = static_cast<float>(1 - beta1);
            scalars.beta2 = static_cast<float>(hyper.beta2);
            scalars.one_minus_beta2 = static_cast<float>(1 - hyper.beta2);
            scalars.step_size = static_cast<float>(rate / correction1);
            scalars.inverse_root_correction = static_cast<float>(1 / square_root(correction2));
            scalars.epsilon = static_cast<float>(hyper.epsilon);
            scalars.decay = static_cast<float>(rate * hyper.weight_decay);
        }
    }

    // The gradient that counts, of whatever norm.
    PANOPTIM_DEVICE static float corrected(const Scalars &scalars, const Element &element) {
        const float gradient = element.gradient;
        if constexpr (Corrected) {
            const float change = gradient - element.slot[last_grad];
            const float moved = gradient + scalars.weight * change;
            return scalars.first != 0 ? gradient : moved;
        } else {
            return gradient;
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        float gradient = corrected(scalars, element);
        if constexpr (Phase == 0) {
            element.left[0] = gradient;
            element.right[0] = gradient;
        } else {
            if constexpr (Corrected) {
                gradient = gradient / scalars.divisor;
            }
            float &mean = element.slot[exp_avg];
            float &square = element.slot[exp_avg_sq];
            mean = scalars.beta1 * mean + scalars.one_minus_beta1 * gradient;
            square = scalars.beta2 * square + scalars.one_minus_beta2 * (gradient * gradient);
            element.slot[last_grad] = element.gradient;
            const float root =
                square_root(square) * scalars.inverse_root_correction + scalars.epsilon;
            element.parameter = element.parameter - (scalars.decay * element.parameter +
                                                     scalars.step_size * (mean / root));
        }
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
