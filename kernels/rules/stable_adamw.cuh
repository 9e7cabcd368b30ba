// StableAdamW: AdamW whose learning rate falls, for each tensor, where gradients are large beside
// what the second moment has seen. The moments are corrected for their beginning as they advance.
//
// Source: optimi, optimi/stableadamw.py (_single_param_stableadamw); Wortsman et al., "Stable and
// low-precision training for large-scale vision-language models", 2023.
// Traffic: 36 bytes per parameter: 12 read and 8 written for the moments, 12 read and 4 written for
// the update.
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct StableAdamW : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, beta1, beta2, epsilon, weight_decay, maximize);
    PANOPTIM_RULE_SCALARS(mean_weight, beta2, square_weight, epsilon, decay, rate);
    PANOPTIM_RULE_SLOTS(exp_avg, exp_avg_sq);
    static constexpr int phases = 2;
    static constexpr int reductions = 1;

    PANOPTIM_DEVICE static constexpr bool reads_parameter(int phase) { return phase == 1; }
    PANOPTIM_DEVICE static constexpr bool reads_gradient(int phase) { return phase == 0; }
    PANOPTIM_DEVICE static constexpr bool writes_parameter(int phase) { return phase == 1; }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int phase, bool) {
        return phase == 0 ? 0b11 : 0b00;
    }
    PANOPTIM_DEVICE static bool maximize(const Hyper &hyper) { return hyper.maximize != 0; }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        if constexpr (Phase == 0) {
            const double beta1 = preparation.momentum_or(hyper.beta1);
            const double power2 = powi(hyper.beta2, preparation.count);
            const double correction1 = 1 - powi(beta1, preparation.count);
            const double correction2 = 1 - power2;
            scalars.mean_weight = static_cast<float>((1 - beta1) / correction1);
            scalars.beta2 = static_cast<float>((hyper.beta2 - power2) / correction2);
            scalars.square_weight = static_cast<float>((1 - hyper.beta2) / correction2);
            scalars.epsilon = static_cast<float>(hyper.epsilon);
        } else {
            const double mean =
                preparation.reductions[0] / static_cast<double>(preparation.elements);
            const double root = square_root(mean);
            double rate = hyper.learning_rate * preparation.rate_factor;
            // Not divided by the larger of two: a device's maximum drops NaN.
            if (root > 1) {
                rate = rate / root;
            }
            scalars.decay = static_cast<float>(rate * hyper.weight_decay);
            scalars.rate = static_cast<float>(rate);
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        float &mean = element.slot[exp_avg];
        float &square = element.slot[exp_avg_sq];
        if constexpr (Phase == 0) {
            const float gradient = element.gradient;
            mean = mean + scalars.mean_weight * (gradient - mean);
            square = scalars.beta2 * square + scalars.square_weight * (gradient * gradient);
            const float ratio = gradient / maximum(square_root(square), scalars.epsilon);
            element.left[0] = ratio;
            element.right[0] = ratio;
        } else {
            const float root = square_root(square) + scalars.epsilon;
            element.parameter = element.parameter -
                                (scalars.decay * element.parameter + scalars.rate * (mean / root));
        }
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
