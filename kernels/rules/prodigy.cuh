// Prodigy: Adam whose step size d is found by itself, from how far the parameters have moved from
// where they began along the gradients.
//
// Source: konstmish/prodigy, prodigyopt/prodigy.py; Mishchenko & Defazio, "Prodigy: An
// Expeditiously Adaptive Parameter-Free Learner", 2024.
// Traffic: 52 bytes per parameter: 24 read and 12 written for the moments, 12 read and 4 written
// for the update.
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct Prodigy : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, beta1, beta2, beta3, epsilon, weight_decay, decouple,
                        use_bias_correction, safeguard_warmup, d0, d_coef, growth_rate);
    PANOPTIM_RULE_SCALARS(moving, weight_decay, beta1, mean_weight, beta2, square_weight, beta3,
                          s_weight, decay, step_size, epsilon);
    PANOPTIM_RULE_SLOTS(exp_avg, exp_avg_sq, s, p0);
    PANOPTIM_RULE_STATES(d, d_max, d_numerator, k, dlr);
    static constexpr int phases = 2;
    static constexpr int reductions = 2;
    static constexpr int distance = 0; // the gradient along the way from the beginning
    static constexpr int magnitude = 1;

    PANOPTIM_DEVICE static constexpr Scope scope(int) { return Scope::all; }
    PANOPTIM_DEVICE static constexpr bool reads_gradient(int phase) { return phase == 0; }
    PANOPTIM_DEVICE static constexpr bool writes_parameter(int phase) { return phase == 1; }
    PANOPTIM_DEVICE static constexpr unsigned read_slots(int phase, bool) {
        return phase == 0 ? 0b1111 : 0b0011;
    }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int phase, bool) {
        return phase == 0 ? 0b0111 : 0b0000;
    }

    PANOPTIM_DEVICE static double beta3_of(const Hyper &hyper) {
        return hyper.beta3 != 0 ? hyper.beta3 : square_root(hyper.beta2);
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
            states.d_numerator =
                beta3_of(hyper) * states.d_numerator +
                (states.d / hyper.d0) * states.dlr * preparation.reductions[distance];
            if (states.dlr > 0) {
                const double estimate = hyper.d_coef * states.d_numerator / sum;
                if (states.d == hyper.d0) {
                    states.d = maximum(states.d, estimate);
                }
                states.d_max = maximum(states.d_max, estimate);
                states.d = minimum(states.d_max, states.d * hyper.growth_rate);
            }
            states.k = states.k + 1;
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        const RuleStates &rule = preparation.rule_states<Prodigy>();
        const bool decoupled = hyper.decouple != 0;
        if constexpr (Phase == 0) {
            const double beta1 = preparation.momentum_or(hyper.beta1);
            const double warm = hyper.safeguard_warmup != 0 ? rule.d : rule.dlr;
            scalars.moving = hyper.learning_rate * preparation.rate_factor > 0 ? 1.0F : 0.0F;
            scalars.weight_decay = static_cast<float>(decoupled ? 0.0 : hyper.weight_decay);
            scalars.beta1 = static_cast<float>(beta1);
            scalars.mean_weight = static_cast<float>(rule.d * (1 - beta1));
            scalars.beta2 = static_cast<float>(hyper.beta2);
            scalars.square_weight = static_cast<float>(rule.d * rule.d * (1 - hyper.beta2));
            scalars.beta3 = static_cast<float>(beta3_of(hyper));
            scalars.s_weight = static_cast<float>((rule.d / hyper.d0) * warm);
        } else {
            scalars.decay = static_cast<float>(decoupled ? rule.dlr * hyper.weight_decay : 0.0);
            scalars.step_size = static_cast<float>(rule.dlr);
            scalars.epsilon = static_cast<float>(rule.d * hyper.epsilon);
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        float &mean = element.slot[exp_avg];
        float &square = element.slot[exp_avg_sq];
        if constexpr (Phase == 0) {
            const bool moving = scalars.moving != 0;
            const float gradient = element.gradient + scalars.weight_decay * element.parameter;
            float &sum = element.slot[s];
            const float new_mean = scalars.beta1 * mean + scalars.mean_weight * gradient;
            const float new_square =
                scalars.beta2 * square + scalars.square_weight * (gradient * gradient);
            const float new_sum = scalars.beta3 * sum + scalars.s_weight * gradient;
            mean = moving ? new_mean : mean;
            square = moving ? new_square : square;
            sum = moving ? new_sum : sum;
            element.left[distance] = moving ? gradient : 0.0F;
            element.right[distance] = moving ? element.slot[p0] - element.parameter : 0.0F;
            element.left[magnitude] = moving ? absolute(sum) : 0.0F;
            element.right[magnitude] = 1;
        } else {
            const float ratio = mean / (square_root(square) + scalars.epsilon);
            const float moved =
                element.parameter - (scalars.decay * element.parameter + scalars.step_size * ratio);
            element.parameter = scalars.step_size != 0 ? moved : element.parameter;
        }
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
