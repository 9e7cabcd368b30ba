// One phase of one rule over all chunks of that rule: one kernel for each rule (rule_image.cuh),
// one launch however many tensors and groups there are, and whatever the types of their arrays.
//
// Traffic: what the rule's header says of floats (of narrower arrays as much less as they have
// bytes less), and that of a gradient more if gradients are zeroed, of outputs their own. One
// thread block takes one chunk at a time, one thread four consecutive elements of every array,
// decoded and encoded by the array's type: one access where the array is aligned to it, and
// otherwise the same elements one by one. Aligned floats alone have a loop of their own, which asks
// for no type. Where sums are taken, one warp takes one block of the reduction tree; where not, the
// thread block goes through the chunk as one, so that a small tensor has all its threads.
//
// Not confirmed by a device yet, for AdamW on an H100: 0.92 to 0.95 of a copy's bandwidth for GPT-2
// small, 0.95 to 0.97 for one tensor of 1.5 billion; stored by 4 bytes it would be 0.55 to 0.75. Of
// 10,000 tensors of 1677, 160 us by whole thread blocks and 190 by a warp each. As many thread
// blocks as make the last round a full one: 2 to 4 % for GPT-2 small. The list of chunks runs
// backwards: what the norm's pass read last is then still in the second-level cache, which is 0.7 %
// of the clipped step of GPT-2 small, and up to a tenth for models that fit there.
#pragma once

#include "rules/rule.cuh"
#include "step/arrays.cuh"
#include "step/buffers.cuh"
#include "step/chunk.cuh"
#include "step/prepare.cuh"
#include "step/quad.cuh"
#include "step/vector.cuh"
#include "step/zero.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace {

// Arrays are never empty.
template <int Count>
constexpr int at_least_one = Count == 0 ? 1 : Count;

template <typename Rule, int Phase>
__device__ constexpr bool takes(int reduction) {
    return reduction < Rule::reductions && Rule::reduction_phase(reduction) == Phase;
}

// Whether a phase sums anything for the phases after it.
template <typename Rule, int Phase>
__device__ constexpr bool takes_any() {
    for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
        if (takes<Rule, Phase>(reduction)) {
            return true;
        }
    }
    return false;
}

// The sums of blocks that the warps of a thread block leave for their chunk.
template <typename Rule>
struct SharedSums {
    double change[max_chunk_blocks];
    double found[at_least_one<Rule::reductions>][max_chunk_blocks];
};

// A thread's lanes of all sums of a phase.
template <typename Rule, int Phase, bool Statistics>
struct ThreadSums {
    WarpLanes change;
    WarpLanes found[at_least_one<Rule::reductions>];

    __device__ __forceinline__ void clear() {
        change.clear();
#pragma unroll
        for (WarpLanes &sum : found) {
            sum.clear();
        }
    }

    __device__ __forceinline__ void note(int lane, float before, const Element &element) {
        if constexpr (Statistics) {
            const float moved = element.parameter - before;
            change.add(lane, moved, moved);
        }
#pragma unroll
        for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
            if (takes<Rule, Phase>(reduction)) {
                found[reduction].add(lane, element.left[reduction], element.right[reduction]);
            }
        }
    }

    // Every thread of the warp must call it.
    __device__ __forceinline__ void leave(SharedSums<Rule> &shared, int block) {
        if constexpr (Statistics) {
            const double sum = change.join();
            if (lane_of_thread() == 0) {
                shared.change[block] = sum;
            }
        }
#pragma unroll
        for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
            if (takes<Rule, Phase>(reduction)) {
                const double sum = found[reduction].join();
                if (lane_of_thread() == 0) {
                    shared.found[reduction][block] = sum;
                }
            }
        }
    }
};

// The arrays of a chunk, from its first element on.
struct ChunkArrays {
    TypedArray value;
    TypedArray gradient;
    TypedArray curvature;
    TypedArray copy;
    TypedArray average;
    TypedArray slots[PANOPTIM_MAX_SLOTS];
    MatrixStates matrix;
    // All are floats, aligned to vectors, and there are no outputs.
    bool direct;
};

// What a chunk is updated with, beside its arrays.
template <typename Rule>
struct Settings {
    PreparedEntry<Rule> prepared;
    float gradient_unit;
    float average_weight;
    bool zero_gradients;
};

// Where an array has its elements from i on in the direct way.
__device__ __forceinline__ float *floats(const TypedArray &array, int i) {
    return static_cast<float *>(array.data) + i;
}

// Loads at most four elements; in the direct way always four.
template <bool Direct>
__device__ __forceinline__ void load_elements(const TypedArray &array, int i, int elements,
                                              float *values) {
    if constexpr (Direct) {
        load_vector(floats(array, i), values);
    } else {
        load_quad(array, i, elements, values);
    }
}

template <bool Direct>
__device__ __forceinline__ void store_elements(const TypedArray &array, int i, int elements,
                                               const float *values) {
    if constexpr (Direct) {
        store_vector(floats(array, i), values);
    } else {
        store_quad(array, i, elements, values);
    }
}

// What a phase leaves beside the value and the states.
template <typename Rule, int Phase>
__device__ __forceinline__ void write_outputs(const ChunkArrays &arrays, int i, int elements,
                                              const float *parameters, float average_weight) {
    if (copies<Rule, Phase> && arrays.copy.data != nullptr) {
        store_quad(arrays.copy, i, elements, parameters);
    }
    if (averages<Rule, Phase> && arrays.average.data != nullptr && average_weight != 0) {
        float moved[quad_elements];
        load_quad(arrays.average, i, elements, moved);
#pragma unroll
        for (int lane = 0; lane < quad_elements; ++lane) {
            moved[lane] = moved_average(moved[lane], parameters[lane], average_weight);
        }
        store_quad(arrays.average, i, elements, moved);
    }
}

// Updates at most four elements from i on; in the direct way always four.
template <typename Rule, int Phase, bool Curved, bool Statistics, bool Direct>
__device__ __forceinline__ void update_quad(const ChunkArrays &arrays, int i, int elements,
                                            const Settings<Rule> &settings,
                                            ThreadSums<Rule, Phase, Statistics> &sums) {
    constexpr unsigned read = Rule::read_slots(Phase, Curved);
    constexpr unsigned written = Rule::written_slots(Phase, Curved);
    float parameters[quad_elements] = {};
    float gradients[quad_elements];
    float curvatures[quad_elements];
    float averages[quad_elements];
    float slots[at_least_one<Rule::slots>][quad_elements] = {};
    if constexpr (Rule::reads_parameter(Phase) || Statistics) {
        load_elements<Direct>(arrays.value, i, elements, parameters);
    }
    if constexpr (loads_gradient<Rule, Phase>) {
        load_elements<Direct>(arrays.gradient, i, elements, gradients);
    }
    if constexpr (Curved) {
        load_elements<Direct>(arrays.curvature, i, elements, curvatures);
    }
    const bool averaged = Rule::reads_average(Phase) && !Direct && arrays.average.data != nullptr;
    if (averaged) {
        load_quad(arrays.average, i, elements, averages);
    }
#pragma unroll
    for (int slot = 0; slot < Rule::slots; ++slot) {
        if ((read >> slot & 1U) != 0) {
            load_elements<Direct>(arrays.slots[slot], i, elements, slots[slot]);
        }
    }
#pragma unroll
    for (int lane = 0; lane < quad_elements; ++lane) {
        if (!Direct && lane >= elements) {
            continue;
        }
        Element element;
        element.parameter = parameters[lane];
        if constexpr (loads_gradient<Rule, Phase>) {
            element.gradient = limited(gradients[lane] * settings.prepared.gradient_scale,
                                       settings.prepared.gradient_limit);
        }
        if constexpr (Rule::reads_average(Phase)) {
            element.average = averaged ? averages[lane] : parameters[lane];
        }
        element.curved = Curved;
        if constexpr (Curved) {
            element.curvature = curvatures[lane] * settings.prepared.curvature_scale;
        }
#pragma unroll
        for (int slot = 0; slot < Rule::slots; ++slot) {
            element.slot[slot] = slots[slot][lane];
        }
        arrays.matrix.load<Rule>(i + lane, element);
        Rule::template update<Phase>(settings.prepared.scalars, element);
        sums.note(lane, parameters[lane], element);
        parameters[lane] = element.parameter;
        if constexpr (Rule::writes_gradient(Phase)) {
            gradients[lane] = element.gradient * settings.gradient_unit;
        }
#pragma unroll
        for (int slot = 0; slot < Rule::slots; ++slot) {
            slots[slot][lane] = element.slot[slot];
        }
    }
    if constexpr (Rule::writes_parameter(Phase)) {
        store_elements<Direct>(arrays.value, i, elements, parameters);
    }
    if constexpr (Rule::writes_gradient(Phase)) {
        store_elements<Direct>(arrays.gradient, i, elements, gradients);
    }
#pragma unroll
    for (int slot = 0; slot < Rule::slots; ++slot) {
        if ((written >> slot & 1U) != 0) {
            store_elements<Direct>(arrays.slots[slot], i, elements, slots[slot]);
        }
    }
    if constexpr (!Direct) {
        write_outputs<Rule, Phase>(arrays, i, elements, parameters, settings.average_weight);
    }
    if (settings.zero_gradients) {
        const float zeros[quad_elements] = {};
        store_elements<Direct>(arrays.gradient, i, elements, zeros);
    }
}

// Updates every stride-th quad of the elements up to an end, from an element on.
template <typename Rule, int Phase, bool Curved, bool Statistics>
__device__ __forceinline__ void update_quads(const ChunkArrays &arrays, int first, int end,
                                             int stride, const Settings<Rule> &settings,
                                             ThreadSums<Rule, Phase, Statistics> &sums) {
    int i = first;
    if (arrays.direct) {
#pragma unroll 1
        for (; end - i >= quad_elements; i += stride) {
            update_quad<Rule, Phase, Curved, Statistics, true>(arrays, i, quad_elements, settings,
                                                               sums);
        }
    }
#pragma unroll 1
    for (; i < end; i += stride) {
        const int left = end - i;
        update_quad<Rule, Phase, Curved, Statistics, false>(
            arrays, i, left < quad_elements ? left : quad_elements, settings, sums);
    }
}

// Updates a chunk. Where sums are taken, each warp takes every chunk_warps-th block of the tree.
template <typename Rule, int Phase, bool Curved, bool Statistics>
__device__ __forceinline__ void update_elements(const ChunkArrays &arrays, int elements,
                                                const Settings<Rule> &settings,
                                                SharedSums<Rule> &shared) {
    ThreadSums<Rule, Phase, Statistics> sums;
    if constexpr (!Statistics && !takes_any<Rule, Phase>()) {
        update_quads<Rule, Phase, Curved, Statistics>(
            arrays, static_cast<int>(threadIdx.x) * quad_elements, elements,
            chunk_threads * quad_elements, settings, sums);
    } else {
        const int blocks = blocks_of(elements);
        for (int block = warp_of_thread(); block < blocks; block += chunk_warps) {
            const int first = block * PANOPTIM_BLOCK;
            const int end = first + PANOPTIM_BLOCK < elements ? first + PANOPTIM_BLOCK : elements;
            sums.clear();
            update_quads<Rule, Phase, Curved, Statistics>(arrays,
                                                          first + lane_of_thread() * quad_elements,
                                                          end, PANOPTIM_LANES, settings, sums);
            sums.leave(shared, block);
        }
    }
}

__device__ __forceinline__ TypedArray array_from(void *data, int32_t type, int64_t first) {
    return {element_address(data, type, first), type};
}

__device__ __forceinline__ TypedArray array_from(const panoptim_array &array, int64_t first) {
    return array.data == nullptr ? TypedArray{nullptr, PANOPTIM_F32}
                                 : array_from(array.data, array.type, first);
}

template <typename Rule>
__device__ __forceinline__ ChunkArrays arrays_of(const panoptim_plan &plan,
                                                 const panoptim_chunk &chunk) {
    const panoptim_tensor &tensor = plan.tensors[chunk.tensor];
    const int64_t first = chunk.index * plan.chunk_elements;
    const int32_t type = gradient_type(tensor);
    ChunkArrays found{};
    found.matrix = {&tensor, first};
    found.gradient =
        array_from(reinterpret_cast<void *>(plan.gradients[chunk.tensor]), type, first);
    if (Rule::curvature && plan.curvatures[chunk.tensor] != 0) {
        found.curvature =
            array_from(reinterpret_cast<void *>(plan.curvatures[chunk.tensor]), type, first);
    }
    if (tensor.arrays != nullptr) {
        found.value = array_from(tensor.arrays->value, first);
        found.copy = array_from(tensor.arrays->copy, first);
        found.average = array_from(tensor.arrays->average, first);
#pragma unroll
        for (int slot = 0; slot < Rule::slots; ++slot) {
            found.slots[slot] = array_from(tensor.arrays->slots[slot], first);
        }
        return found;
    }
    found.value = array_from(tensor.value, PANOPTIM_F32, first);
    found.direct = aligned_to_vectors(found.value.data) &&
                   aligned_to_vectors(found.gradient.data) &&
                   aligned_to_vectors(found.curvature.data);
#pragma unroll
    for (int slot = 0; slot < Rule::slots; ++slot) {
        found.slots[slot] = array_from(tensor.slots[slot], PANOPTIM_F32, first);
        found.direct = found.direct && aligned_to_vectors(found.slots[slot].data);
    }
    return found;
}

template <typename Rule, int Phase, bool Statistics>
__device__ __forceinline__ void update_chunk(const panoptim_launch &launch, int64_t place,
                                             SharedSums<Rule> &shared) {
    constexpr bool last_phase = Phase + 1 == Rule::phases;
    const panoptim_plan &plan = launch.plan;
    const panoptim_chunk chunk = plan.chunks[place];
    if (needs_gradient<Rule, Phase> && plan.gradients[chunk.tensor] == 0) {
        return;
    }
    const ChunkArrays arrays = arrays_of<Rule>(plan, chunk);
    const auto elements = static_cast<int>(
        chunk_length(plan, plan.tensors[chunk.tensor], chunk.index * plan.chunk_elements));
    constexpr bool statistics = last_phase && Statistics;
    const bool zero_gradients = plan.control->zero_gradients != 0;
    Settings<Rule> settings;
    settings.prepared = load_constant<PreparedEntry<Rule>>(&plan.prepared[chunk.tensor]);
    settings.gradient_unit = Rule::writes_gradient(Phase)
                                 ? gradient_unit(*plan.control, settings.prepared.gradient_scale)
                                 : 0.0F;
    settings.average_weight = averages<Rule, Phase> ? average_weight(*plan.control) : 0.0F;
    settings.zero_gradients = last_phase && zero_gradients;
    if (settings.prepared.active == 0) {
        if (Phase == 0 && of_step<Rule, Phase> && zero_gradients) {
            zero_chunk(arrays.gradient, elements);
        }
        return;
    }
    if (Rule::curvature && of_step<Rule, Phase> && arrays.curvature.data != nullptr) {
        update_elements<Rule, Phase, Rule::curvature, statistics>(arrays, elements, settings,
                                                                  shared);
    } else {
        update_elements<Rule, Phase, false, statistics>(arrays, elements, settings, shared);
    }
    if constexpr (!statistics && !takes_any<Rule, Phase>()) {
        return;
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        const int blocks = blocks_of(elements);
        if (statistics) {
            plan.partials[place] = join_blocks(shared.change, blocks);
        }
#pragma unroll
        for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
            if (takes<Rule, Phase>(reduction)) {
                plan.partials[(2 + reduction) * plan.chunk_count + place] =
                    join_blocks(shared.found[reduction], blocks);
            }
        }
    }
    __syncthreads();
}

template <typename Rule, int Phase, bool Statistics>
__device__ __forceinline__ void update_phase(const panoptim_launch &launch,
                                             SharedSums<Rule> &shared) {
    if constexpr (Phase < Rule::phases + Rule::pass_phases) {
        if (launch.phase != Phase) {
            update_phase<Rule, Phase + 1, Statistics>(launch, shared);
            return;
        }
        if constexpr (touches_elements<Rule, Phase>()) {
            for (int64_t i = blockIdx.x; i < launch.chunk_list_count; i += gridDim.x) {
                update_chunk<Rule, Phase, Statistics>(launch, launch.chunk_list[i], shared);
            }
        }
    }
}

} // namespace
} // namespace PANOPTIM_TIER
} // namespace panoptim
