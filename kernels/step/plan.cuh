// Reading a plan inside kernels and libraries alike.
#pragma once

#include "panoptim_plan.h"
#include "rules/portable.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

PANOPTIM_DEVICE const panoptim_group &group_of(const panoptim_plan &plan, int64_t tensor) {
    return plan.groups[plan.tensors[tensor].group];
}

// Whether a tensor takes part in this step if it is accepted.
PANOPTIM_DEVICE bool live(const panoptim_plan &plan, int64_t tensor) {
    return plan.gradients[tensor] != 0 && group_of(plan, tensor).frozen == 0;
}

// Whether the pass that the plan names goes before a step that is about to be refused.
PANOPTIM_DEVICE bool waits(const panoptim_plan &plan) {
    return plan.pass == PANOPTIM_PASS_BEFORE && plan.control->passes_wait != 0;
}

// Whether a tensor of the rule whose pass the plan names takes part in it.
PANOPTIM_DEVICE bool in_pass(const panoptim_plan &plan, int64_t tensor) {
    if ((plan.pass == PANOPTIM_PASS_COMPLETING && plan.control->accepted == 0) || waits(plan)) {
        return false;
    }
    return plan.tensors[tensor].elements > 0 && group_of(plan, tensor).frozen == 0 &&
           (plan.pass == PANOPTIM_PASS_ALL || plan.gradients[tensor] != 0);
}

// What the schedule says of a step.
PANOPTIM_DEVICE const panoptim_schedule_entry &scheduled(const panoptim_plan &plan, int64_t step) {
    return plan.schedule[step % plan.schedule_entries];
}

// A column of the totals: one a tensor.
PANOPTIM_DEVICE double *totals_of(const panoptim_plan &plan, int64_t column) {
    return plan.totals + column * plan.tensor_count;
}

// What the chunks of a tensor left in a column of the partials.
PANOPTIM_DEVICE const double *partials_of(const panoptim_plan &plan, int64_t column,
                                          int64_t tensor) {
    return plan.partials + column * plan.chunk_count + plan.tensors[tensor].first_chunk;
}

// The elements of a chunk that starts at element first of its tensor.
PANOPTIM_DEVICE int64_t chunk_length(const panoptim_plan &plan, const panoptim_tensor &tensor,
                                     int64_t first) {
    const int64_t left = tensor.elements - first;
    return left < plan.chunk_elements ? left : plan.chunk_elements;
}

} // namespace PANOPTIM_TIER
} // namespace panoptim
