// A rule for tests alone, with states of every extent that are settled, prepared and read.
//
//   steps = steps + 1                           of the rule, before phase 0
//   decayed = beta decayed                      of the tensor, in phase 0
//   phase 0: d = row column g; anchor = anchor + (p - anchor) / 2
//   square = sum of d^2 over every tensor of this rule
//   total = beta total + sqrt(square)           of the rule, before phase 1
//   phase 1: p = p - rate (1 - decayed) / ((1 + total) steps) row column g - (p - anchor) / 4
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct TestStates : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, beta);
    PANOPTIM_RULE_SCALARS(step);
    PANOPTIM_RULE_SLOTS(anchor);
    PANOPTIM_RULE_ROWS(row_scale);
    PANOPTIM_RULE_COLUMNS(column_scale);
    PANOPTIM_TENSOR_STATES(decayed);
    PANOPTIM_RULE_STATES(steps, total);
    static constexpr int phases = 2;
    static constexpr int reductions = 1;

    PANOPTIM_DEVICE static constexpr Scope scope(int) { return Scope::all; }
    PANOPTIM_DEVICE static constexpr bool writes_parameter(int phase) { return phase == 1; }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int phase, bool) {
        return phase == 0 ? 0b1 : 0b0;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void settle(const Hyper &hyper, const Preparation &preparation,
                                       RuleStates &states) {
        if constexpr (Phase == 0) {
            states.steps = states.steps + 1;
        } else {
            states.total = hyper.beta * states.total + square_root(preparation.reductions[0]);
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        TensorStates &states = preparation.tensor_states<TestStates>();
        if constexpr (Phase == 0) {
            states.decayed = hyper.beta * states.decayed;
        } else {
            const RuleStates &rule = preparation.rule_states<TestStates>();
            const double rate = hyper.learning_rate * preparation.rate_factor;
            scalars.step =
                static_cast<float>(rate * (1 - states.decayed) / ((1 + rule.total) * rule.steps));
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        const float scale = element.row[row_scale] * element.column[column_scale];
        const float direction = scale * element.gradient;
        float &pulled = element.slot[anchor];
        if constexpr (Phase == 0) {
            pulled = pulled + (element.parameter - pulled) * 0.5F;
            element.left[0] = direction;
            element.right[0] = direction;
        } else {
            element.parameter =
                element.parameter - scalars.step * direction - (element.parameter - pulled) * 0.25F;
        }
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
