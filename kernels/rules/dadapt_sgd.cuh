// D-Adaptation of SGD: dual averaging with momentum whose step size d is found by itself, as a
// lower bound of the distance to the solution that only grows.
//
// Source: facebookresearch/dadaptation, dadaptation/dadapt_sgd.py; Defazio & Mishchenko,
// "Learning-Rate-Free Learning by D-Adaptation", 2023.
// Traffic: 36 bytes per parameter: 4 read for the first gradients' norm, 12 read and 4 written for
// their sum, 12 read and 4 written for the update.
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct DAdaptSgd : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, momentum, weight_decay, d0, growth_rate);
    PANOPTIM_RULE_SCALARS(moving, rate, weight_decay, momentum, one_minus_momentum);
    PANOPTIM_RULE_SLOTS(s, x0);
    PANOPTIM_RULE_STATES(d, numerator_weighted, g0_norm, k, dlr);
    static constexpr int phases = 3;
    static constexpr int reductions = 3;
    static constexpr int gradient_squares = 0;
    static constexpr int numerator = 1;
    static constexpr int sum_squares = 2;

    PANOPTIM_DEVICE static constexpr Scope scope(int) { return Scope::all; }
    PANOPTIM_DEVICE static constexpr int reduction_phase(int reduction) {
        return reduction == gradient_squares ? 0 : 1;
    }
    PANOPTIM_DEVICE static constexpr bool reads_parameter(int phase) { return phase != 0; }
    PANOPTIM_DEVICE static constexpr bool reads_gradient(int phase) { return phase != 2; }
    PANOPTIM_DEVICE static constexpr bool writes_parameter(int phase) { return phase == 2; }
    PANOPTIM_DEVICE static constexpr unsigned read_slots(int phase, bool) {
        return phase == 0 ? 0b00 : (phase == 1 ? 0b01 : 0b11);
    }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int phase, bool) {
        return phase == 1 ? 0b01 : 0b00;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void settle(const Hyper &hyper, const Preparation &preparation,
                                       RuleStates &states) {
        if constexpr (Phase == 1) {
            if (states.k == 0) {
                states.g0_norm = square_root(preparation.reductions[gradient_squares]);
            }
            const double rate = states.d * (hyper.learning_rate * preparation.rate_factor);
            states.dlr = states.g0_norm > 0 ? rate / states.g0_norm : 0.0;
        } else if constexpr (Phase == 2) {
            const double squares = preparation.reductions[sum_squares];
            if (squares == 0) {
                states.dlr = 0; // nothing has moved, and nothing will
                return;
            }
            states.numerator_weighted =
                states.numerator_weighted + states.dlr * preparation.reductions[numerator];
            if (states.dlr > 0) {
                const double estimate = 2 * states.numerator_weighted / square_root(squares);
                const double bounded = minimum(estimate, states.d * hyper.growth_rate);
                states.d = bounded > states.d ? bounded : states.d;
            }
            states.k = states.k + 1;
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        const double rate = preparation.rule_states<DAdaptSgd>().dlr;
        if constexpr (Phase == 0) {
            scalars.moving = hyper.learning_rate * preparation.rate_factor > 0 ? 1.0F : 0.0F;
        } else if constexpr (Phase == 1) {
            scalars.moving = rate > 0 ? 1.0F : 0.0F;
            scalars.rate = static_cast<float>(rate);
            scalars.weight_decay = static_cast<float>(hyper.weight_decay);
        } else {
            const double momentum = preparation.momentum_or(hyper.momentum);
            scalars.moving = rate > 0 ? 1.0F : 0.0F;
            scalars.momentum = static_cast<float>(momentum);
            scalars.one_minus_momentum = static_cast<float>(1 - momentum);
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        const bool moving = scalars.moving != 0;
        float &sum = element.slot[s];
        if constexpr (Phase == 0) {
            const float gradient = moving ? element.gradient : 0.0F;
            element.left[gradient_squares] = gradient;
            element.right[gradient_squares] = gradient;
        } else if constexpr (Phase == 1) {
            const float gradient = element.gradient + scalars.weight_decay * element.parameter;
            const float new_sum = sum + scalars.rate * gradient;
            element.left[numerator] = moving ? gradient : 0.0F;
            element.right[numerator] = moving ? sum : 0.0F;
            sum = moving ? new_sum : sum;
            element.left[sum_squares] = moving ? sum : 0.0F;
            element.right[sum_squares] = moving ? sum : 0.0F;
        } else {
            const float target = element.slot[x0] - sum;
            const float moved =
                scalars.momentum * element.parameter + scalars.one_minus_momentum * target;
            element.parameter = moving ? moved : element.parameter;
        }
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
