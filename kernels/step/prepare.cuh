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

// Begins the entry of an active tensor.
template <typename Rule>
PANOPTIM_DEVICE void begin_entry(const double *hyper_address, double gradient_scale,
                                 double curvature_scale, PreparedEntry<Rule> &entry) {
    const auto &hyper = *reinterpret_cast<const typename Rule::Hyper *>(hyper_address);
    const auto scale = static_cast<float>(gradient_scale);
    const auto unclipped = static_cast<float>(curvature_scale);
    const bool negated = Rule::maximize(hyper);
    entry.gradient_scale = negated ? -scale : scale;
    entry.curvature_scale = negated ? -unclipped : unclipped;
    entry.active = 1;
    entry.reserved = 0;
    entry.scalars = {};
}

// Fills the entry of an active tensor for a phase. That of a pass was begun before. Phases after
// the first find in the entry what the one before left there.
template <typename Rule, int Phase>
PANOPTIM_DEVICE void prepare_entry(const double *hyper_address, const Preparation &preparation,
                                   const panoptim_control &control, PreparedEntry<Rule> &entry) {
    static_assert(offsetof(PreparedEntry<Rule>, scalars) == offsetof(panoptim_prepared, scalars));
    const auto &hyper = *reinterpret_cast<const typename Rule::Hyper *>(hyper_address);
    if constexpr (Phase == 0 && of_step<Rule, Phase>) {
        begin_entry(hyper_address, control.gradient_scale * control.clip_coefficient,
                    control.gradient_scale, entry);
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
