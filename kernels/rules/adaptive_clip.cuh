// Adaptive gradient clipping: each unit's gradient is brought down to a share of the unit's norm.
//
// Source: timm, agc.py; Brock et al., "High-Performance Large-Scale Image Recognition Without
// Normalization", 2021.
// Traffic: 16 bytes per parameter: 8 read to measure, 4 read and 4 written to scale.
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct AdaptiveClip : PlainRule {
    PANOPTIM_RULE_HYPER(clip, epsilon);
    struct Scalars {};
    static constexpr const char *slot_names = "";
    static constexpr int slots = 0;
    PANOPTIM_RULE_ROWS(clip_factor);
    static constexpr int phases = 0;
    static constexpr int pass_phases = 2;
    static constexpr int measuring = 0;
    static constexpr int scaling = 1;
    static constexpr int reductions = 2;
    static constexpr int values = 0;
    static constexpr int gradients = 1;

    PANOPTIM_DEVICE static constexpr Scope scope(int) { return Scope::row; }
    PANOPTIM_DEVICE static constexpr bool reads_parameter(int phase) { return phase == measuring; }
    PANOPTIM_DEVICE static constexpr bool writes_parameter(int) { return false; }
    PANOPTIM_DEVICE static constexpr bool writes_gradient(int phase) { return phase == scaling; }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &, const Preparation &, Scalars &) {}

    template <int Phase>
    PANOPTIM_DEVICE static double advance_row(const Hyper &hyper, const Preparation &, Line &line) {
        const double value = square_root(line.sums[values]);
        const double gradient = square_root(line.sums[gradients]);
        const double most = hyper.clip * maximum(value, hyper.epsilon);
        const double factor = most / maximum(gradient, 1e-6);
        line.states[clip_factor] = gradient >= most ? static_cast<float>(factor) : 1.0F;
        return 0;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &, Element &element) {
        if constexpr (Phase == measuring) {
            element.left[values] = element.parameter;
            element.right[values] = element.parameter;
            element.left[gradients] = element.gradient;
            element.right[gradients] = element.gradient;
        } else {
            element.gradient = element.gradient * element.row[clip_factor];
        }
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
