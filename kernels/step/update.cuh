// One phase of one rule over all chunks of that rule: one kernel for each rule and combination of
// types (rule_image.cuh), one launch however many tensors and groups there are.
//
// Traffic: what the rule's header says, and 4 bytes more per parameter if gradients are zeroed. One
// thread block takes one chunk at a time, one thread four consecutive elements of every array:
// 16-byte accesses where all arrays are aligned, and otherwise the same elements one by one. Where
// sums are taken, one warp takes one block of the reduction tree; where not, the thread block goes
// through the chunk as one, so that a small tensor has all its threads.
//
// Not confirmed by a device yet, for AdamW on an H100: 0.92 to 0.95 of a copy's bandwidth for GPT-2
// small, 0.95 to 0.97 for one tensor of 1.5 billion; stored by 4 bytes it would be 0.55 to 0.75. Of
// 10,000 tensors of 1677, 160 us by whole thread blocks and 190 by a warp each. As many thread
// blocks as make the last round a full one: 2 to 4 % for GPT-2 small. The list of chunks runs
// backwards: what the norm's pass read last is then still in the second-level cache, which is 0.7 %
// of the clipped step of GPT-2 small, and up to a tenth for models that fit there.
#pragma once

#include "rules/rule.cuh"
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

// What a chunk is updated with, beside its arrays.
template <typename Rule>
struct Settings {
    PreparedEntry<Rule> prepared;
    bool zero_gradients;
};

// Updates at most four elements from i on.
template <typename Rule, int Phase, bool Curved, bool Statistics, bool Whole, int32_t P, int32_t G,
          int32_t S>
__device__ __forceinline__ void update_quad(const Buffers<P, G, S> &buffers, int i, int elements,
                                            const Settings<Rule> &settings,
                                            ThreadSums<Rule, Phase, Statistics> &sums) {
    constexpr unsigned read = Rule::read_slots(Phase, Curved);
    constexpr unsigned written = Rule::written_slots(Phase, Curved);
    float parameters[quad_elements];
    float gradients[quad_elements];
    float curvatures[quad_elements];
    float slots[at_least_one<Rule::slots>][quad_elements] = {};
    load_quad<P, Whole>(buffers.value + i, elements, parameters);
    if constexpr (needs_gradient<Rule, Phase>) {
        load_quad<G, Whole>(buffers.gradient + i, elements, gradients);
    }
    if constexpr (Curved) {
        load_quad<G, Whole>(buffers.curvature + i, elements, curvatures);
    }
#pragma unroll
    for (int slot = 0; slot < Rule::slots; ++slot) {
        if ((read >> slot & 1U) != 0) {
            load_quad<S, Whole>(buffers.slots[slot] + i, elements, slots[slot]);
        }
    }
#pragma unroll
    for (int lane = 0; lane < quad_elements; ++lane) {
        if (!Whole && lane >= elements) {
            continue;
        }
        Element element;
        element.parameter = parameters[lane];
        if constexpr (needs_gradient<Rule, Phase>) {
            element.gradient = gradients[lane] * settings.prepared.gradient_scale;
        }
        element.curved = Curved;
        if constexpr (Curved) {
            element.curvature = curvatures[lane] * settings.prepared.curvature_scale;
        }
#pragma unroll
        for (int slot = 0; slot < Rule::slots; ++slot) {
            element.slot[slot] = slots[slot][lane];
        }
        buffers.matrix.template load<Rule>(i + lane, element);
        Rule::template update<Phase>(settings.prepared.scalars, element);
        sums.note(lane, parameters[lane], element);
        parameters[lane] = element.parameter;
#pragma unroll
        for (int slot = 0; slot < Rule::slots; ++slot) {
            slots[slot][lane] = element.slot[slot];
        }
    }
    if constexpr (Rule::writes_parameter(Phase)) {
        store_quad<P, Whole>(buffers.value + i, elements, parameters);
    }
#pragma unroll
    for (int slot = 0; slot < Rule::slots; ++slot) {
        if ((written >> slot & 1U) != 0) {
            store_quad<S, Whole>(buffers.slots[slot] + i, elements, slots[slot]);
        }
    }
    if (settings.zero_gradients) {
        const float zeros[quad_elements] = {};
        store_quad<G, Whole>(buffers.gradient + i, elements, zeros);
    }
}

// Updates every stride-th quad of the elements up to an end, from an element on.
template <typename Rule, int Phase, bool Curved, bool Statistics, bool Aligned, int32_t P,
          int32_t G, int32_t S>
__device__ __forceinline__ void update_quads(const Buffers<P, G, S> &buffers, int first, int end,
                                             int stride, const Settings<Rule> &settings,
                                             ThreadSums<Rule, Phase, Statistics> &sums) {
#pragma unroll 1
    for (int i = first; i < end; i += stride) {
        const int left = end - i;
        if (Aligned && left >= quad_elements) {
            update_quad<Rule, Phase, Curved, Statistics, true>(buffers, i, quad_elements, settings,
                                                               sums);
        } else {
            update_quad<Rule, Phase, Curved, Statistics, false>(
                buffers, i, left < quad_elements ? left : quad_elements, settings, sums);
        }
    }
}

// Updates a chunk. Where sums are taken, each warp takes every chunk_warps-th block of the tree.
template <typename Rule, int Phase, bool Curved, bool Statistics, bool Aligned, int32_t P,
          int32_t G, int32_t S>
__device__ __forceinline__ void update_elements(const Buffers<P, G, S> &buffers, int elements,
                                                const Settings<Rule> &settings,
                                                SharedSums<Rule> &shared) {
    ThreadSums<Rule, Phase, Statistics> sums;
    if constexpr (!Statistics && !takes_any<Rule, Phase>()) {
        update_quads<Rule, Phase, Curved, Statistics, Aligned>(
            buffers, static_cast<int>(threadIdx.x) * quad_elements, elements,
            chunk_threads * quad_elements, settings, sums);
    } else {
        const int blocks = blocks_of(elements);
        for (int block = warp_of_thread(); block < blocks; block += chunk_warps) {
            const int first = block * PANOPTIM_BLOCK;
            const int end = first + PANOPTIM_BLOCK < elements ? first + PANOPTIM_BLOCK : elements;
            sums.clear();
            update_quads<Rule, Phase, Curved, Statistics, Aligned>(
                buffers, first + lane_of_thread() * quad_elements, end, PANOPTIM_LANES, settings,
                sums);
            sums.leave(shared, block);
        }
    }
}

template <typename Rule, int32_t P, int32_t G, int32_t S>
__device__ __forceinline__ Buffers<P, G, S> buffers_of(const panoptim_plan &plan,
                                                       const panoptim_chunk &chunk) {
    using Found = Buffers<P, G, S>;
    const panoptim_tensor &tensor = plan.tensors[chunk.tensor];
    const int64_t first = chunk.index * plan.chunk_elements;
    Found found{};
    found.matrix = {&tensor, first};
    found.value = static_cast<typename Found::Parameter::Storage *>(tensor.value) + first;
    found.gradient =
        reinterpret_cast<typename Found::Gradient::Storage *>(plan.gradients[chunk.tensor]) + first;
    if (Rule::curvature && plan.curvatures[chunk.tensor] != 0) {
        found.curvature = reinterpret_cast<const typename Found::Gradient::Storage *>(
                              plan.curvatures[chunk.tensor]) +
                          first;
    }
#pragma unroll
    for (int slot = 0; slot < Rule::slots; ++slot) {
        found.slots[slot] =
            static_cast<typename Found::State::Storage *>(tensor.slots[slot]) + first;
    }
    return found;
}

template <typename Rule, int32_t P, int32_t G, int32_t S>
__device__ __forceinline__ bool all_aligned(const Buffers<P, G, S> &buffers) {
    bool aligned = aligned_to_vectors(buffers.value) && aligned_to_vectors(buffers.gradient) &&
                   aligned_to_vectors(buffers.curvature);
#pragma unroll
    for (int slot = 0; slot < Rule::slots; ++slot) {
        aligned = aligned && aligned_to_vectors(buffers.slots[slot]);
    }
    return aligned;
}

template <typename Rule, int Phase, bool Statistics, int32_t P, int32_t G, int32_t S>
__device__ __forceinline__ void update_chunk(const panoptim_launch &launch, int64_t place,
                                             SharedSums<Rule> &shared) {
    constexpr bool last_phase = Phase + 1 == Rule::phases;
    const panoptim_plan &plan = launch.plan;
    const panoptim_chunk chunk = plan.chunks[place];
    if (needs_gradient<Rule, Phase> && plan.gradients[chunk.tensor] == 0) {
        return;
    }
    const auto buffers = buffers_of<Rule, P, G, S>(plan, chunk);
    const auto elements = static_cast<int>(
        chunk_length(plan, plan.tensors[chunk.tensor], chunk.index * plan.chunk_elements));
    constexpr bool statistics = last_phase && Statistics;
    const bool zero_gradients = plan.control->zero_gradients != 0;
    Settings<Rule> settings;
    settings.prepared = load_constant<PreparedEntry<Rule>>(&plan.prepared[chunk.tensor]);
    settings.zero_gradients = last_phase && zero_gradients;
    if (settings.prepared.active == 0) {
        if (Phase == 0 && of_step<Rule, Phase> && zero_gradients) {
            zero_chunk<G>(buffers.gradient, elements);
        }
        return;
    }
    const bool aligned = all_aligned<Rule>(buffers);
    if (Rule::curvature && of_step<Rule, Phase> && buffers.curvature != nullptr) {
        if (aligned) {
            update_elements<Rule, Phase, Rule::curvature, statistics, true>(buffers, elements,
                                                                            settings, shared);
        } else {
            update_elements<Rule, Phase, Rule::curvature, statistics, false>(buffers, elements,
                                                                             settings, shared);
        }
    } else if (aligned) {
        update_elements<Rule, Phase, false, statistics, true>(buffers, elements, settings, shared);
    } else {
        update_elements<Rule, Phase, false, statistics, false>(buffers, elements, settings, shared);
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
        for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
            if (takes<Rule, Phase>(reduction)) {
                plan.partials[(2 + reduction) * plan.chunk_count + place] =
                    join_blocks(shared.found[reduction], blocks);
            }
        }
    }
    __syncthreads();
}

template <typename Rule, int Phase, bool Statistics, int32_t P, int32_t G, int32_t S>
__device__ __forceinline__ void update_phase(const panoptim_launch &launch,
                                             SharedSums<Rule> &shared) {
    if constexpr (Phase < Rule::phases + Rule::pass_phases) {
        if (launch.phase != Phase) {
            update_phase<Rule, Phase + 1, Statistics, P, G, S>(launch, shared);
            return;
        }
        for (int64_t i = blockIdx.x; i < launch.chunk_list_count; i += gridDim.x) {
            update_chunk<Rule, Phase, Statistics, P, G, S>(launch, launch.chunk_list[i], shared);
        }
    }
}

} // namespace
} // namespace PANOPTIM_TIER
} // namespace panoptim
