// Running a phase of every rule over chunks, and what the update amounted to.
#include <cstddef>

#include "plan.h"
#include "rules/numerics.cuh"
#include "stages.h"
#include "step/join.cuh"

namespace panoptim {

int32_t update_chunks(const Tier &tier, const panoptim_plan &plan, int32_t phase, int64_t first,
                      int64_t last) {
    const int32_t status = check_plan(plan);
    if (status != PANOPTIM_OK) {
        return status;
    }
    if (phase < 0 || phase >= PANOPTIM_MAX_PHASES) {
        return PANOPTIM_ERROR_RANGE;
    }
    const panoptim_control &control = *plan.control;
    UpdateWork work{};
    work.partial_stride = plan.chunk_count;
    work.zero_gradients = control.zero_gradients != 0;
    work.statistics = control.statistics != 0;
    for (int64_t i = first; i < last; ++i) {
        const panoptim_chunk &chunk = plan.chunks[i];
        const int64_t t = chunk.tensor;
        const panoptim_tensor &tensor = plan.tensors[t];
        work.first = chunk.index * plan.chunk_elements;
        work.elements = chunk_length(plan, tensor, work.first);
        work.gradient = address(plan.gradients[t]);
        work.prepared = plan.prepared + plan.prepared_index[t];
        if (work.prepared->active == 0) {
            if (phase == 0 && work.zero_gradients && work.gradient != nullptr) {
                float *values = static_cast<float *>(work.gradient) + work.first;
                __builtin_memset(values, 0,
                                 static_cast<std::size_t>(work.elements) * sizeof(float));
            }
            continue;
        }
        const UpdateFunction update = tier.update[plan.groups[tensor.group].rule][phase];
        if (update == nullptr) {
            continue;
        }
        work.tensor = &tensor;
        work.curvature = address(plan.curvatures[t]);
        work.partials = plan.partials + i;
        update(work);
    }
    return PANOPTIM_OK;
}

int32_t finish(const panoptim_plan &plan) {
    const int32_t status = check_plan(plan);
    if (status != PANOPTIM_OK) {
        return status;
    }
    panoptim_control &control = *plan.control;
    if (control.statistics == 0) {
        return PANOPTIM_OK;
    }
    PairwiseSum squares;
    if (control.accepted != 0) {
        for (int64_t tensor = 0; tensor < plan.tensor_count; ++tensor) {
            squares.add(active(plan, tensor) ? join_chunks(plan, 0, tensor) : 0.0);
        }
    }
    control.update_norm = square_root(squares.total());
    return PANOPTIM_OK;
}

} // namespace panoptim
