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
    float gradient_limit;
    typename Rule::Scalars scalars;

    static_assert(sizeof(typename Rule::Scalars) <= PANOPTIM_SCALARS);
};

// What a gradient of 1, as a rule has it, is in memory.
PANOPTIM_DEVICE float gradient_unit(const panoptim_control &control, float gradient_scale) {
    const auto unit = static_cast<float>(control.loss_scale);
    return gradient_scale < 0 ? -unit : unit;
}

// Begins the entry of an active tensor.
template <typename Rule>
PANOPTIM_DEVICE void begin_entry(const double *hyper_address, double gradient_scale,
                                 double curvature_scale, double gradient_limit,
                                 PreparedEntry<Rule> &entry) {
    const auto &hyper = *reinterpret_cast<const typename Rule::Hyper *>(hyper_address);
    const auto scale = static_cast<float>(gradient_scale);
    const auto unclipped = static_cast<float>(curvature_scale);
    const bool negated = Rule::maximize(hyper);
    entry.gradient_scale = negated ? -scale : scale;
    entry.curvature_scale = negated ? -unclipped : unclipped;
    entry.active = 1;
    entry.gradient_limit =
        gradient_limit > 0 ? static_cast<float>(gradient_limit) : __builtin_huge_valf();
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
        begin_entry(hyper_address, control.gradient_scale * preparation.clip_coefficient,
                    control.gradient_scale, control.clip_value, entry);
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
