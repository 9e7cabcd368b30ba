#include "plan.h"

#include "step/arrays.cuh"

namespace panoptim {
namespace {

bool power_of_two(int64_t n) {
    return n > 0 && (n & (n - 1)) == 0;
}

int32_t check_group(const panoptim_group &group) {
    if (group.rule < 0 || group.rule >= rule_count) {
        return PANOPTIM_ERROR_RULE;
    }
    return PANOPTIM_OK;
}

bool known(const panoptim_array &array) {
    return array.data == nullptr || is_element_type(array.type);
}

bool all_known(const panoptim_arrays &arrays) {
    bool all = known(arrays.value) && is_element_type(arrays.gradient.type) && known(arrays.copy) &&
               known(arrays.average);
    for (const panoptim_array &slot : arrays.slots) {
        all = all && known(slot);
    }
    return all;
}

// Whether a plan of a pass says of which.
int32_t check_pass(const panoptim_plan &plan) {
    if (plan.pass == PANOPTIM_STEP) {
        return PANOPTIM_OK;
    }
    if (plan.pass < PANOPTIM_STEP || plan.pass > PANOPTIM_PASS_BEFORE) {
        return PANOPTIM_ERROR_RANGE;
    }
    if (plan.pass_rule < 0 || plan.pass_rule >= rule_count) {
        return PANOPTIM_ERROR_RULE;
    }
    const panoptim_rule &rule = rules[plan.pass_rule];
    return plan.pass_phase < rule.phases || plan.pass_phase >= rule.phases + rule.pass_phases
               ? PANOPTIM_ERROR_RANGE
               : PANOPTIM_OK;
}

int32_t check_within(int64_t count, int64_t first, int64_t last) {
    return first < 0 || first > last || last > count ? PANOPTIM_ERROR_RANGE : PANOPTIM_OK;
}

} // namespace

int32_t check_plan(const panoptim_plan &plan) {
    if (plan.chunk_elements < PANOPTIM_BLOCK || !power_of_two(plan.chunk_elements) ||
        plan.schedule_entries <= 0 || plan.group_count < 0 || plan.tensor_count < 0 ||
        plan.chunk_count < 0 || plan.panel_count < 0) {
        return PANOPTIM_ERROR_RANGE;
    }
    for (int64_t group = 0; group < plan.group_count; ++group) {
        const int32_t status = check_group(plan.groups[group]);
        if (status != PANOPTIM_OK) {
            return status;
        }
    }
    return check_pass(plan);
}

int32_t check_types(const panoptim_plan &plan) {
    for (int64_t tensor = 0; tensor < plan.tensor_count; ++tensor) {
        const panoptim_arrays *const arrays = plan.tensors[tensor].arrays;
        if (arrays != nullptr && !all_known(*arrays)) {
            return PANOPTIM_ERROR_TYPE;
        }
    }
    return PANOPTIM_OK;
}

int32_t check_range(const panoptim_plan &plan, int64_t first, int64_t last) {
    return check_within(plan.chunk_count, first, last);
}

int32_t check_panels(const panoptim_plan &plan, int64_t first, int64_t last) {
    return check_within(plan.panel_count, first, last);
}

} // namespace panoptim
