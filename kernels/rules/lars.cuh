// LARS: SGD whose step is scaled for each tensor to the tensor's norm, in its second variant with
// momentum, dampening and Nesterov's step.
//
// Source: huggingface/pytorch-image-models, timm/optim/lars.py; You et al., "Large Batch Training
// of Convolutional Networks", 2017.
// Traffic: 20 bytes per parameter: 8 read for the norms, 8 read and 4 written for the update; with
// momentum 28 (20 read, 8 written).
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

template <bool Momentum>
struct Lars : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, momentum, dampening, trust_coeff, epsilon, weight_decay,
                        nesterov, trust_clip, always_adapt);
    PANOPTIM_RULE_SCALARS(rate, ratio, momentum, keep, weight_decay, first, nesterov);
    PANOPTIM_RULE_FIRST_SLOTS(Momentum ? 1 : 0, momentum_buffer);
    PANOPTIM_TENSOR_STATES(trust_ratio);
    static constexpr int phases = 2;
    static constexpr int reductions = 2;
    static constexpr int value_squares = 0;
    static constexpr int gradient_squares = 1;

    PANOPTIM_DEVICE static constexpr bool writes_parameter(int phase) { return phase == 1; }
    PANOPTIM_DEVICE static constexpr unsigned read_slots(int phase, bool) {
        return phase == 1 ? 0b1 : 0b0;
    }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int phase, bool) {
        return phase == 1 ? 0b1 : 0b0;
    }

    PANOPTIM_DEVICE static double ratio_of(const Hyper &hyper, const Preparation &preparation,
                                           double rate) {
        if (hyper.weight_decay == 0 && hyper.always_adapt == 0) {
            return 1;
        }
        const double value = square_root(preparation.reductions[value_squares]);
        const double gradient = square_root(preparation.reductions[gradient_squares]);
        const double divisor = gradient + value * hyper.weight_decay + hyper.epsilon;
        const bool adapts = value > 0 && gradient > 0;
        const double ratio = adapts ? hyper.trust_coeff * value / divisor : 1.0;
        return hyper.trust_clip != 0 ? minimum(ratio / rate, 1.0) : ratio;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        if constexpr (Phase == 1) {
            const double rate = hyper.learning_rate * preparation.rate_factor;
            scalars.rate = static_cast<float>(rate);
            const double ratio = ratio_of(hyper, preparation, rate);
            preparation.tensor_states<Lars>().trust_ratio = ratio;
            scalars.ratio = static_cast<float>(ratio);
            scalars.momentum = static_cast<float>(preparation.momentum_or(hyper.momentum));
            scalars.keep = static_cast<float>(1 - hyper.dampening);
            scalars.weight_decay = static_cast<float>(hyper.weight_decay);
            scalars.first = preparation.count == 1 ? 1.0F : 0.0F;
            scalars.nesterov = static_cast<float>(hyper.nesterov);
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        if constexpr (Phase == 0) {
            element.left[value_squares] = element.parameter;
            element.right[value_squares] = element.parameter;
            element.left[gradient_squares] = element.gradient;
            element.right[gradient_squares] = element.gradient;
        } else {
            const float gradient =
                (element.gradient + scalars.weight_decay * element.parameter) * scalars.ratio;
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
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
