// What a step does with tensors that it does not update: those of frozen groups, those without a
// gradient, and all in a step that is refused. Their gradients become zeros if that is asked for,
// and in a step that is accepted their averages follow them. Device code alone.
#pragma once

#include "step/arrays.cuh"
#include "step/chunk.cuh"
#include "step/panels.cuh"
#include "step/quad.cuh"
#include "step/zero.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace {

__device__ __forceinline__ TypedArray array_from(void *data, int32_t type, int64_t first) {
    return {element_address(data, type, first), type};
}

__device__ __forceinline__ TypedArray array_from(const panoptim_array &array, int64_t first) {
    return array.data == nullptr ? TypedArray{nullptr, PANOPTIM_F32}
                                 : array_from(array.data, array.type, first);
}

// Moves at most four elements of an average towards values, from i on.
__device__ __forceinline__ void move_average(const TypedArray &average, int i, int elements,
                                             const float *values, float weight) {
    float moved[quad_elements];
    load_quad(average, i, elements, moved);
#pragma unroll
    for (int lane = 0; lane < quad_elements; ++lane) {
        moved[lane] = moved_average(moved[lane], values[lane], weight);
    }
    store_quad(average, i, elements, moved);
}

// Moves the average of elements of a tensor, from one on, towards their values.
__device__ __forceinline__ void follow(const panoptim_arrays &arrays, int64_t first, int elements,
                                       float weight) {
    const TypedArray value = array_from(arrays.value, first);
    const TypedArray average = array_from(arrays.average, first);
#pragma unroll 1
    for (int i = static_cast<int>(threadIdx.x) * quad_elements; i < elements;
         i += chunk_threads * quad_elements) {
        const int left = elements - i < quad_elements ? elements - i : quad_elements;
        float values[quad_elements];
        load_quad(value, i, left, values);
        move_average(average, i, left, values, weight);
    }
}

// Leaves elements of a tensor that a phase does not update, from one on.
template <typename Rule, int Phase>
__device__ __forceinline__ void leave_idle(const panoptim_plan &plan, int32_t index, int64_t first,
                                           int elements) {
    const panoptim_tensor &tensor = plan.tensors[index];
    if constexpr (Phase == 0 && of_step<Rule, Phase>) {
        if (plan.control->zero_gradients != 0 && plan.gradients[index] != 0) {
            zero_chunk(array_from(reinterpret_cast<void *>(plan.gradients[index]),
                                  gradient_type(tensor), first),
                       elements);
        }
    }
    if constexpr (averages_idle<Rule, Phase>) {
        const float weight = average_weight(*plan.control);
        if (weight != 0 && tensor.arrays != nullptr && tensor.arrays->average.data != nullptr) {
            follow(*tensor.arrays, first, elements, weight);
        }
    }
}

// The same of a panel.
template <typename Rule, int Phase>
__device__ __forceinline__ void leave_idle_panel(const panoptim_plan &plan, int32_t index,
                                                 const PanelGrid &grid, const Panel &panel) {
#pragma unroll 1
    for (int64_t row = 0; row < panel.rows; ++row) {
        leave_idle<Rule, Phase>(plan, index, grid.element_of(panel) + row * grid.columns,
                                static_cast<int>(panel.columns));
    }
}

} // namespace
} // namespace PANOPTIM_TIER
} // namespace panoptim
