// D-Adaptation of Adam: Adam whose step size d is found by itself, as a lower bound of the distance
// to the solution that only grows.
//
// Source: facebookresearch/dadaptation, dadaptation/dadapt_adam.py; Defazio & Mishchenko,
// "Learning-Rate-Free Learning by D-Adaptation", 2023.
// Traffic: 48 bytes per parameter: 20 read and 12 written for the moments, 12 read and 4 written
// for the update.
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct DAdaptAdam : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, beta1, beta2, epsilon, weight_decay, decouple,
                        use_bias_correction, d0, growth_rate);
    PANOPTIM_RULE_SCALARS(moving, weight_decay, epsilon, beta1, mean_weight, beta2, square_weight,
                          root_beta2, s_weight, decay);
    PANOPTIM_RULE_SLOTS(exp_avg, exp_avg_sq, s);
    PANOPTIM_RULE_STATES(d, numerator_weighted, k, dlr);
    static constexpr int phases = 2;
    static constexpr int reductions = 2;
    static constexpr int numerator = 0;
    static constexpr int magnitude = 1;

    PANOPTIM_DEVICE static constexpr Scope scope(int) { return Scope::all; }
    PANOPTIM_DEVICE static constexpr bool reads_gradient(int phase) { return phase == 0; }
    PANOPTIM_DEVICE static constexpr bool writes_parameter(int phase) { return phase == 1; }
    PANOPTIM_DEVICE static constexpr unsigned read_slots(int phase, bool) {
        return phase == 0 ? 0b111 : 0b011;
    }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int phase, bool) {
        return phase == 0 ? 0b111 : 0b000;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void settle(const Hyper &hyper, const Preparation &preparation,
                                       RuleStates &states) {
        if constexpr (Phase == 0) {
            const double beta1 = preparation.momentum_or(hyper.beta1);
            const auto steps = whole(states.k) + 1;
            const double correction =
                hyper.use_bias_correction != 0
                    ? square_root(1 - powi(hyper.beta2, steps)) / (1 - powi(beta1, steps))
                    : 1.0;
            const double rate = hyper.learning_rate * preparation.rate_factor;
            states.dlr = states.d * rate * correction;
        } else {
            const double sum = preparation.reductions[magnitude];
            if (sum == 0) {
                states.dlr = 0; // nothing has moved, and nothing will
                return;
            }
            const double decay = square_root(hyper.beta2);
            states.numerator_weighted =
                decay * states.numerator_weighted +
                (1 - decay) * (states.dlr * preparation.reductions[numerator]);
            if (states.dlr > 0) {
                const double estimate = states.numerator_weighted / ((1 - decay) * sum);
                const double bounded = minimum(estimate, states.d * hyper.growth_rate);
                states.d = bounded > states.d ? bounded : states.d;
            }
            states.k = states.k + 1;
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        const double rate = preparation.rule_states<DAdaptAdam>().dlr;
        const bool decoupled = hyper.decouple != 0;
        scalars.moving = rate > 0 ? 1.0F : 0.0F;
        scalars.epsilon = static_cast<float>(hyper.epsilon);
        if constexpr (Phase == 0) {
            const double beta1 = preparation.momentum_or(hyper.beta1);
            const double decay = square_root(hyper.beta2);
            scalars.weight_decay = static_cast<float>(decoupled ? 0.0 : hyper.weight_decay);
            scalars.beta1 = static_cast<float>(beta1);
            scalars.mean_weight = static_cast<float>(rate * (1 - beta1));
            scalars.beta2 = static_cast<float>(hyper.beta2);
            scalars.square_weight = static_cast<float>(1 - hyper.beta2);
            scalars.root_beta2 = static_cast<float>(decay);
            scalars.s_weight = static_cast<float>(rate * (1 - decay));
        } else {
            scalars.decay = static_cast<float>(decoupled ? rate * hyper.weight_decay : 0.0);
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        const bool moving = scalars.moving != 0;
        float &mean = element.slot[exp_avg];
        float &square = element.slot[exp_avg_sq];
        const float root = square_root(square) + scalars.epsilon;
        if constexpr (Phase == 0) {
            const float gradient = element.gradient + scalars.weight_decay * element.parameter;
            float &sum = element.slot[s];
            const float quotient = sum / root;
            const float new_mean = scalars.beta1 * mean + scalars.mean_weight * gradient;
            const float new_square =
                scalars.beta2 * square + scalars.square_weight * (gradient * gradient);
            const float new_sum = scalars.root_beta2 * sum + scalars.s_weight * gradient;
            mean = moving ? new_mean : mean;
            square = moving ? new_square : square;
            sum = moving ? new_sum : sum;
            element.left[numerator] = moving ? gradient : 0.0F;
            element.right[numerator] = moving ? quotient : 0.0F;
            element.left[magnitude] = moving ? absolute(sum) : 0.0F;
            element.right[magnitude] = 1;
        } else {
            const float moved =
                element.parameter - (scalars.decay * element.parameter + mean / root);
            element.parameter = moving ? moved : element.parameter;
        }
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
