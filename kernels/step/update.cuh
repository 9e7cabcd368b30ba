// One phase of one rule over all chunks of that rule: one kernel for each rule (rule_image.cuh),
// one launch however many tensors and groups there are, and whatever the types of their arrays.
//
// Traffic: what the rule's header says of floats (of narrower arrays as much less as they have
// bytes less), and that of a gradient more if gradients are zeroed, of outputs their own. One
// thread block takes one chunk at a time, one thread four consecutive elements of every array,
// decoded and encoded by the array's type: one access where the array is aligned to it, and
// otherwise the same elements one by one. Aligned floats alone have a loop of their own, which asks
// for no type. Where sums are taken, one warp takes one block of the reduction tree; where not, the
// thread block goes through the chunk as one, so that a small tensor has all its threads. Where
// sums over rows or columns are, a thread block takes a panel of a matrix and a warp a strip of it,
// a segment wide, whose columns its threads have in registers.
//
// Not confirmed by a device yet, for AdamW on an H100: 0.92 to 0.95 of a copy's bandwidth for GPT-2
// small, 0.95 to 0.97 for one tensor of 1.5 billion; stored by 4 bytes it would be 0.55 to 0.75. Of
// 10,000 tensors of 1677, 160 us by whole thread blocks and 190 by a warp each. As many thread
// blocks as make the last round a full one: 2 to 4 % for GPT-2 small. The list of chunks runs
// backwards: what the norm's pass read last is then still in the second-level cache, which is 0.7 %
// of the clipped step of GPT-2 small, and up to a tenth for models that fit there. Of panels
// nothing has been measured: a row of a strip is joined by 40 shuffles of 4 bytes, and of a matrix
// of 128 columns or fewer one warp of a thread block has all the work.
#pragma once

#include <type_traits>

#include "rules/rule.cuh"
#include "step/arrays.cuh"
#include "step/buffers.cuh"
#include "step/chunk.cuh"
#include "step/idle.cuh"
#include "step/panels.cuh"
#include "step/prepare.cuh"
#include "step/quad.cuh"
#include "step/vector.cuh"

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

// A panel is cut into strips of PANOPTIM_LANES columns.
constexpr int panel_strips = PANOPTIM_PANEL_COLUMNS / PANOPTIM_LANES;

// The sums of blocks that the warps of a thread block leave for their chunk.
template <typename Rule>
struct SharedSums {
    double statistics[PANOPTIM_STATISTICS][max_chunk_blocks];
    double found[at_least_one<Rule::reductions>][max_chunk_blocks];
};

// What the strips of a panel found of its rows, for each reduction over rows.
template <typename Rule>
struct SharedRows {
    static constexpr int sums = at_least_one<count_of_scope(Rule{}, Scope::row, Rule::reductions)>;
    double rows[sums][PANOPTIM_PANEL_ROWS][panel_strips];
};

// No phase needs both.
template <typename Rule>
union UpdateShared {
    SharedSums<Rule> blocks;
    std::conditional_t<has_panels<Rule>(), SharedRows<Rule>, SharedSums<Rule>> strips;
};

// An element before its update.
struct Before {
    float parameter;
    float gradient; // raw; 0 where no statistics are taken
};

// A thread's lanes of all sums of a phase.
template <typename Rule, int Phase, bool Statistics>
struct ThreadSums {
    static constexpr bool of_statistics = Statistics;

    // All but the elements that were held, which are counted.
    WarpLanes update;
    WarpLanes value;
    WarpLanes gradient;
    unsigned held;
    WarpLanes found[at_least_one<Rule::reductions>];

    __device__ __forceinline__ void clear() {
        update.clear();
        value.clear();
        gradient.clear();
        held = 0;
#pragma unroll
        for (WarpLanes &sum : found) {
            sum.clear();
        }
    }

    __device__ __forceinline__ void note(int lane, const Before &before, const Element &element) {
        if constexpr (Statistics) {
            const float moved = element.parameter - before.parameter;
            update.add(lane, moved, moved);
            value.add(lane, element.parameter, element.parameter);
            gradient.add(lane, before.gradient, before.gradient);
            held += element.held ? 1U : 0U;
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
            leave(shared.statistics[PANOPTIM_STATISTIC_UPDATE][block], update.join());
            leave(shared.statistics[PANOPTIM_STATISTIC_VALUE][block], value.join());
            leave(shared.statistics[PANOPTIM_STATISTIC_GRADIENT][block], gradient.join());
            leave(shared.statistics[PANOPTIM_STATISTIC_LIMITED][block], join_numbers(held));
        }
#pragma unroll
        for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
            if (takes<Rule, Phase>(reduction)) {
                leave(shared.found[reduction][block], found[reduction].join());
            }
        }
    }

  private:
    // What the warp's first thread has found.
    __device__ __forceinline__ static void leave(double &place, double sum) {
        if (lane_of_thread() == 0) {
            place = sum;
        }
    }
};

// A thread's sums of a phase over lines, in a strip of a panel.
template <typename Rule, int Phase>
struct StripSums {
    static constexpr bool of_statistics = false;

    // Of this row, and of all so far: by the lanes that are the thread's columns.
    WarpLanes row[at_least_one<Rule::reductions>];
    WarpLanes columns[at_least_one<Rule::reductions>];

    __device__ __forceinline__ void start() {
#pragma unroll
        for (WarpLanes &sum : columns) {
            sum.clear();
        }
    }

    __device__ __forceinline__ void start_row() {
#pragma unroll
        for (WarpLanes &sum : row) {
            sum.clear();
        }
    }

    __device__ __forceinline__ void note(int lane, const Before & /*before*/,
                                         const Element &element) {
#pragma unroll
        for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
            if (finds(Rule{}, Phase, Scope::row, reduction)) {
                row[reduction].add(lane, element.left[reduction], element.right[reduction]);
            } else if (finds(Rule{}, Phase, Scope::column, reduction)) {
                columns[reduction].add(lane, element.left[reduction], element.right[reduction]);
            }
        }
    }

    // Leaves what a row has in the strip. Every thread of the warp must call it.
    __device__ __forceinline__ void leave_row(SharedRows<Rule> &shared, int index, int strip) {
#pragma unroll
        for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
            if (finds(Rule{}, Phase, Scope::row, reduction)) {
                const double sum = row[reduction].join();
                if (lane_of_thread() == 0) {
                    shared.rows[count_of_scope(Rule{}, Scope::row, reduction)][index][strip] = sum;
                }
            }
        }
    }

    // Stores the sums of the thread's columns, at most four.
    __device__ __forceinline__ void store_columns(const panoptim_tensor &tensor,
                                                  const PanelGrid &grid, const Panel &panel,
                                                  int column, int count) const {
#pragma unroll
        for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
            if (finds(Rule{}, Phase, Scope::column, reduction)) {
                double *const sums =
                    column_sums(Rule{}, tensor, grid, reduction, panel.matrix, panel.down) +
                    panel.first_column + column;
#pragma unroll
                for (int lane = 0; lane < quad_elements; ++lane) {
                    if (lane < count) {
                        sums[lane] = columns[reduction].of(lane);
                    }
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
    const panoptim_tensor *tensor;
    int64_t first; // in the tensor
    // All are floats, aligned to vectors, and there are no outputs.
    bool direct;
};

// What a chunk is updated with, beside its arrays.
template <typename Rule>
struct Settings {
    PreparedEntry<Rule> prepared;
    float gradient_unit;
    float average_weight;
    float least_state;
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
        move_average(arrays.average, i, elements, parameters, average_weight);
    }
}

// Updates at most four elements from i on; in the direct way always four.
template <typename Rule, int Phase, bool Curved, bool Direct, typename PhaseSums>
__device__ __forceinline__ void update_quad(const ChunkArrays &arrays, int i, int elements,
                                            const Settings<Rule> &settings, PhaseSums &sums) {
    constexpr unsigned read = Rule::read_slots(Phase, Curved);
    constexpr unsigned written = Rule::written_slots(Phase, Curved);
    float parameters[quad_elements] = {};
    float gradients[quad_elements];
    float curvatures[quad_elements];
    float averages[quad_elements];
    float slots[at_least_one<Rule::slots>][quad_elements] = {};
    if constexpr (Rule::reads_parameter(Phase) || PhaseSums::of_statistics) {
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
    MatrixPlace place;
    if constexpr (has_line_states<Rule>) {
        place = MatrixPlace::of(*arrays.tensor, arrays.tensor->first + arrays.first + i);
    }
#pragma unroll
    for (int lane = 0; lane < quad_elements; ++lane) {
        if (!Direct && lane >= elements) {
            continue;
        }
        Element element;
        element.parameter = parameters[lane];
        if constexpr (loads_gradient<Rule, Phase>) {
            const float scaled = gradients[lane] * settings.prepared.gradient_scale;
            element.gradient = limited(scaled, settings.prepared.gradient_limit);
            element.held = beyond(scaled, settings.prepared.gradient_limit);
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
        if constexpr (has_line_states<Rule>) {
            LineStates::of<Rule>(*arrays.tensor, place).template load<Rule>(0, element);
            place.advance(*arrays.tensor, 1);
        }
        const Before before{parameters[lane], PhaseSums::of_statistics ? gradients[lane] : 0.0F};
        Rule::template update<Phase>(settings.prepared.scalars, element);
        sums.note(lane, before, element);
        parameters[lane] = element.parameter;
        if constexpr (Rule::writes_gradient(Phase)) {
            gradients[lane] = element.gradient * settings.gradient_unit;
        }
#pragma unroll
        for (int slot = 0; slot < Rule::slots; ++slot) {
            slots[slot][lane] = of_step<Rule, Phase>
                                    ? flushed(element.slot[slot], settings.least_state)
                                    : element.slot[slot];
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
            update_quad<Rule, Phase, Curved, true>(arrays, i, quad_elements, settings, sums);
        }
    }
#pragma unroll 1
    for (; i < end; i += stride) {
        const int left = end - i;
        update_quad<Rule, Phase, Curved, false>(
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

// Whether a tensor's arrays, which are all floats, are aligned to vectors.
template <typename Rule>
__device__ __forceinline__ bool aligned(const ChunkArrays &arrays) {
    bool all = aligned_to_vectors(arrays.value.data) && aligned_to_vectors(arrays.gradient.data) &&
               aligned_to_vectors(arrays.curvature.data);
#pragma unroll
    for (int slot = 0; slot < Rule::slots; ++slot) {
        all = all && aligned_to_vectors(arrays.slots[slot].data);
    }
    return all;
}

// The arrays of a tensor, from an element on.
template <typename Rule>
__device__ __forceinline__ ChunkArrays arrays_of(const panoptim_plan &plan, int32_t index,
                                                 int64_t first) {
    const panoptim_tensor &tensor = plan.tensors[index];
    const int32_t type = gradient_type(tensor);
    ChunkArrays found{};
    found.tensor = &tensor;
    found.first = first;
    found.gradient = array_from(reinterpret_cast<void *>(plan.gradients[index]), type, first);
    if (Rule::curvature && plan.curvatures[index] != 0) {
        found.curvature = array_from(reinterpret_cast<void *>(plan.curvatures[index]), type, first);
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
#pragma unroll
    for (int slot = 0; slot < Rule::slots; ++slot) {
        found.slots[slot] = array_from(tensor.slots[slot], PANOPTIM_F32, first);
    }
    found.direct = aligned<Rule>(found);
    return found;
}

template <typename Rule, int Phase, bool Statistics>
__device__ __forceinline__ void update_chunk(const panoptim_launch &launch, int64_t place,
                                             SharedSums<Rule> &shared) {
    constexpr bool last_phase = Phase + 1 == Rule::phases;
    const panoptim_plan &plan = launch.plan;
    const panoptim_chunk chunk = plan.chunks[place];
    const int64_t start = chunk.index * plan.chunk_elements;
    const auto elements = static_cast<int>(chunk_length(plan, plan.tensors[chunk.tensor], start));
    const ChunkArrays arrays = arrays_of<Rule>(plan, chunk.tensor, start);
    constexpr bool statistics = last_phase && Statistics;
    const bool zero_gradients = plan.control->zero_gradients != 0;
    Settings<Rule> settings;
    settings.prepared = load_constant<PreparedEntry<Rule>>(&plan.prepared[chunk.tensor]);
    settings.gradient_unit = Rule::writes_gradient(Phase)
                                 ? gradient_unit(*plan.control, settings.prepared.gradient_scale)
                                 : 0.0F;
    settings.average_weight = averages<Rule, Phase> ? average_weight(*plan.control) : 0.0F;
    settings.least_state = least_state(*plan.control);
    settings.zero_gradients = last_phase && zero_gradients;
    if (settings.prepared.active == 0) {
        leave_idle<Rule, Phase>(plan, chunk.tensor, start, elements);
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
        if constexpr (statistics) {
#pragma unroll
            for (int statistic = 0; statistic < PANOPTIM_STATISTICS; ++statistic) {
                plan.partials[statistic * plan.chunk_count + place] =
                    join_blocks(shared.statistics[statistic], blocks);
            }
        }
#pragma unroll
        for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
            if (takes<Rule, Phase>(reduction)) {
                plan.partials[(PANOPTIM_STATISTICS + reduction) * plan.chunk_count + place] =
                    join_blocks(shared.found[reduction], blocks);
            }
        }
    }
    __syncthreads();
}

__device__ __forceinline__ void move(TypedArray &array, int64_t elements) {
    if (array.data != nullptr) {
        array.data = element_address(array.data, array.type, elements);
    }
}

// Moves arrays on by so many elements.
template <typename Rule>
__device__ __forceinline__ void move(ChunkArrays &arrays, int64_t elements) {
    move(arrays.value, elements);
    move(arrays.gradient, elements);
    move(arrays.curvature, elements);
    move(arrays.copy, elements);
    move(arrays.average, elements);
#pragma unroll
    for (int slot = 0; slot < Rule::slots; ++slot) {
        move(arrays.slots[slot], elements);
    }
    arrays.first += elements;
    arrays.direct = arrays.tensor->arrays == nullptr && aligned<Rule>(arrays);
}

// Updates a panel whose first element is that of the arrays, a strip a warp at a time, row by row.
template <typename Rule, int Phase, bool Curved>
__device__ __forceinline__ void update_strips(ChunkArrays arrays, const PanelGrid &grid,
                                              const Panel &panel, const Settings<Rule> &settings,
                                              SharedRows<Rule> &shared) {
    const auto columns = static_cast<int>(panel.columns);
    const auto rows = static_cast<int>(panel.rows);
    move<Rule>(arrays, int64_t{warp_of_thread()} * PANOPTIM_LANES);
#pragma unroll 1
    for (int strip = warp_of_thread(); strip * PANOPTIM_LANES < columns; strip += chunk_warps) {
        const int quad = lane_of_thread() * quad_elements;
        const int left = columns - strip * PANOPTIM_LANES - quad;
        const int elements = left < quad_elements ? left : quad_elements;
        ChunkArrays row = arrays;
        StripSums<Rule, Phase> sums;
        sums.start();
#pragma unroll 1
        for (int i = 0; i < rows; ++i) {
            sums.start_row();
            if (row.direct && elements == quad_elements) {
                update_quad<Rule, Phase, Curved, true>(row, quad, quad_elements, settings, sums);
            } else if (elements > 0) {
                update_quad<Rule, Phase, Curved, false>(row, quad, elements, settings, sums);
            }
            sums.leave_row(shared, i, strip);
            move<Rule>(row, grid.columns);
        }
        sums.store_columns(*arrays.tensor, grid, panel, strip * PANOPTIM_LANES + quad, elements);
        move<Rule>(arrays, int64_t{chunk_warps} * PANOPTIM_LANES);
    }
}

// Joins what the strips of a panel found of its rows, which is overwritten, a thread a row.
template <typename Rule, int Phase>
__device__ __forceinline__ void store_rows(const panoptim_tensor &tensor, const PanelGrid &grid,
                                           const Panel &panel, SharedRows<Rule> &shared) {
    const auto row = static_cast<int>(threadIdx.x);
    if (row >= panel.rows) {
        return;
    }
    const auto strips = static_cast<int>((panel.columns + PANOPTIM_LANES - 1) / PANOPTIM_LANES);
#pragma unroll
    for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
        if (finds(Rule{}, Phase, Scope::row, reduction)) {
            double *const found = shared.rows[count_of_scope(Rule{}, Scope::row, reduction)][row];
            row_sums(Rule{}, tensor, grid, reduction, panel.matrix,
                     panel.across)[panel.first_row + row] = join_blocks(found, strips);
        }
    }
}

// Updates a panel, by a phase that sums over rows or columns.
template <typename Rule, int Phase>
__device__ __forceinline__ void update_panel(const panoptim_launch &launch, int64_t place,
                                             SharedRows<Rule> &shared) {
    static_assert(PANOPTIM_PANEL_ROWS <= chunk_threads);
    const panoptim_plan &plan = launch.plan;
    const panoptim_panel entry = plan.panels[place];
    const panoptim_tensor &tensor = plan.tensors[entry.tensor];
    const PanelGrid grid = PanelGrid::of(tensor);
    const Panel panel = grid.panel(entry.index);
    const ChunkArrays arrays = arrays_of<Rule>(plan, entry.tensor, grid.element_of(panel));
    Settings<Rule> settings;
    settings.prepared = load_constant<PreparedEntry<Rule>>(&plan.prepared[entry.tensor]);
    settings.gradient_unit = Rule::writes_gradient(Phase)
                                 ? gradient_unit(*plan.control, settings.prepared.gradient_scale)
                                 : 0.0F;
    settings.average_weight = 0;
    settings.least_state = least_state(*plan.control);
    settings.zero_gradients = false;
    if (settings.prepared.active == 0) {
        leave_idle_panel<Rule, Phase>(plan, entry.tensor, grid, panel);
        return;
    }
    if (Rule::curvature && of_step<Rule, Phase> && arrays.curvature.data != nullptr) {
        update_strips<Rule, Phase, Rule::curvature>(arrays, grid, panel, settings, shared);
    } else {
        update_strips<Rule, Phase, false>(arrays, grid, panel, settings, shared);
    }
    __syncthreads();
    store_rows<Rule, Phase>(tensor, grid, panel, shared);
    __syncthreads();
}

// Statistics are of a step's last phase: their kernel has no other.
template <typename Rule, bool Statistics>
constexpr int first_phase = Statistics ? Rule::phases - 1 : 0;
template <typename Rule, bool Statistics>
constexpr int end_of_phases = Statistics ? Rule::phases : Rule::phases + Rule::pass_phases;

template <typename Rule, bool Statistics, int Phase = first_phase<Rule, Statistics>>
__device__ __forceinline__ void update_phase(const panoptim_launch &launch,
                                             UpdateShared<Rule> &shared) {
    if constexpr (Phase < end_of_phases<Rule, Statistics>) {
        if (launch.phase != Phase) {
            update_phase<Rule, Statistics, Phase + 1>(launch, shared);
            return;
        }
        // Where some steps take statistics and some do not, both kernels are launched, of which one
        // has nothing to do.
        if (Phase + 1 == Rule::phases &&
            (launch.plan.control->takes_statistics != 0) != Statistics) {
            return;
        }
        if constexpr (touches_elements<Rule, Phase>()) {
            for (int64_t i = blockIdx.x; i < launch.chunk_list_count; i += gridDim.x) {
                if constexpr (walks_over_panels<Rule>(Phase)) {
                    update_panel<Rule, Phase>(launch, launch.chunk_list[i], shared.strips);
                } else {
                    update_chunk<Rule, Phase, Statistics>(launch, launch.chunk_list[i],
                                                          shared.blocks);
                }
            }
        }
    }
}

} // namespace
} // namespace PANOPTIM_TIER
} // namespace panoptim
