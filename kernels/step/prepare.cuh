// One entry of the table of prepared scalars.
#pragma once

#include "panoptim_plan.h"
#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

// Fills the entry of an active tensor for a phase. Phases after the first find in the entry what
// the one before left there.
template <typename Rule, int Phase>
PANOPTIM_DEVICE void prepare_entry(const void *hyper_address, const Preparation &preparation,
                                   const panoptim_control &control, panoptim_prepared &entry) {
    const auto &hyper = *static_cast<const typename Rule::Hyper *>(hyper_address);
    if constexpr (Phase == 0) {
        const auto scale = static_cast<float>(control.gradient_scale * control.clip_coefficient);
        const auto curvature_scale = static_cast<float>(control.gradient_scale);
        const bool negated = Rule::maximize(hyper);
        entry.gradient_scale = negated ? -scale : scale;
        entry.curvature_scale = negated ? -curvature_scale : curvature_scale;
        entry.active = 1;
        entry.reserved = 0;
    }
    typename Rule::Scalars scalars{};
    if constexpr (Phase > 0) {
        __builtin_memcpy(&scalars, entry.scalars, sizeof scalars);
    }
    Rule::template prepare<Phase>(hyper, preparation, scalars);
    __builtin_memcpy(entry.scalars, &scalars, sizeof scalars);
}

} // namespace PANOPTIM_TIER
} // namespace panoptim
