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

// The elements of a chunk that starts at element first of its tensor.
PANOPTIM_DEVICE int64_t chunk_length(const panoptim_plan &plan, const panoptim_tensor &tensor,
                                     int64_t first) {
    const int64_t left = tensor.elements - first;
    return left < plan.chunk_elements ? left : plan.chunk_elements;
}

} // namespace PANOPTIM_TIER
} // namespace panoptim
