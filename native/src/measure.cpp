// Measuring gradients chunk by chunk.
#include "plan.h"
#include "rules/numerics.cuh"
#include "stages.h"
#include "step/arrays.cuh"
#include "step/transaction.cuh"

namespace panoptim {
namespace {

// A chunk of a gradient or curvature.
struct Part {
    const void *data;
    int32_t type;
    int64_t elements;
};

// The square sum of a chunk; infinite if an element is not finite, or would not be once unscaled.
double measured(const Tier &tier, const Part &part, float factor) {
    const double sum = tier.measure(part.data, part.type, part.elements);
    // No larger factor, no larger elements.
    if (factor > 1 && finite(sum) && tier.overflows(part.data, part.type, part.elements, factor)) {
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
        const int32_t type = gradient_type(tensor);
        if (!is_element_type(type)) {
            return PANOPTIM_ERROR_TYPE;
        }
        const int64_t start = chunk.index * plan.chunk_elements;
        const int64_t elements = chunk_length(plan, tensor, start);
        const auto part = [type, start, elements](int64_t gradient) {
            return Part{element_address(address(gradient), type, start), type, elements};
        };
        plan.partials[i] = measured(tier, part(plan.gradients[chunk.tensor]), factor);
        plan.partials[plan.chunk_count + i] =
            has_curvature(plan, chunk.tensor)
                ? measured(tier, part(plan.curvatures[chunk.tensor]), factor)
                : 0.0;
    }
    return PANOPTIM_OK;
}

} // namespace panoptim
