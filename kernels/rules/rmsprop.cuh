// RMSprop: the gradient over the root of its average square, or, centered, over its standard
// deviation; with momentum in two of its four variants, and with coupled weight decay.
//
// Source: PyTorch, torch/optim/rmsprop.py (_single_tensor_rmsprop); Hinton, "Neural Networks for
// Machine Learning", lecture 6, 2012; Graves, "Generating Sequences With Recurrent Neural
// Networks", 2013. A variance that rounding takes below zero counts as zero.
// Traffic: 20 bytes per parameter (12 read, 8 written); centered or with momentum 28 (16 read, 12
// written), with both 36 (20 read, 16 written).
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

template <bool Centered, bool Momentum>
struct RmsProp : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, alpha, epsilon, weight_decay, momentum, centered, maximize);
    PANOPTIM_RULE_SCALARS(rate, alpha, one_minus_alpha, epsilon, weight_decay, momentum);
    // By hand, since not every variant has the first so many of one list.
    enum Slot : int { square_avg = 0, grad_avg = 1, momentum_buffer = Centered ? 2 : 1 };
    static constexpr const char *slot_names =
        Centered ? "square_avg, grad_avg, momentum_buffer" : "square_avg, momentum_buffer";
    static constexpr int slots = 1 + (Centered ? 1 : 0) + (Momentum ? 1 : 0);

    PANOPTIM_DEVICE static bool maximize(const Hyper &hyper) { return hyper.maximize != 0; }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        scalars.rate = static_cast<float>(hyper.learning_rate * preparation.rate_factor);
        scalars.alpha = static_cast<float>(hyper.alpha);
        scalars.one_minus_alpha = static_cast<float>(1 - hyper.alpha);
        scalars.epsilon = static_cast<float>(hyper.epsilon);
        scalars.weight_decay = static_cast<float>(hyper.weight_decay);
        scalars.momentum = static_cast<float>(preparation.momentum_or(hyper.momentum));
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        const float gradient = element.gradient + scalars.weight_decay * element.parameter;
        float &square = element.slot[square_avg];
        square = scalars.alpha * square + scalars.one_minus_alpha * (gradient * gradient);
        float variance = square;
        if constexpr (Centered) {
            float &mean = element.slot[grad_avg];
            mean = mean + scalars.one_minus_alpha * (gradient - mean);
            variance = maximum(square - mean * mean, 0.0F);
        }
        const float normalized = gradient / (square_root(variance) + scalars.epsilon);
        float direction = normalized;
        if constexpr (Momentum) {
            float &buffer = element.slot[momentum_buffer];
            buffer = scalars.momentum * buffer + normalized;
            direction = buffer;
        }
        element.parameter = element.parameter - scalars.rate * direction;
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
