// LookSAM: SAM whose second gradient is computed every k-th step; what it adds across the plain
// gradient is reused in the steps between.
//
// Source: Liu et al., "Towards Efficient and Scalable Sharpness-Aware Minimization", 2022.
// Traffic: in a step that is due 56 bytes per parameter: 4 read for the norm, 8 read and 12 written
// to perturb, 4 read and 4 written to restore, 8 read to compare, 8 read and 8 written to learn; in
// others 24: 8 read for norms, 8 read and 8 written.
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct LookSam : PlainRule {
    PANOPTIM_RULE_HYPER(rho, k, alpha);
    PANOPTIM_RULE_SCALARS(scale, fresh, known);
    PANOPTIM_RULE_SLOTS(look_old_p, direction);
    PANOPTIM_TENSOR_STATES(look_perturbed, fresh_direction, look_sharpness);
    static constexpr int phases = 0;
    static constexpr int pass_phases = 5;
    static constexpr int measuring = 0;
    static constexpr int perturbing = 1;
    static constexpr int restoring = 2;
    static constexpr int comparing = 3;
    static constexpr int reusing = 4;
    static constexpr int reductions = 3;
    static constexpr int square = 0;
    static constexpr int product = 1;
    static constexpr int length = 2;

    PANOPTIM_DEVICE static constexpr Scope scope(int reduction) {
        return reduction == square ? Scope::all : Scope::tensor;
    }
    PANOPTIM_DEVICE static constexpr int reduction_phase(int reduction) {
        return reduction == square ? measuring : comparing;
    }
    PANOPTIM_DEVICE static constexpr bool reads_parameter(int phase) { return phase == perturbing; }
    PANOPTIM_DEVICE static constexpr bool reads_gradient(int phase) { return phase != restoring; }
    PANOPTIM_DEVICE static constexpr bool writes_parameter(int phase) {
        return phase == perturbing || phase == restoring;
    }
    PANOPTIM_DEVICE static constexpr bool writes_gradient(int phase) { return phase == reusing; }
    PANOPTIM_DEVICE static constexpr unsigned read_slots(int phase, bool) {
        return phase == restoring ? 0b01 : phase == comparing || phase == reusing ? 0b10 : 0b00;
    }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int phase, bool) {
        return phase == perturbing ? 0b11 : phase == reusing ? 0b10 : 0b00;
    }

    template <int Phase>
    PANOPTIM_DEVICE static bool rests(const Hyper &, const Preparation &preparation) {
        return Phase == restoring && preparation.tensor_states<LookSam>().look_perturbed == 0;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        TensorStates &states = preparation.tensor_states<LookSam>();
        if constexpr (Phase == perturbing) {
            const double norm = square_root(preparation.reductions[square]);
            states.look_perturbed = 1;
            states.fresh_direction = 1;
            states.look_sharpness = hyper.rho * norm;
            scalars.scale = finite(norm) ? static_cast<float>(hyper.rho / (norm + 1e-12)) : 0.0F;
        } else if constexpr (Phase == restoring) {
            states.look_perturbed = 0;
        } else if constexpr (Phase == comparing) {
            scalars.fresh = states.fresh_direction != 0 ? 1.0F : 0.0F;
        } else if constexpr (Phase == reusing) {
            states.fresh_direction = 0;
            const double ratio = preparation.reductions[product] / preparation.reductions[length];
            const double share = scalars.fresh != 0 ? ratio : hyper.alpha * square_root(ratio);
            scalars.known = finite(share) ? 1.0F : 0.0F;
            scalars.scale = finite(share) ? static_cast<float>(share) : 0.0F;
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        const float gradient = element.gradient;
        float &across = element.slot[direction];
        if constexpr (Phase == measuring) {
            element.left[square] = gradient;
            element.right[square] = gradient;
        } else if constexpr (Phase == perturbing) {
            element.slot[look_old_p] = element.parameter;
            across = gradient;
            const float moved = element.parameter + gradient * scalars.scale;
            element.parameter = scalars.scale != 0 ? moved : element.parameter;
        } else if constexpr (Phase == restoring) {
            element.parameter = element.slot[look_old_p];
        } else if constexpr (Phase == comparing) {
            const bool fresh = scalars.fresh != 0;
            element.left[product] = gradient;
            element.right[product] = fresh ? across : gradient;
            element.left[length] = across;
            element.right[length] = across;
        } else {
            const float learned = gradient - scalars.scale * across;
            const float added = gradient + scalars.scale * across;
            if (scalars.fresh != 0) {
                across = scalars.known != 0 ? learned : 0.0F;
            } else {
                element.gradient = scalars.scale != 0 ? added : gradient;
            }
        }
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
