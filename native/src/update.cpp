// Running a phase of every rule over chunks, and a whole step.
#include <cstddef>

#include "plan.h"
#include "stages.h"
#include "step/arrays.cuh"
#include "step/panels.cuh"

namespace panoptim {
namespace {

void zero_chunk(const panoptim_plan &plan, int64_t i) {
    const panoptim_chunk &chunk = plan.chunks[i];
    if (plan.gradients[chunk.tensor] == 0) {
        return;
    }
    const panoptim_tensor &tensor = plan.tensors[chunk.tensor];
    const int32_t type = gradient_type(tensor);
    const int64_t start = chunk.index * plan.chunk_elements;
    const int64_t bytes = chunk_length(plan, tensor, start) * element_bytes(type);
    // Zeros are zeros in every type.
    __builtin_memset(element_address(address(plan.gradients[chunk.tensor]), type, start), 0,
                     static_cast<std::size_t>(bytes));
}

// The end of the run of chunks that begins with a chunk of floats: those of the same prepared
// entry, with or without curvature like the first.
int64_t end_of_run(const panoptim_plan &plan, int64_t first, int64_t last) {
    const int64_t tensor = plan.chunks[first].tensor;
    const int32_t entry = plan.prepared_index[tensor];
    const bool curved = plan.curvatures[tensor] != 0;
    int64_t end = first + 1;
    while (end < last) {
        const int64_t next = plan.chunks[end].tensor;
        if (plan.prepared_index[next] != entry || (plan.curvatures[next] != 0) != curved ||
            plan.tensors[next].arrays != nullptr) {
            break;
        }
        ++end;
    }
    return end;
}

// The same in a pass, or of other arrays: those of the same tensor.
int64_t end_of_tensor(const panoptim_plan &plan, int64_t first, int64_t last) {
    const panoptim_tensor &tensor = plan.tensors[plan.chunks[first].tensor];
    const int64_t end = tensor.first_chunk + tensor.chunks;
    return end < last ? end : last;
}

// Whether a phase is the first of a step or of a pass that completes one.
bool begins(const panoptim_plan &plan, int32_t phase) {
    const bool completes = plan.pass == PANOPTIM_PASS_COMPLETING && phase == plan.pass_phase;
    return (plan.pass == PANOPTIM_STEP && phase == 0) || completes;
}

// Leaves chunks of tensors that the step does not update: with zeros for gradients if that is asked
// for, and with averages that follow the values.
void leave_idle(const Tier &tier, const UpdateRun &run, TileMemory &tiles) {
    const panoptim_plan &plan = *run.plan;
    const bool averages = average_weight(*plan.control) != 0;
    for (int64_t i = run.first; i < run.last; ++i) {
        if (run.zero_gradients) {
            zero_chunk(plan, i);
        }
        const panoptim_arrays *const arrays = plan.tensors[plan.chunks[i].tensor].arrays;
        if (averages && arrays != nullptr && arrays->average.data != nullptr) {
            tier.follow(plan, i, tiles);
        }
    }
}

} // namespace

int32_t update_chunks(const Tier &tier, const panoptim_plan &plan, int32_t phase, int64_t first,
                      int64_t last) {
    const int32_t status = check_plan(plan);
    if (status != PANOPTIM_OK) {
        return status;
    }
    if (phase < 0 || phase >= PANOPTIM_MAX_PHASES) {
        return PANOPTIM_ERROR_RANGE;
    }
    TileMemory tiles;
    UpdateRun run{};
    run.plan = &plan;
    const bool step = plan.pass == PANOPTIM_STEP;
    run.zero_gradients = step && plan.control->zero_gradients != 0;
    run.statistics = step && plan.control->takes_statistics != 0;
    for (run.first = first; run.first < last; run.first = run.last) {
        const int64_t tensor = plan.chunks[run.first].tensor;
        const bool typed = plan.tensors[tensor].arrays != nullptr;
        run.last = step && !typed ? end_of_run(plan, run.first, last)
                                  : end_of_tensor(plan, run.first, last);
        const int32_t rule = plan.tensors[tensor].rule;
        if (!step && rule != plan.pass_rule) {
            continue;
        }
        run.prepared = plan.prepared + plan.prepared_index[tensor];
        run.curved = plan.curvatures[tensor] != 0;
        if (run.prepared->active != 0) {
            const UpdateFunction update = tier.update[rule][phase];
            if (update == nullptr || (step && phase >= rules[rule].phases) ||
                finds_lines(rules[rule], phase)) {
                continue;
            }
            run.tiles = typed ? &tiles : nullptr;
            update(run);
        } else if (begins(plan, phase)) {
            leave_idle(tier, run, tiles);
        }
    }
    return PANOPTIM_OK;
}

int32_t update_panels(const Tier &tier, const panoptim_plan &plan, int32_t phase, int64_t first,
                      int64_t last) {
    const int32_t status = check_plan(plan);
    if (status != PANOPTIM_OK) {
        return status;
    }
    if (phase < 0 || phase >= PANOPTIM_MAX_PHASES) {
        return PANOPTIM_ERROR_RANGE;
    }
    TileMemory tiles;
    UpdateRun run{};
    run.plan = &plan;
    const bool step = plan.pass == PANOPTIM_STEP;
    for (run.first = first; run.first < last; run.first = run.last) {
        const int64_t tensor = plan.panels[run.first].tensor;
        run.last = run.first + 1;
        while (run.last < last && plan.panels[run.last].tensor == tensor) {
            ++run.last;
        }
        const int32_t rule = plan.tensors[tensor].rule;
        run.prepared = plan.prepared + plan.prepared_index[tensor];
        const bool planned = step ? phase < rules[rule].phases : rule == plan.pass_rule;
        if (planned && finds_lines(rules[rule], phase) && run.prepared->active != 0) {
            run.curved = plan.curvatures[tensor] != 0;
            run.tiles = plan.tensors[tensor].arrays != nullptr ? &tiles : nullptr;
            tier.update[rule][phase](run);
        }
    }
    return PANOPTIM_OK;
}

int32_t whole_phase_of_panels(const Tier &tier, const panoptim_plan &plan, int32_t phase) {
    int32_t status = advance_lines(plan, PANOPTIM_STAGE_LINES, phase, 0, plan.panel_count);
    if (status == PANOPTIM_OK) {
        status = advance_lines(plan, PANOPTIM_STAGE_TOTALS, phase, 0, plan.panel_count);
    }
    return status == PANOPTIM_OK ? update_panels(tier, plan, phase, 0, plan.panel_count) : status;
}

int32_t whole_step(const Tier &tier, const panoptim_plan &plan, int32_t phases) {
    int32_t status = check_plan(plan);
    if (status == PANOPTIM_OK && plan.control->measure != 0) {
        status = measure_chunks(tier, plan, 0, plan.chunk_count);
    }
    if (status == PANOPTIM_OK) {
        status = control_stages(plan, PANOPTIM_STAGE_GATHER | PANOPTIM_STAGE_DECIDE);
    }
    for (int32_t phase = 0; status == PANOPTIM_OK && phase < phases; ++phase) {
        status = control_stages(plan, preparing_stages(phase), phase);
        if (status == PANOPTIM_OK && plan.panel_count > 0) {
            status = whole_phase_of_panels(tier, plan, phase);
        }
        if (status == PANOPTIM_OK) {
            status = update_chunks(tier, plan, phase, 0, plan.chunk_count);
        }
    }
    return status == PANOPTIM_OK ? control_stages(plan, PANOPTIM_STAGE_FINISH) : status;
}

} // namespace panoptim
