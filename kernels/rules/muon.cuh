// Muon: the momentum of a matrix, whose singular values linear algebra brings near 1 between two
// phases.
//
//   phase 0: momentum_buffer = momentum momentum_buffer + (1 - momentum) g
//            direction = momentum momentum_buffer + (1 - momentum) g, or without Nesterov's step
//            momentum_buffer
//   square  = sum of direction^2 over the tensor
//   phase 1: direction = direction / max(sqrt(square), epsilon)
//   between: direction = its orthogonal factor, about, times what the shape asks for
//   phase 2: p = p - (rate weight_decay p + rate direction)
//
// Source: PyTorch, torch/optim/_muon.py (_single_tensor_muon), which iterates in bfloat16; Jordan
// et al., "Muon: An optimizer for hidden layers in neural networks", 2024.
// Traffic: 36 bytes per parameter: 8 read and 8 written for the momentum, 4 read and 4 written for
// the norm, 8 read and 4 written for the update; the products between are not counted.
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct Muon : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, weight_decay, momentum, nesterov, ns_a, ns_b, ns_c, epsilon,
                        ns_steps, match_rms_adamw);
    PANOPTIM_RULE_SCALARS(momentum, keep, nesterov, power_of_two, inverse_norm, decay, step);
    PANOPTIM_RULE_SLOTS(momentum_buffer, direction);
    static constexpr int phases = 3;
    static constexpr int reductions = 1;

    PANOPTIM_DEVICE static constexpr bool reads_parameter(int phase) { return phase == 2; }
    PANOPTIM_DEVICE static constexpr bool reads_gradient(int phase) { return phase == 0; }
    PANOPTIM_DEVICE static constexpr bool writes_parameter(int phase) { return phase == 2; }
    PANOPTIM_DEVICE static constexpr unsigned read_slots(int phase, bool) {
        return phase == 0 ? 0b01 : 0b10;
    }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int phase, bool) {
        return phase == 0 ? 0b11 : phase == 1 ? 0b10 : 0b00;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        if constexpr (Phase == 0) {
            const double momentum = preparation.momentum_or(hyper.momentum);
            scalars.momentum = static_cast<float>(momentum);
            scalars.keep = static_cast<float>(1 - momentum);
            scalars.nesterov = static_cast<float>(hyper.nesterov);
        } else if constexpr (Phase == 1) {
            const double norm = square_root(preparation.reductions[0]);
            const double divisor = norm > hyper.epsilon ? norm : hyper.epsilon;
            // The inverse of a norm near the ends of float's range is none of its normal numbers.
            const double power = divisor > 0x1p100 ? 0x1p-100 : divisor < 0x1p-100 ? 0x1p100 : 1;
            scalars.power_of_two = static_cast<float>(power);
            scalars.inverse_norm = static_cast<float>(1 / (divisor * power));
        } else {
            const double rate = hyper.learning_rate * preparation.rate_factor;
            scalars.decay = static_cast<float>(rate * hyper.weight_decay);
            scalars.step = static_cast<float>(rate);
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        if constexpr (Phase == 0) {
            const float share = scalars.keep * element.gradient;
            const float mean = scalars.momentum * element.slot[momentum_buffer] + share;
            const float ahead = scalars.momentum * mean + share;
            const float chosen = scalars.nesterov != 0 ? ahead : mean;
            element.slot[momentum_buffer] = mean;
            element.slot[direction] = chosen;
            element.left[0] = chosen;
            element.right[0] = chosen;
        } else if constexpr (Phase == 1) {
            element.slot[direction] =
                (element.slot[direction] * scalars.power_of_two) * scalars.inverse_norm;
        } else {
            element.parameter = element.parameter - (scalars.decay * element.parameter +
                                                     scalars.step * element.slot[direction]);
        }
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
