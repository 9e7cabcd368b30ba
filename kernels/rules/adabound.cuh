// AdaBound: Adam whose rate for each element is held between two bounds that meet at the rate of
// SGD, and its AMSBound variant; weight decay is coupled.
//
// Source: Luolc/AdaBound, adabound/adabound.py; Luo et al., "Adaptive Gradient Methods with Dynamic
// Bound of Learning Rate", 2019.
// Traffic: 28 bytes per parameter (16 read, 12 written); AMSBound 36 (20 read, 16 written).
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

template <bool Amsbound>
struct AdaBound : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, beta1, beta2, final_lr, gamma, epsilon, weight_decay,
                        amsbound);
    PANOPTIM_RULE_SCALARS(weight_decay, one_minus_beta1, beta2, one_minus_beta2, step_size, epsilon,
                          lower, upper);
    PANOPTIM_RULE_FIRST_SLOTS(Amsbound ? 3 : 2, exp_avg, exp_avg_sq, max_exp_avg_sq);

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        const double rate = hyper.learning_rate * preparation.rate_factor;
        const double beta1 = preparation.momentum_or(hyper.beta1);
        const double correction1 = 1 - powi(beta1, preparation.count);
        const double correction2 = 1 - powi(hyper.beta2, preparation.count);
        const double time = hyper.gamma * static_cast<double>(preparation.count);
        // At a learning rate of 0 nothing moves, wherever the bounds are.
        const double middle =
            hyper.learning_rate > 0 ? hyper.final_lr * preparation.rate_factor : 0.0;
        scalars.weight_decay = static_cast<float>(hyper.weight_decay);
        scalars.one_minus_beta1 = static_cast<float>(1 - beta1);
        scalars.beta2 = static_cast<float>(hyper.beta2);
        scalars.one_minus_beta2 = static_cast<float>(1 - hyper.beta2);
        scalars.step_size = static_cast<float>(rate * square_root(correction2) / correction1);
        scalars.epsilon = static_cast<float>(hyper.epsilon);
        scalars.lower = static_cast<float>(middle * (1 - 1 / (time + 1)));
        scalars.upper = static_cast<float>(middle * (1 + 1 / time));
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        const float gradient = element.gradient + scalars.weight_decay * element.parameter;
        float &mean = element.slot[exp_avg];
        float &square = element.slot[exp_avg_sq];
        mean = mean + scalars.one_minus_beta1 * (gradient - mean);
        square = scalars.beta2 * square + scalars.one_minus_beta2 * (gradient * gradient);
        float second = square;
        if constexpr (Amsbound) {
            float &largest = element.slot[max_exp_avg_sq];
            largest = maximum(largest, square);
            second = largest;
        }
        const float rate = scalars.step_size / (square_root(second) + scalars.epsilon);
        const float bounded = minimum(maximum(rate, scalars.lower), scalars.upper);
        element.held = element.held | (rate < scalars.lower) | (rate > scalars.upper);
        element.parameter = element.parameter - bounded * mean;
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
