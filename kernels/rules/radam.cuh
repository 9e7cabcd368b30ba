// RAdam: Adam that is scaled down while its second moment comes from few gradients, and left out
// while it comes from very few; weight decay is coupled, or decoupled if asked for.
//
// Source: PyTorch, torch/optim/radam.py (_single_tensor_radam); Liu et al., "On the Variance of the
// Adaptive Learning Rate and Beyond", 2020.
// Traffic: 28 bytes per parameter (16 read, 12 written).
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct RAdam : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, beta1, beta2, epsilon, weight_decay, decoupled_weight_decay,
                        maximize);
    PANOPTIM_RULE_SCALARS(decay, weight_decay, one_minus_beta1, beta2, one_minus_beta2, step_size,
                          epsilon, rectified);
    PANOPTIM_RULE_SLOTS(exp_avg, exp_avg_sq);

    PANOPTIM_DEVICE static bool maximize(const Hyper &hyper) { return hyper.maximize != 0; }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        const double rate = hyper.learning_rate * preparation.rate_factor;
        const double beta1 = preparation.momentum_or(hyper.beta1);
        const bool decoupled = hyper.decoupled_weight_decay != 0;
        scalars.decay = static_cast<float>(decoupled ? rate * hyper.weight_decay : 0.0);
        scalars.weight_decay = static_cast<float>(decoupled ? 0.0 : hyper.weight_decay);
        scalars.one_minus_beta1 = static_cast<float>(1 - beta1);
        scalars.beta2 = static_cast<float>(hyper.beta2);
        scalars.one_minus_beta2 = static_cast<float>(1 - hyper.beta2);
        scalars.epsilon = static_cast<float>(hyper.epsilon);

        const int64_t step = preparation.count;
        const double power_of_beta2 = powi(hyper.beta2, step);
        const double correction2 = 1 - power_of_beta2;
        // The length of the average that the second moment is: its limit, and its present one.
        const double limit = 2 / (1 - hyper.beta2) - 1;
        const double length =
            limit - 2.0 * static_cast<double>(step) * power_of_beta2 / correction2;
        const bool rectified = length > 5;
        double step_size = rate / (1 - powi(beta1, step));
        if (rectified) {
            const double above = (length - 4) * (length - 2) * limit;
            const double below = (limit - 4) * (limit - 2) * length;
            step_size = step_size * square_root(correction2) * square_root(above / below);
        }
        scalars.step_size = static_cast<float>(step_size);
        scalars.rectified = rectified ? 1.0F : 0.0F;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        const float gradient = element.gradient + scalars.weight_decay * element.parameter;
        float &mean = element.slot[exp_avg];
        float &square = element.slot[exp_avg_sq];
        mean = mean + scalars.one_minus_beta1 * (gradient - mean);
        square = scalars.beta2 * square + scalars.one_minus_beta2 * (gradient * gradient);
        const float ratio = mean / (square_root(square) + scalars.epsilon);
        const float direction = scalars.rectified != 0 ? ratio : mean;
        element.parameter =
            element.parameter - (scalars.decay * element.parameter + scalars.step_size * direction);
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
