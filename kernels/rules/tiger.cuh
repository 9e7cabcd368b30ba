// Tiger: the sign of the gradient's average and decoupled weight decay, both scaled for each tensor
// to the root mean square of its elements.
//
// Source: bojone/tiger, tiger.py; Su, "Tiger: A Tight-fisted Optimizer", 2023.
// Traffic: 24 bytes per parameter: 4 read for the mean square, 12 read and 8 written for the
// update.
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct Tiger : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, beta, weight_decay);
    PANOPTIM_RULE_SCALARS(rate, decay, beta, one_minus_beta);
    PANOPTIM_RULE_SLOTS(m);
    static constexpr int phases = 2;
    static constexpr int reductions = 1;

    PANOPTIM_DEVICE static constexpr bool reads_gradient(int phase) { return phase == 1; }
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
            const double mean =
                preparation.reductions[0] / static_cast<double>(preparation.elements);
            const double rate = hyper.learning_rate * preparation.rate_factor * square_root(mean);
            const double beta = preparation.momentum_or(hyper.beta);
            scalars.rate = static_cast<float>(rate);
            scalars.decay = static_cast<float>(rate * hyper.weight_decay);
            scalars.beta = static_cast<float>(beta);
            scalars.one_minus_beta = static_cast<float>(1 - beta);
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        if constexpr (Phase == 0) {
            element.left[0] = element.parameter;
            element.right[0] = element.parameter;
        } else {
            float &mean = element.slot[m];
            mean = scalars.beta * mean + scalars.one_minus_beta * element.gradient;
            element.parameter =
                element.parameter - (scalars.decay * element.parameter + scalars.rate * sign(mean));
        }
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
