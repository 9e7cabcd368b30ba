// SGD with weight decay and, in its second variant, momentum, dampening and Nesterov's step.
//
// Source: PyTorch, torch/optim/sgd.py (_single_tensor_sgd); Sutskever et al., "On the importance of
// initialization and momentum in deep learning", 2013.
// Traffic: 12 bytes per parameter (8 read, 4 written); with momentum 20 (12 read, 8 written).
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

template <bool Momentum>
struct Sgd : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, momentum, dampening, weight_decay, nesterov, maximize);
    PANOPTIM_RULE_SCALARS(rate, momentum, keep, weight_decay, first, nesterov);
    PANOPTIM_RULE_FIRST_SLOTS(Momentum ? 1 : 0, momentum_buffer);

    PANOPTIM_DEVICE static bool maximize(const Hyper &hyper) { return hyper.maximize != 0; }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        scalars.rate = static_cast<float>(hyper.learning_rate * preparation.rate_factor);
        scalars.momentum = static_cast<float>(preparation.momentum_or(hyper.momentum));
        scalars.keep = static_cast<float>(1 - hyper.dampening);
        scalars.weight_decay = static_cast<float>(hyper.weight_decay);
        scalars.first = preparation.count == 1 ? 1.0F : 0.0F;
        scalars.nesterov = static_cast<float>(hyper.nesterov);
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        const float gradient = element.gradient + scalars.weight_decay * element.parameter;
        float direction = gradient;
        if constexpr (Momentum) {
            float &buffer = element.slot[momentum_buffer];
            const float mixed = scalars.momentum * buffer + scalars.keep * gradient;
            buffer = scalars.first != 0 ? gradient : mixed;
            const float ahead = gradient + scalars.momentum * buffer;
            direction = scalars.nesterov != 0 ? ahead : buffer;
        }
        element.parameter = element.parameter - scalars.rate * direction;
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
