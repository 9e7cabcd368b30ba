// SVRG: passes that keep a snapshot of the parameters and its gradients, and correct the gradients
// of a step by them.
//
// Source: Johnson and Zhang, "Accelerating Stochastic Gradient Descent using Predictive Variance
// Reduction", 2013.
// Traffic: 16 bytes per parameter for a snapshot (8 read, 8 written); and in each step 48: 16 to
// visit it, 8 to come back, 8 to keep the gradient there, 16 to correct.
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct Svrg : PlainRule {
    static constexpr const char *hyper_names = "";
    struct Hyper {};
    struct Scalars {};
    PANOPTIM_RULE_SLOTS(snapshot, full_gradient, held);
    PANOPTIM_TENSOR_STATES(taken, away, recorded);
    static constexpr int phases = 0;
    static constexpr int pass_phases = 5;
    static constexpr int snapping = 0;
    static constexpr int visiting = 1;
    static constexpr int leaving = 2;
    static constexpr int recording = 3;
    static constexpr int correcting = 4;

    PANOPTIM_DEVICE static constexpr bool reads_parameter(int phase) {
        return phase == snapping || phase == visiting;
    }
    // A pass over every parameter must not.
    PANOPTIM_DEVICE static constexpr bool reads_gradient(int phase) {
        return phase == snapping || phase == recording || phase == correcting;
    }
    PANOPTIM_DEVICE static constexpr bool writes_parameter(int phase) {
        return phase == visiting || phase == leaving;
    }
    PANOPTIM_DEVICE static constexpr bool writes_gradient(int phase) { return phase == correcting; }
    PANOPTIM_DEVICE static constexpr unsigned read_slots(int phase, bool) {
        switch (phase) {
        case visiting:
            return 0b001;
        case leaving:
            return 0b100;
        case correcting:
            return 0b110;
        default:
            return 0;
        }
    }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int phase, bool) {
        switch (phase) {
        case snapping:
            return 0b011;
        case visiting:
        case recording:
            return 0b100;
        default:
            return 0;
        }
    }

    // A record has the number of the step that it is for, and serves no other.
    PANOPTIM_DEVICE static double next_step(const Preparation &preparation) {
        return static_cast<double>(preparation.step + 1);
    }

    template <int Phase>
    PANOPTIM_DEVICE static bool rests(const Hyper &, const Preparation &preparation) {
        const TensorStates &states = preparation.tensor_states<Svrg>();
        switch (Phase) {
        case visiting:
        case recording:
            return states.taken == 0;
        case leaving:
            return states.away == 0;
        case correcting:
            return states.recorded != next_step(preparation);
        default:
            return false;
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &, const Preparation &preparation, Scalars &) {
        TensorStates &states = preparation.tensor_states<Svrg>();
        if constexpr (Phase == snapping) {
            states.taken = 1;
        } else if constexpr (Phase == visiting) {
            states.away = 1;
            states.recorded = 0;
        } else if constexpr (Phase == leaving) {
            states.away = 0;
        } else {
            states.recorded = Phase == recording ? next_step(preparation) : 0;
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &, Element &element) {
        if constexpr (Phase == snapping) {
            element.slot[snapshot] = element.parameter;
            element.slot[full_gradient] = element.gradient;
        } else if constexpr (Phase == visiting) {
            element.slot[held] = element.parameter;
            element.parameter = element.slot[snapshot];
        } else if constexpr (Phase == leaving) {
            element.parameter = element.slot[held];
        } else if constexpr (Phase == recording) {
            element.slot[held] = element.gradient;
        } else {
            element.gradient =
                (element.gradient - element.slot[held]) + element.slot[full_gradient];
        }
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
