// SAM: passes beside the step of any rule, which move the parameters to where the loss is about
// highest nearby and back again; the adaptive variant reckons "nearby" by each parameter's size.
//
// Source: davda54/sam, sam.py; Foret et al., "Sharpness-Aware Minimization for Efficiently
// Improving Generalization", 2021; Kwon et al., "ASAM", 2021.
// Traffic: 32 bytes per parameter: 4 read for the norm, 8 read and 8 written to perturb, 8 read and
// 4 written to restore; adaptive 36.
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

template <bool Adaptive>
struct Sam : PlainRule {
    PANOPTIM_RULE_HYPER(rho, adaptive);
    PANOPTIM_RULE_SCALARS(scale, moved);
    PANOPTIM_RULE_SLOTS(old_p);
    PANOPTIM_TENSOR_STATES(perturbed, sharpness);
    static constexpr int phases = 0;
    static constexpr int pass_phases = 3;
    static constexpr int measuring = 0;
    static constexpr int perturbing = 1;
    static constexpr int restoring = 2;
    static constexpr int reductions = 1;

    PANOPTIM_DEVICE static constexpr Scope scope(int) { return Scope::all; }
    PANOPTIM_DEVICE static constexpr bool reads_parameter(int phase) {
        return Adaptive || phase != measuring;
    }
    PANOPTIM_DEVICE static constexpr bool reads_gradient(int phase) { return phase != restoring; }
    PANOPTIM_DEVICE static constexpr bool writes_parameter(int phase) { return phase != measuring; }
    PANOPTIM_DEVICE static constexpr unsigned read_slots(int phase, bool) {
        return phase == restoring ? 0b1 : 0b0;
    }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int phase, bool) {
        return phase == perturbing ? 0b1 : 0b0;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        TensorStates &states = preparation.tensor_states<Sam>();
        if constexpr (Phase == perturbing) {
            const double norm = square_root(preparation.reductions[0]);
            scalars.scale = finite(norm) ? static_cast<float>(hyper.rho / (norm + 1e-12)) : 0.0F;
            states.perturbed = 1;
            states.sharpness = hyper.rho * norm;
        } else if constexpr (Phase == restoring) {
            scalars.moved = static_cast<float>(states.perturbed);
            states.perturbed = 0;
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        const float parameter = element.parameter;
        if constexpr (Phase == measuring) {
            const float term = Adaptive ? absolute(parameter) * element.gradient : element.gradient;
            element.left[0] = term;
            element.right[0] = term;
        } else if constexpr (Phase == perturbing) {
            const float direction =
                Adaptive ? (parameter * parameter) * element.gradient : element.gradient;
            const float moved = parameter + direction * scalars.scale;
            element.slot[old_p] = parameter;
            element.parameter = scalars.scale != 0 ? moved : parameter;
        } else {
            element.parameter = scalars.moved != 0 ? element.slot[old_p] : parameter;
        }
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
