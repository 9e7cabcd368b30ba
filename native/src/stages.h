// The stages of a step over a plan, each as panoptim.h describes it. All assume standard
// floating-point settings.
#pragma once

#include "panoptim.h"
#include "tier.h"

namespace panoptim {

int32_t measure_chunks(const Tier &tier, const panoptim_plan &plan, int64_t first, int64_t last);

// What goes on between the passes over chunks: PANOPTIM_STAGE_... together.
int32_t control_stages(const panoptim_plan &plan, int32_t stages, int32_t phase = 0);

// The stages that panoptim_prepare is, of a phase.
constexpr int32_t preparing_stages(int32_t phase) {
    return phase == 0 ? PANOPTIM_STAGE_CLIP | PANOPTIM_STAGE_SETTLE | PANOPTIM_STAGE_PREPARE
                      : PANOPTIM_STAGE_PREPARE;
}

int32_t update_chunks(const Tier &tier, const panoptim_plan &plan, int32_t phase, int64_t first,
                      int64_t last);

// The same over panels, of phases that sum over rows or columns.
int32_t update_panels(const Tier &tier, const panoptim_plan &plan, int32_t phase, int64_t first,
                      int64_t last);

// PANOPTIM_STAGE_LINES or PANOPTIM_STAGE_TOTALS, which follow the preparation of a phase.
int32_t advance_lines(const panoptim_plan &plan, int32_t stage, int32_t phase, int64_t first,
                      int64_t last);

// What a prepared phase does with all panels.
int32_t whole_phase_of_panels(const Tier &tier, const panoptim_plan &plan, int32_t phase);

// All of them in order, up to the first result that is not PANOPTIM_OK.
int32_t whole_step(const Tier &tier, const panoptim_plan &plan, int32_t phases);

} // namespace panoptim
