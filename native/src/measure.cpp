// Measuring gradients: chunk by chunk, and then joined.
#include "plan.h"
#include "rules/numerics.cuh"
#include "stages.h"
#include "step/join.cuh"

namespace panoptim {

int32_t measure_chunks(const Tier &tier, const panoptim_plan &plan, int64_t first, int64_t last) {
    const int32_t status = check_plan(plan);
    if (status != PANOPTIM_OK) {
        return status;
    }
    for (int64_t i = first; i < last; ++i) {
        const panoptim_chunk &chunk = plan.chunks[i];
        if (!live(plan, chunk.tensor)) {
            continue;
        }
        const panoptim_tensor &tensor = plan.tensors[chunk.tensor];
        const int64_t start = chunk.index * plan.chunk_elements;
        const int64_t elements = chunk_length(plan, tensor, start);
        plan.partials[i] = tier.measure(address(plan.gradients[chunk.tensor]), start, elements);
        plan.partials[plan.chunk_count + i] =
            has_curvature(plan, chunk.tensor)
                ? tier.measure(address(plan.curvatures[chunk.tensor]), start, elements)
                : 0.0;
    }
    return PANOPTIM_OK;
}

int32_t gather(const panoptim_plan &plan) {
    const int32_t status = check_plan(plan);
    if (status != PANOPTIM_OK) {
        return status;
    }
    panoptim_control &control = *plan.control;
    if (control.measure == 0) {
        control.square_sum = __builtin_nan("");
        control.finite = 1;
        return PANOPTIM_OK;
    }
    PairwiseSum gradients;
    bool finite_curvatures = true;
    for (int64_t tensor = 0; tensor < plan.tensor_count; ++tensor) {
        const bool measured = live(plan, tensor);
        gradients.add(measured ? join_chunks(plan, 0, tensor) : 0.0);
        if (measured && plan.curvatures[tensor] != 0) {
            finite_curvatures = finite_curvatures && finite(join_chunks(plan, 1, tensor));
        }
    }
    control.square_sum = gradients.total();
    control.finite = finite(control.square_sum) && finite_curvatures ? 1 : 0;
    return PANOPTIM_OK;
}

} // namespace panoptim
