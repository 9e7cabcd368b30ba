// Gradient centralisation: the mean of each unit's gradient is taken away from it.
//
// Source: timm; Yong et al., "Gradient Centralization", 2020.
// Traffic: 12 bytes per parameter: 4 read to sum, 4 read and 4 written to center.
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

// A tensor of fewer than two dimensions is none: then it rests.
template <bool Matrix>
struct Centralize : PlainRule {
    static constexpr const char *hyper_names = "";
    struct Hyper {};
    struct Scalars {};
    static constexpr const char *slot_names = "";
    static constexpr int slots = 0;
    PANOPTIM_RULE_ROWS(gradient_mean);
    static constexpr int phases = 0;
    static constexpr int pass_phases = 2;
    static constexpr int summing = 0;
    static constexpr int centering = 1;
    static constexpr int reductions = 1;

    PANOPTIM_DEVICE static constexpr Scope scope(int) { return Scope::row; }
    PANOPTIM_DEVICE static constexpr bool reads_parameter(int) { return false; }
    PANOPTIM_DEVICE static constexpr bool writes_parameter(int) { return false; }
    PANOPTIM_DEVICE static constexpr bool writes_gradient(int phase) { return phase == centering; }

    template <int Phase>
    PANOPTIM_DEVICE static bool rests(const Hyper &, const Preparation &) {
        return !Matrix;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &, const Preparation &, Scalars &) {}

    template <int Phase>
    PANOPTIM_DEVICE static double advance_row(const Hyper &, const Preparation &, Line &line) {
        line.states[gradient_mean] =
            static_cast<float>(line.sums[0] / static_cast<double>(line.elements));
        return 0;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &, Element &element) {
        if constexpr (Phase == summing) {
            element.left[0] = element.gradient;
            element.right[0] = 1.0F;
        } else {
            element.gradient = element.gradient - element.row[gradient_mean];
        }
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
