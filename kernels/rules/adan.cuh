// Adan: Adam with Nesterov's momentum, reckoned from the difference of two gradients that follow
// one another; weight decay is proximal, or AdamW's if asked for.
//
// Source: sail-sg/Adan, adan.py (_single_tensor_adan); Xie et al., "Adan: Adaptive Nesterov
// Momentum Algorithm for Faster Optimizing Deep Models", 2024. Division by 1 + rate * decay is a
// share of the parameter that is subtracted, and a factor of the step, since a parameter divided by
// 1 + rate * decay would lose small decays.
// Traffic: 44 bytes per parameter (24 read, 20 written).
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct Adan : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, beta1, beta2, beta3, epsilon, weight_decay, no_prox);
    PANOPTIM_RULE_SCALARS(decay, beta1, one_minus_beta1, beta2, one_minus_beta2, beta3,
                          one_minus_beta3, inverse_root_correction, epsilon, moment_step,
                          difference_step, first);
    PANOPTIM_RULE_SLOTS(exp_avg, exp_avg_sq, exp_avg_diff, neg_pre_grad);

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        const double rate = hyper.learning_rate * preparation.rate_factor;
        const double beta1 = preparation.momentum_or(hyper.beta1);
        const int64_t step = preparation.count;
        const double correction1 = 1 - powi(beta1, step);
        const double correction2 = 1 - powi(hyper.beta2, step);
        const double correction3 = 1 - powi(hyper.beta3, step);
        const double decay = rate * hyper.weight_decay;
        const double divisor = hyper.no_prox != 0 ? 1.0 : 1 + decay;
        scalars.decay = static_cast<float>(decay / divisor);
        scalars.beta1 = static_cast<float>(beta1);
        scalars.one_minus_beta1 = static_cast<float>(1 - beta1);
        scalars.beta2 = static_cast<float>(hyper.beta2);
        scalars.one_minus_beta2 = static_cast<float>(1 - hyper.beta2);
        scalars.beta3 = static_cast<float>(hyper.beta3);
        scalars.one_minus_beta3 = static_cast<float>(1 - hyper.beta3);
        scalars.inverse_root_correction = static_cast<float>(1 / square_root(correction3));
        scalars.epsilon = static_cast<float>(hyper.epsilon);
        scalars.moment_step = static_cast<float>(rate / correction1 / divisor);
        scalars.difference_step = static_cast<float>(rate * hyper.beta2 / correction2 / divisor);
        scalars.first = step == 1 ? 1.0F : 0.0F;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        const float gradient = element.gradient;
        float &mean = element.slot[exp_avg];
        float &square = element.slot[exp_avg_sq];
        float &difference = element.slot[exp_avg_diff];
        const float since = element.slot[neg_pre_grad] + gradient;
        const float change = scalars.first != 0 ? 0.0F : since;
        mean = scalars.beta1 * mean + scalars.one_minus_beta1 * gradient;
        difference = scalars.beta2 * difference + scalars.one_minus_beta2 * change;
        const float ahead = scalars.beta2 * change + gradient;
        square = scalars.beta3 * square + scalars.one_minus_beta3 * (ahead * ahead);
        element.slot[neg_pre_grad] = -gradient;
        const float root = square_root(square) * scalars.inverse_root_correction + scalars.epsilon;
        const float step =
            scalars.moment_step * (mean / root) + scalars.difference_step * (difference / root);
        element.parameter = element.parameter - (scalars.decay * element.parameter + step);
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
