// Schedule-Free SGD: gradient descent with an average of the points gone through in place of
// momentum and schedule; passes switch the parameter between where gradients are taken and the
// average.
//
// Source: facebookresearch/schedule_free, schedulefree/sgd_schedulefree.py; Defazio et al., "The
// Road Less Scheduled", 2024.
// Traffic: 20 bytes per parameter (12 read, 8 written); a pass 12 (8 read, 4 written).
#pragma once

#include "rules/schedule_free.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct ScheduleFreeSgd : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, momentum, weight_decay, warmup_steps, r, weight_lr_power);
    PANOPTIM_RULE_SCALARS(first, weight_decay, average, parameter_rate, rate, pass);
    PANOPTIM_RULE_SLOTS(z);
    PANOPTIM_RULE_STATES(k, weight_sum, lr_max, scheduled_lr, ckp1);
    static constexpr int pass_phases = 2;
    static constexpr int evaluating = 1;

    PANOPTIM_DEVICE static constexpr bool reads_gradient(int phase) { return phase == 0; }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int phase, bool) {
        return phase == 0 ? 0b1 : 0b0;
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
            const RuleStates &rule = preparation.rule_states<ScheduleFreeSgd>();
            prepare_move(hyper, preparation, hyper.momentum, rule, scalars);
        } else {
            scalars.pass = pass_weight<Phase == evaluating>(preparation, hyper.momentum);
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        if constexpr (Phase == 0) {
            move_along(scalars, element.gradient, element);
        } else {
            move_in_pass(scalars.pass, element);
        }
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
