// Adamax: Adam with the largest of the gradients, which decays, in place of the root of their
// average square; weight decay is coupled.
//
// Source: PyTorch, torch/optim/adamax.py (_single_tensor_adamax); Kingma & Ba, "Adam: A Method for
// Stochastic Optimization", section 7.1, 2015.
// Traffic: 28 bytes per parameter (16 read, 12 written).
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct Adamax : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, beta1, beta2, epsilon, weight_decay, maximize);
    PANOPTIM_RULE_SCALARS(step_size, one_minus_beta1, beta2, epsilon, weight_decay);
    PANOPTIM_RULE_SLOTS(exp_avg, exp_inf);

    PANOPTIM_DEVICE static bool maximize(const Hyper &hyper) { return hyper.maximize != 0; }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        const double rate = hyper.learning_rate * preparation.rate_factor;
        const double beta1 = preparation.momentum_or(hyper.beta1);
        const double correction = 1 - powi(beta1, preparation.count);
        scalars.step_size = static_cast<float>(rate / correction);
        scalars.one_minus_beta1 = static_cast<float>(1 - beta1);
        scalars.beta2 = static_cast<float>(hyper.beta2);
        scalars.epsilon = static_cast<float>(hyper.epsilon);
        scalars.weight_decay = static_cast<float>(hyper.weight_decay);
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        const float gradient = element.gradient + scalars.weight_decay * element.parameter;
        float &mean = element.slot[exp_avg];
        float &largest = element.slot[exp_inf];
        mean = mean + scalars.one_minus_beta1 * (gradient - mean);
        largest = maximum(scalars.beta2 * largest, absolute(gradient) + scalars.epsilon);
        element.parameter = element.parameter - scalars.step_size * (mean / largest);
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
