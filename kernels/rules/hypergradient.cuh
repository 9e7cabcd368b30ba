// Hypergradient descent of a group's learning rate.
//
// Source: Baydin et al., "Online Learning Rate Adaptation with Hypergradient Descent", 2018.
// Traffic: 16 bytes per parameter (12 read, 4 written).
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct Hypergradient : PlainRule {
    PANOPTIM_RULE_HYPER(beta, learning_rate);
    struct Scalars {};
    PANOPTIM_RULE_SLOTS(last_param);
    PANOPTIM_RULE_STATES(rate_factor);
    static constexpr int phases = 0;
    static constexpr int pass_phases = 2;
    static constexpr int comparing = 0;
    static constexpr int adapting = 1;
    static constexpr int reductions = 1;

    PANOPTIM_DEVICE static constexpr Scope scope(int) { return Scope::group; }
    PANOPTIM_DEVICE static constexpr bool reads_parameter(int phase) { return phase == comparing; }
    PANOPTIM_DEVICE static constexpr bool reads_gradient(int phase) { return phase == comparing; }
    PANOPTIM_DEVICE static constexpr bool writes_parameter(int) { return false; }
    PANOPTIM_DEVICE static constexpr unsigned read_slots(int phase, bool) {
        return phase == comparing ? 0b1 : 0b0;
    }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int phase, bool) {
        return phase == comparing ? 0b1 : 0b0;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void settle(const Hyper &hyper, const Preparation &preparation,
                                       RuleStates &states) {
        if constexpr (Phase == adapting) {
            const double factor = states.rate_factor;
            const double went = hyper.learning_rate * factor;
            const double adapted =
                factor + hyper.beta * (preparation.reductions[0] / went) / hyper.learning_rate;
            states.rate_factor = finite(adapted) ? adapted : factor;
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &, const Preparation &, Scalars &) {}

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &, Element &element) {
        if constexpr (Phase == comparing) {
            float &last = element.slot[last_param];
            element.left[0] = element.gradient;
            element.right[0] = last - element.parameter;
            last = element.parameter;
        }
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
