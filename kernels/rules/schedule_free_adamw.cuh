// Schedule-Free AdamW: AdamW with an average of the points gone through in place of momentum and
// schedule; passes switch the parameter between where gradients are taken and the average.
//
// Source: facebookresearch/schedule_free, schedulefree/adamw_schedulefree.py; Defazio et al., "The
// Road Less Scheduled", 2024.
// Traffic: 28 bytes per parameter (16 read, 12 written); a pass 12 (8 read, 4 written).
#pragma once

#include "rules/schedule_free.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct ScheduleFreeAdamW : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, beta1, beta2, epsilon, weight_decay, warmup_steps, r,
                        weight_lr_power);
    PANOPTIM_RULE_SCALARS(first, weight_decay, average, parameter_rate, rate, beta2,
                          one_minus_beta2, inverse_root_correction, epsilon, pass);
    PANOPTIM_RULE_SLOTS(z, exp_avg_sq);
    PANOPTIM_RULE_STATES(k, weight_sum, lr_max, scheduled_lr, ckp1);
    static constexpr int pass_phases = 2;
    static constexpr int evaluating = 1;

    PANOPTIM_DEVICE static constexpr bool reads_gradient(int phase) { return phase == 0; }
    PANOPTIM_DEVICE static constexpr unsigned read_slots(int phase, bool) {
        return phase == 0 ? 0b11 : 0b01;
    }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int phase, bool) {
        return phase == 0 ? 0b11 : 0b00;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void settle(const Hyper &hyper, const Preparation &preparation,
                                       RuleStates &states) {
        if constexpr (Phase == 0) {
            settle_average(hyper, preparation, states);
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        if constexpr (Phase == 0) {
            const RuleStates &rule = preparation.rule_states<ScheduleFreeAdamW>();
            const double correction = 1 - powi(hyper.beta2, whole(rule.k));
            prepare_move(hyper, preparation, hyper.beta1, rule, scalars);
            scalars.beta2 = static_cast<float>(hyper.beta2);
            scalars.one_minus_beta2 = static_cast<float>(1 - hyper.beta2);
            scalars.inverse_root_correction = static_cast<float>(1 / square_root(correction));
            scalars.epsilon = static_cast<float>(hyper.epsilon);
        } else {
            scalars.pass = pass_weight<Phase == evaluating>(preparation, hyper.beta1);
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        if constexpr (Phase == 0) {
            const float gradient = element.gradient;
            float &square = element.slot[exp_avg_sq];
            square = scalars.beta2 * square + scalars.one_minus_beta2 * (gradient * gradient);
            const float root =
                square_root(square) * scalars.inverse_root_correction + scalars.epsilon;
            move_along(scalars, gradient / root, element);
        } else {
            move_in_pass(scalars.pass, element);
        }
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
