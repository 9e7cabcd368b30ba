// A rule for tests alone, with passes beside its step: an average of the points gone through, which
// is swapped with the parameter and back again, and a push along the gradient.
//
//   step:      p = p - rate g; average = average + (p - average) / count
//   average_in, over every tensor:
//     phase 1: apart = sum of (p - average)^2 over the tensor, all of it over every tensor
//     swaps = swaps + 1; farthest = farthest + sqrt(all)   of the rule, before phases 1 and 2
//     distance = sqrt(apart)                               of the tensor, in phase 2
//     phase 2: p, average = average, p
//   average_out, over every tensor:
//     phase 3: p, average = average, p
//   push, over tensors with a gradient:
//     phase 4: p = p + step g / count
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct TestAveraged : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, maximize);
    PANOPTIM_RULE_SCALARS(rate, weight);
    PANOPTIM_RULE_SLOTS(average);
    PANOPTIM_TENSOR_STATES(distance);
    PANOPTIM_RULE_STATES(swaps, farthest);
    static constexpr int phases = 1;
    static constexpr int pass_phases = 4;
    static constexpr int reductions = 2;

    PANOPTIM_DEVICE static constexpr Scope scope(int reduction) {
        return reduction == 0 ? Scope::tensor : Scope::all;
    }
    PANOPTIM_DEVICE static constexpr int reduction_phase(int) { return 1; }
    PANOPTIM_DEVICE static constexpr bool reads_gradient(int phase) {
        return phase == 0 || phase == 4;
    }
    PANOPTIM_DEVICE static constexpr bool writes_parameter(int phase) { return phase != 1; }
    PANOPTIM_DEVICE static constexpr unsigned read_slots(int phase, bool) {
        return phase == 4 ? 0b0 : 0b1;
    }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int phase, bool) {
        return phase == 1 || phase == 4 ? 0b0 : 0b1;
    }
    PANOPTIM_DEVICE static bool maximize(const Hyper &hyper) { return hyper.maximize != 0; }

    template <int Phase>
    PANOPTIM_DEVICE static void settle(const Hyper &, const Preparation &preparation,
                                       RuleStates &states) {
        if constexpr (Phase == 1) {
            states.swaps = states.swaps + 1;
        } else if constexpr (Phase == 2) {
            states.farthest = states.farthest + square_root(preparation.reductions[1]);
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        TensorStates &states = preparation.tensor_states<TestAveraged>();
        if constexpr (Phase == 0) {
            scalars.rate = static_cast<float>(hyper.learning_rate * preparation.rate_factor);
            scalars.weight = static_cast<float>(1.0 / static_cast<double>(preparation.count));
        } else if constexpr (Phase == 2) {
            states.distance = square_root(preparation.reductions[0]);
        } else if constexpr (Phase == 4) {
            const double rate = hyper.learning_rate * preparation.rate_factor;
            scalars.rate = static_cast<float>(rate * static_cast<double>(preparation.step));
            scalars.weight = static_cast<float>(1.0 / static_cast<double>(preparation.count + 1));
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        float &mean = element.slot[average];
        if constexpr (Phase == 0) {
            element.parameter = element.parameter - scalars.rate * element.gradient;
            mean = mean + (element.parameter - mean) * scalars.weight;
        } else if constexpr (Phase == 1) {
            const float apart = element.parameter - mean;
            element.left[0] = apart;
            element.right[0] = apart;
            element.left[1] = apart;
            element.right[1] = apart;
        } else if constexpr (Phase == 4) {
            element.parameter =
                element.parameter + (scalars.rate * element.gradient) * scalars.weight;
        } else {
            const float parameter = element.parameter;
            element.parameter = mean;
            mean = parameter;
        }
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
