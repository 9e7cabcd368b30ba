// NAdam: Adam with Nesterov's momentum, whose weight rises with the steps; weight decay is coupled,
// or decoupled if asked for.
//
// Source: PyTorch, torch/optim/nadam.py (_single_tensor_nadam); Dozat, "Incorporating Nesterov
// Momentum into Adam", 2016.
// Traffic: 28 bytes per parameter (16 read, 12 written).
#pragma once

#include "rules/functions.cuh"
#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct NAdam : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, beta1, beta2, epsilon, weight_decay, momentum_decay,
                        decoupled_weight_decay, maximize);
    PANOPTIM_RULE_SCALARS(decay, weight_decay, one_minus_beta1, beta2, one_minus_beta2,
                          inverse_root_correction, epsilon, gradient_step, moment_step);
    PANOPTIM_RULE_SLOTS(exp_avg, exp_avg_sq);
    PANOPTIM_TENSOR_STATES(mu_product);

    PANOPTIM_DEVICE static bool maximize(const Hyper &hyper) { return hyper.maximize != 0; }

    // The weight of the momentum in a step.
    PANOPTIM_DEVICE static double momentum_at(double beta1, double momentum_decay, int64_t step) {
        return beta1 * (1 - 0.5 * power(0.96, static_cast<double>(step) * momentum_decay));
    }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        const double rate = hyper.learning_rate * preparation.rate_factor;
        const double beta1 = preparation.momentum_or(hyper.beta1);
        const int64_t step = preparation.count;
        const double now = momentum_at(beta1, hyper.momentum_decay, step);
        const double next = momentum_at(beta1, hyper.momentum_decay, step + 1);
        double &product = preparation.tensor_states<NAdam>().mu_product;
        product = product * now;
        const bool decoupled = hyper.decoupled_weight_decay != 0;
        scalars.decay = static_cast<float>(decoupled ? rate * hyper.weight_decay : 0.0);
        scalars.weight_decay = static_cast<float>(decoupled ? 0.0 : hyper.weight_decay);
        scalars.one_minus_beta1 = static_cast<float>(1 - beta1);
        scalars.beta2 = static_cast<float>(hyper.beta2);
        scalars.one_minus_beta2 = static_cast<float>(1 - hyper.beta2);
        const double correction = 1 - powi(hyper.beta2, step);
        scalars.inverse_root_correction = static_cast<float>(1 / square_root(correction));
        scalars.epsilon = static_cast<float>(hyper.epsilon);
        scalars.gradient_step = static_cast<float>(rate * (1 - now) / (1 - product));
        scalars.moment_step = static_cast<float>(rate * next / (1 - product * next));
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        const float gradient = element.gradient + scalars.weight_decay * element.parameter;
        float &mean = element.slot[exp_avg];
        float &square = element.slot[exp_avg_sq];
        mean = mean + scalars.one_minus_beta1 * (gradient - mean);
        square = scalars.beta2 * square + scalars.one_minus_beta2 * (gradient * gradient);
        const float root = square_root(square) * scalars.inverse_root_correction + scalars.epsilon;
        const float step =
            scalars.gradient_step * (gradient / root) + scalars.moment_step * (mean / root);
        element.parameter = element.parameter - (scalars.decay * element.parameter + step);
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
