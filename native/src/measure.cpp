// Measuring gradients chunk by chunk.
#include "plan.h"
#include "rules/numerics.cuh"
#include "stages.h"
#include "step/transaction.cuh"

namespace panoptim {
namespace {

// Whether one of these elements, all finite, is infinite once multiplied by a factor.
bool overflows(const float *values, int64_t elements, float factor) {
    bool any = false;
    for (int64_t i = 0; i < elements; ++i) {
        const float product = values[i] * factor;
        any = any || product - product != 0;
    }
    return any;
}

// The square sum of a chunk; infinite if an element is not finite, or would not be once unscaled.
double measured(const Tier &tier, const void *array, int64_t first, int64_t elements,
                float factor) {
    const double sum = tier.measure(array, first, elements);
    // No larger factor, no larger elements.
    if (factor > 1 && finite(sum) &&
        overflows(static_cast<const float *>(array) + first, elements, factor)) {
        return __builtin_huge_val();
    }
    return sum;
}

} // namespace

int32_t measure_chunks(const Tier &tier, const panoptim_plan &plan, int64_t first, int64_t last) {
    const int32_t status = check_plan(plan);
    if (status != PANOPTIM_OK) {
        return status;
    }
    const float factor = unscale_factor(*plan.control);
    for (int64_t i = first; i < last; ++i) {
        const panoptim_chunk &chunk = plan.chunks[i];
        if (!live(plan, chunk.tensor)) {
            continue;
        }
        const panoptim_tensor &tensor = plan.tensors[chunk.tensor];
        const int64_t start = chunk.index * plan.chunk_elements;
        const int64_t elements = chunk_length(plan, tensor, start);
        plan.partials[i] =
            measured(tier, address(plan.gradients[chunk.tensor]), start, elements, factor);
        plan.partials[plan.chunk_count + i] =
            has_curvature(plan, chunk.tensor)
                ? measured(tier, address(plan.curvatures[chunk.tensor]), start, elements, factor)
                : 0.0;
    }
    return PANOPTIM_OK;
}

} // namespace panoptim
