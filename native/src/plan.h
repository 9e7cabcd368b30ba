// Reading a plan, where step/plan.cuh does not, and checking it.
#pragma once

#include "panoptim.h"
#include "registry.h"
#include "step/plan.cuh"

namespace panoptim {

inline bool has_curvature(const panoptim_plan &plan, int64_t tensor) {
    return plan.curvatures[tensor] != 0 && rules[plan.tensors[tensor].rule].curvature != 0;
}

inline void *address(int64_t address) {
    return reinterpret_cast<void *>(address);
}

// PANOPTIM_OK, or what is wrong with the plan's sizes or groups. Nothing is changed before this.
int32_t check_plan(const panoptim_plan &plan);

// PANOPTIM_ERROR_TYPE if the plan has arrays of types that nothing here decodes.
int32_t check_types(const panoptim_plan &plan);

// What is wrong with a range of chunks, or of panels.
int32_t check_range(const panoptim_plan &plan, int64_t first, int64_t last);
int32_t check_panels(const panoptim_plan &plan, int64_t first, int64_t last);

} // namespace panoptim
