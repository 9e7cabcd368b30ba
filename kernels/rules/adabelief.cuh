// AdaBelief: Adam that divides by how far gradients are from their average, with decoupled weight
// decay; rectified as RAdam is, unless that is switched off.
//
// Source: juntang-zhuang/Adabelief-Optimizer, pypi_packages/adabelief_pytorch0.2.0, AdaBelief.py;
// Zhuang et al., "AdaBelief Optimizer: Adapting Stepsizes by the Belief in Observed Gradients",
// 2020. Epsilon is added to the state in every step, and stays there.
// Traffic: 28 bytes per parameter (16 read, 12 written).
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct AdaBelief : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, beta1, beta2, epsilon, weight_decay, rectify);
    PANOPTIM_RULE_SCALARS(decay, one_minus_beta1, beta2, one_minus_beta2, step_size,
                          inverse_root_correction, epsilon, adaptive);
    PANOPTIM_RULE_SLOTS(exp_avg, exp_avg_var);

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        const double rate = hyper.learning_rate * preparation.rate_factor;
        const double beta1 = preparation.momentum_or(hyper.beta1);
        const int64_t step = preparation.count;
        const double power_of_beta2 = powi(hyper.beta2, step);
        const double correction2 = 1 - power_of_beta2;
        // The length of the average that the second moment is: its limit, and its present one.
        const double limit = 2 / (1 - hyper.beta2) - 1;
        const double length =
            limit - 2.0 * static_cast<double>(step) * power_of_beta2 / correction2;
        const bool rectifies = hyper.rectify != 0;
        double step_size = rate / (1 - powi(beta1, step));
        if (rectifies && length >= 5) {
            const double above = (length - 4) * (length - 2) * limit;
            const double below = (limit - 4) * (limit - 2) * length;
            step_size = step_size * square_root(correction2) * square_root(above / below);
        }
        scalars.decay = static_cast<float>(rate * hyper.weight_decay);
        scalars.one_minus_beta1 = static_cast<float>(1 - beta1);
        scalars.beta2 = static_cast<float>(hyper.beta2);
        scalars.one_minus_beta2 = static_cast<float>(1 - hyper.beta2);
        scalars.step_size = static_cast<float>(step_size);
        scalars.inverse_root_correction =
            static_cast<float>(rectifies ? 1.0 : 1 / square_root(correction2));
        scalars.epsilon = static_cast<float>(hyper.epsilon);
        scalars.adaptive = !rectifies || length >= 5 ? 1.0F : 0.0F;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        float &mean = element.slot[exp_avg];
        float &variance = element.slot[exp_avg_var];
        mean = mean + scalars.one_minus_beta1 * (element.gradient - mean);
        const float distance = element.gradient - mean;
        variance = scalars.beta2 * variance + scalars.one_minus_beta2 * (distance * distance);
        variance = variance + scalars.epsilon;
        const float root =
            square_root(variance) * scalars.inverse_root_correction + scalars.epsilon;
        const float ratio = mean / root;
        const float direction = scalars.adaptive != 0 ? ratio : mean;
        element.parameter =
            element.parameter - (scalars.decay * element.parameter + scalars.step_size * direction);
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
