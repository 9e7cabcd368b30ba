// A rule for tests alone, with passes beside its step: an average of the points gone through, which
// is swapped with the parameter and back again, and a push along the gradient. Late, its step has a
// phase more, which does nothing: the phases of its passes have other numbers then.
//
//   step:            p = p - rate g; average = average + (p - average) / count
//   average_in, over every tensor:
//     comparing:     apart = sum of (p - average)^2 over the tensor, all of it over every tensor
//     swaps = swaps + 1; farthest = farthest + sqrt(all)   of the rule, before these two phases
//     distance = sqrt(apart)                               of the tensor, in the second
//     swapping_in:   p, average = average, p
//   average_out, over every tensor:
//     swapping_out:  p, average = average, p
//   push, over tensors with a gradient:
//     pushing:       p = p + (rate step) g / (count + 1)
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

template <bool Late>
struct TestAveraged : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, maximize, late);
    PANOPTIM_RULE_SCALARS(rate, weight);
    PANOPTIM_RULE_SLOTS(average);
    PANOPTIM_TENSOR_STATES(distance);
    PANOPTIM_RULE_STATES(swaps, farthest);
    static constexpr int phases = Late ? 2 : 1;
    static constexpr int pass_phases = 4;
    static constexpr int moving = phases - 1;
    static constexpr int comparing = phases;
    static constexpr int swapping_in = phases + 1;
    static constexpr int swapping_out = phases + 2;
    static constexpr int pushing = phases + 3;
    static constexpr int reductions = 2;

    PANOPTIM_DEVICE static constexpr Scope scope(int reduction) {
        return reduction == 0 ? Scope::tensor : Scope::all;
    }
    PANOPTIM_DEVICE static constexpr int reduction_phase(int) { return comparing; }
    PANOPTIM_DEVICE static constexpr bool reads_gradient(int phase) {
        return phase == moving || phase == pushing;
    }
    PANOPTIM_DEVICE static constexpr bool reads_parameter(int phase) { return phase >= moving; }
    PANOPTIM_DEVICE static constexpr bool writes_parameter(int phase) {
        return phase >= moving && phase != comparing;
    }
    PANOPTIM_DEVICE static constexpr unsigned read_slots(int phase, bool) {
        return phase < moving || phase == pushing ? 0b0 : 0b1;
    }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int phase, bool) {
        return phase == moving || phase == swapping_in || phase == swapping_out ? 0b1 : 0b0;
    }
    PANOPTIM_DEVICE static bool maximize(const Hyper &hyper) { return hyper.maximize != 0; }

    template <int Phase>
    PANOPTIM_DEVICE static void settle(const Hyper &, const Preparation &preparation,
                                       RuleStates &states) {
        if constexpr (Phase == comparing) {
            states.swaps = states.swaps + 1;
        } else if constexpr (Phase == swapping_in) {
            states.farthest = states.farthest + square_root(preparation.reductions[1]);
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        TensorStates &states = preparation.tensor_states<TestAveraged>();
        if constexpr (Phase == moving) {
            scalars.rate = static_cast<float>(hyper.learning_rate * preparation.rate_factor);
            scalars.weight = static_cast<float>(1.0 / static_cast<double>(preparation.count));
        } else if constexpr (Phase == swapping_in) {
            states.distance = square_root(preparation.reductions[0]);
        } else if constexpr (Phase == pushing) {
            const double rate = hyper.learning_rate * preparation.rate_factor;
            scalars.rate = static_cast<float>(rate * static_cast<double>(preparation.step));
            scalars.weight = static_cast<float>(1.0 / static_cast<double>(preparation.count + 1));
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        float &mean = element.slot[average];
        if constexpr (Phase == moving) {
            element.parameter = element.parameter - scalars.rate * element.gradient;
            mean = mean + (element.parameter - mean) * scalars.weight;
        } else if constexpr (Phase == comparing) {
            const float apart = element.parameter - mean;
            element.left[0] = apart;
            element.right[0] = apart;
            element.left[1] = apart;
            element.right[1] = apart;
        } else if constexpr (Phase == pushing) {
            element.parameter =
                element.parameter + (scalars.rate * element.gradient) * scalars.weight;
        } else if constexpr (Phase == swapping_in || Phase == swapping_out) {
            const float parameter = element.parameter;
            element.parameter = mean;
            mean = parameter;
        }
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
