// NovoGrad: momentum over gradients that are divided by their norm, of which each tensor keeps a
// moving average of squares.
//
// Source: huggingface/pytorch-image-models, timm/optim/nvnovograd.py; Ginsburg et al., "Stochastic
// Gradient Methods with Layer-wise Adaptive Moments for Training of Deep Networks", 2019.
// Traffic: 24 bytes per parameter: 4 read for the norm, 12 read and 8 written for the update.
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct NovoGrad : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, beta1, beta2, epsilon, weight_decay, grad_averaging);
    PANOPTIM_RULE_SCALARS(rate, beta1, weight, denominator, weight_decay);
    PANOPTIM_RULE_SLOTS(exp_avg);
    PANOPTIM_TENSOR_STATES(exp_avg_sq);
    static constexpr int phases = 2;
    static constexpr int reductions = 1;
    static constexpr int gradient_squares = 0;

    PANOPTIM_DEVICE static constexpr bool reads_parameter(int phase) { return phase == 1; }
    PANOPTIM_DEVICE static constexpr bool writes_parameter(int phase) { return phase == 1; }
    PANOPTIM_DEVICE static constexpr unsigned read_slots(int phase, bool) {
        return phase == 1 ? 0b1 : 0b0;
    }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int phase, bool) {
        return phase == 1 ? 0b1 : 0b0;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        if constexpr (Phase == 1) {
            const double beta1 = preparation.momentum_or(hyper.beta1);
            const double squares = preparation.reductions[gradient_squares];
            double &average = preparation.tensor_states<NovoGrad>().exp_avg_sq;
            average = average == 0 ? squares : hyper.beta2 * average + (1 - hyper.beta2) * squares;
            scalars.rate = static_cast<float>(hyper.learning_rate * preparation.rate_factor);
            scalars.beta1 = static_cast<float>(beta1);
            scalars.weight = static_cast<float>(hyper.grad_averaging != 0 ? 1 - beta1 : 1.0);
            scalars.denominator = static_cast<float>(square_root(average) + hyper.epsilon);
            scalars.weight_decay = static_cast<float>(hyper.weight_decay);
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        if constexpr (Phase == 0) {
            element.left[gradient_squares] = element.gradient;
            element.right[gradient_squares] = element.gradient;
        } else {
            const float gradient =
                element.gradient / scalars.denominator + scalars.weight_decay * element.parameter;
            float &mean = element.slot[exp_avg];
            mean = scalars.beta1 * mean + scalars.weight * gradient;
            element.parameter = element.parameter - scalars.rate * mean;
        }
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
