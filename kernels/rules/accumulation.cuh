// Gradients of several micro-batches become one: their sum, or their mean.
//
// Traffic: 12 bytes per parameter and micro-batch (8 read, 4 written), and 12 before the step (4
// read, 8 written).
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct Accumulation : PlainRule {
    PANOPTIM_RULE_HYPER(mean);
    PANOPTIM_RULE_SCALARS(share);
    PANOPTIM_RULE_SLOTS(gradient_sum);
    // Whether the sum has anything, and how many micro-batches there were before its first step's.
    PANOPTIM_TENSOR_STATES(begun, before);
    // All micro-batches, those of steps that are over, and those of the step that is released.
    PANOPTIM_RULE_STATES(micro_batches, over, released);
    static constexpr int phases = 0;
    static constexpr int pass_phases = 2;
    static constexpr int accumulating = 0;
    static constexpr int releasing = 1;

    PANOPTIM_DEVICE static constexpr bool reads_parameter(int) { return false; }
    PANOPTIM_DEVICE static constexpr bool reads_gradient(int phase) {
        return phase == accumulating;
    }
    PANOPTIM_DEVICE static constexpr bool writes_parameter(int) { return false; }
    PANOPTIM_DEVICE static constexpr bool writes_gradient(int phase) { return phase == releasing; }

    template <int Phase>
    PANOPTIM_DEVICE static void settle(const Hyper &, const Preparation &, RuleStates &states) {
        if constexpr (Phase == accumulating) {
            states.micro_batches = states.micro_batches + 1;
        } else {
            states.released = states.micro_batches - states.over;
            states.over = states.micro_batches;
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static bool rests(const Hyper &, const Preparation &preparation) {
        return Phase == releasing && preparation.rule_states<Accumulation>().released == 0;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        const RuleStates &all = preparation.rule_states<Accumulation>();
        TensorStates &own = preparation.tensor_states<Accumulation>();
        if constexpr (Phase == accumulating) {
            if (own.begun == 0) {
                own.begun = 1;
                own.before = all.over;
            }
        } else {
            const double batches = own.begun != 0 ? all.micro_batches - own.before : all.released;
            own.begun = 0;
            scalars.share = hyper.mean != 0 ? static_cast<float>(1 / batches) : 1.0F;
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        float &sum = element.slot[gradient_sum];
        if constexpr (Phase == accumulating) {
            sum = sum + element.gradient;
        } else {
            element.gradient = sum * scalars.share;
            sum = 0.0F;
        }
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
