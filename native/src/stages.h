// The stages of a step over a plan, each as panoptim.h describes it. All assume standard
// floating-point settings.
#pragma once

#include "panoptim.h"
#include "tier.h"

namespace panoptim {

int32_t measure_chunks(const Tier &tier, const panoptim_plan &plan, int64_t first, int64_t last);
int32_t gather(const panoptim_plan &plan);
int32_t decide_step(const panoptim_plan &plan);
int32_t prepare_phase(const panoptim_plan &plan, int32_t phase);
int32_t update_chunks(const Tier &tier, const panoptim_plan &plan, int32_t phase, int64_t first,
                      int64_t last);
int32_t finish(const panoptim_plan &plan);

// All of them in order, up to the first result that is not PANOPTIM_OK.
int32_t whole_step(const Tier &tier, const panoptim_plan &plan, int32_t phases);

} // namespace panoptim
