// One entry of the table of prepared scalars.
#pragma once

#include <stddef.h>

#include "panoptim_plan.h"
#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

// What a rule's kernels know of a panoptim_prepared: its beginning.
template <typename Rule>
struct PreparedEntry {
    float gradient_scale;
    float curvature_scale;
    int32_t active;
    int32_t reserved;
    typename Rule::Scalars scalars;

    static_assert(sizeof(typename Rule::Scalars) <= PANOPTIM_SCALARS);
};

// Fills the entry of an active tensor for a phase. Phases after the first find in the entry what
// the one before left there.
template <typename Rule, int Phase>
PANOPTIM_DEVICE void prepare_entry(const double *hyper_address, const Preparation &preparation,
                                   const panoptim_control &control, PreparedEntry<Rule> &entry) {
    static_assert(offsetof(PreparedEntry<Rule>, scalars) == offsetof(panoptim_prepared, scalars));
    const auto &hyper = *reinterpret_cast<const typename Rule::Hyper *>(hyper_address);
    if constexpr (Phase == 0) {
        const auto scale = static_cast<float>(control.gradient_scale * control.clip_coefficient);
        const auto curvature_scale = static_cast<float>(control.gradient_scale);
        const bool negated = Rule::maximize(hyper);
        entry.gradient_scale = negated ? -scale : scale;
        entry.curvature_scale = negated ? -curvature_scale : curvature_scale;
        entry.active = 1;
        entry.reserved = 0;
        entry.scalars = {};
    }
    Rule::template prepare<Phase>(hyper, preparation, entry.scalars);
}

// Advances the states of a group for a phase.
template <typename Rule, int Phase>
PANOPTIM_DEVICE void settle_states(const double *hyper, const Preparation &preparation,
                                   double *states) {
    Rule::template settle<Phase>(*reinterpret_cast<const typename Rule::Hyper *>(hyper),
                                 preparation,
                                 *reinterpret_cast<typename Rule::RuleStates *>(states));
}

} // namespace PANOPTIM_TIER
} // namespace panoptim
