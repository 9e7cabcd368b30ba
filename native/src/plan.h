// Reading a plan.
#pragma once

#include "panoptim.h"
#include "registry.h"

namespace panoptim {

inline const panoptim_group &group_of(const panoptim_plan &plan, int64_t tensor) {
    return plan.groups[plan.tensors[tensor].group];
}

// The rule that updates a tensor.
inline const RegisteredRule &rule_of(const panoptim_plan &plan, int64_t tensor) {
    return rules[plan.tensors[tensor].rule];
}

// Whether a tensor takes part in this step if it is accepted.
inline bool live(const panoptim_plan &plan, int64_t tensor) {
    return plan.gradients[tensor] != 0 && group_of(plan, tensor).frozen == 0;
}

// Whether a tensor takes part in this step, once it is prepared.
inline bool active(const panoptim_plan &plan, int64_t tensor) {
    return plan.prepared[plan.prepared_index[tensor]].active != 0;
}

inline bool has_curvature(const panoptim_plan &plan, int64_t tensor) {
    return plan.curvatures[tensor] != 0 && rule_of(plan, tensor).description.curvature != 0;
}

// The elements of a chunk that starts at element first of its tensor.
inline int64_t chunk_length(const panoptim_plan &plan, const panoptim_tensor &tensor,
                            int64_t first) {
    const int64_t left = tensor.elements - first;
    return left < plan.chunk_elements ? left : plan.chunk_elements;
}

// Joins what the chunks of a tensor left in a column of the partials.
double join_chunks(const panoptim_plan &plan, int64_t column, int64_t tensor);

inline void *address(int64_t address) {
    return reinterpret_cast<void *>(address);
}

// PANOPTIM_OK, or what is wrong with the plan's sizes or groups. Nothing is changed before this.
int32_t check_plan(const panoptim_plan &plan);

// The same for a range of chunks.
int32_t check_range(const panoptim_plan &plan, int64_t first, int64_t last);

} // namespace panoptim
