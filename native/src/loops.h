// The loops over elements of a rule's phases, for the file of a header of rules that is compiled
// for each instruction-set tier (CMakeLists.txt), with that tier's compiler flags and with
// PANOPTIM_TIER naming it.
//
// Nothing here may have a symbol in common with another tier: no function of the standard library
// that is a template or inline, nothing with functions outside PANOPTIM_TIER's namespace.
#pragma once

#include "panel_sums.h"
#include "prefetch.h"
#include "rules/rule.cuh"
#include "step/buffers.cuh"
#include "step/prepare.cuh"
#include "sums.h"
#include "tier.h"
#include "tiles.h"

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace {

// The arrays of a tensor of floats.
template <typename Rule, int Phase, bool Curved>
[[gnu::always_inline]] inline Buffers buffers_of(const panoptim_plan &plan, int64_t index) {
    const panoptim_tensor &tensor = plan.tensors[index];
    Buffers whole{};
    whole.value = tensor.value;
    if constexpr (needs_gradient<Rule, Phase>) {
        whole.gradient = reinterpret_cast<float *>(plan.gradients[index]);
    }
    if constexpr (Curved) {
        whole.curvature = reinterpret_cast<const float *>(plan.curvatures[index]);
    }
    if constexpr (Rule::reads_average(Phase)) {
        whole.average = tensor.value;
    }
    for (int slot = 0; slot < Rule::slots; ++slot) {
        whole.slots[slot] = tensor.slots[slot];
    }
    return whole;
}

// One chunk of a run.
struct Chunk {
    Buffers buffers; // unless it is taken by tiles
    int64_t elements;
};

template <typename Rule, int Phase, bool Curved>
[[gnu::always_inline]] inline Chunk chunk_of(const UpdateRun &run, int64_t i) {
    const panoptim_plan &plan = *run.plan;
    const panoptim_chunk &chunk_index = plan.chunks[i];
    const panoptim_tensor &tensor = plan.tensors[chunk_index.tensor];
    const int64_t first = chunk_index.index * plan.chunk_elements;
    const int64_t elements = smaller(plan.chunk_elements, tensor.elements - first);
    if (run.tiles != nullptr) {
        return {Buffers{}, elements};
    }
    return {buffers_of<Rule, Phase, Curved>(plan, chunk_index.tensor)
                .template from<Rule, Phase, Curved>(first),
            elements};
}

// What the loops need besides the arrays.
template <typename Rule>
struct Settings {
    typename Rule::Scalars scalars;
    float gradient_scale;
    float gradient_limit;
    float gradient_unit;
    float curvature_scale;
    float least_state;

    Settings(const panoptim_control &control, const panoptim_prepared &prepared)
        : gradient_scale(prepared.gradient_scale), gradient_limit(prepared.gradient_limit),
          gradient_unit(panoptim::gradient_unit(control, prepared.gradient_scale)),
          curvature_scale(prepared.curvature_scale), least_state(panoptim::least_state(control)) {
        __builtin_memcpy(&scalars, prepared.scalars, sizeof scalars);
    }
};

template <typename Rule, int Phase, bool Curved>
[[gnu::always_inline]] inline void prefetch_all(const Buffers &buffers, int64_t first,
                                                int64_t elements) {
    if constexpr (Rule::reads_parameter(Phase) || Rule::writes_parameter(Phase)) {
        prefetch(buffers.value + first, elements);
    }
    if constexpr (Rule::reads_gradient(Phase) || Rule::writes_gradient(Phase)) {
        prefetch(buffers.gradient + first, elements);
    }
    if constexpr (Curved) {
        prefetch(buffers.curvature + first, elements);
    }
    constexpr unsigned used = Rule::read_slots(Phase, Curved) | Rule::written_slots(Phase, Curved);
    for (int slot = 0; slot < Rule::slots; ++slot) {
        if ((used >> slot & 1U) != 0) {
            prefetch(buffers.slots[slot] + first, elements);
        }
    }
}

// Asks for the beginning of the next chunk, which the processor cannot guess. Of a small tensor
// this is all there is.
template <typename Rule, int Phase, bool Curved>
[[gnu::always_inline]] inline void prefetch_chunk(const UpdateRun &run, int64_t i) {
    constexpr int64_t elements = 64;
    if (i < run.last && run.tiles == nullptr) {
        prefetch_all<Rule, Phase, Curved>(chunk_of<Rule, Phase, Curved>(run, i).buffers, 0,
                                          elements);
    }
}

// Elements of a chunk's tensor, from one of the chunk on.
inline Tile tile_of(const UpdateRun &run, int64_t chunk_index, int64_t first, int64_t count) {
    const panoptim_chunk &chunk = run.plan->chunks[chunk_index];
    return {*run.plan, chunk.tensor, chunk.index * run.plan->chunk_elements + first, count};
}

// Updates a piece of a chunk whose first element belongs to a lane of the sums.
template <typename Rule, int Phase, bool Curved, bool Zeroing, typename PhaseSums>
[[gnu::always_inline]] inline void update_piece(const Buffers &buffers,
                                                const Settings<Rule> &settings, PhaseSums &sums,
                                                int64_t lane, int64_t elements) {
#pragma GCC ivdep
    for (int64_t i = 0; i < elements; ++i) {
        Element element = buffers.template load<Rule, Phase, Curved>(
            i, settings.gradient_scale, settings.gradient_limit, settings.curvature_scale);
        const Before before{element.parameter,
                            PhaseSums::of_statistics ? buffers.gradient[i] : 0.0F};
        Rule::template update<Phase>(settings.scalars, element);
        buffers.template store<Rule, Phase, Curved>(i, element, settings.gradient_unit,
                                                    settings.least_state);
        sums.note(i, before, element);
        if constexpr (Zeroing) {
            buffers.zero_gradient(i);
        }
    }
    sums.add_piece(lane, elements);
}

// Updates elements of a chunk, the first of which belongs to a lane and has a place in the
// matrices, by a rule with states of rows or columns: no piece goes beyond its row.
template <typename Rule, int Phase, bool Curved, bool Zeroing, bool Statistics>
[[gnu::always_inline]] inline void
update_by_rows(const Buffers &buffers, const panoptim_tensor &tensor, MatrixPlace place,
               const Settings<Rule> &settings, Sums<Rule, Phase, Statistics> &sums, int64_t lane,
               int64_t elements) {
    constexpr int64_t ahead = 256;
    int64_t i = 0;
    while (i < elements) {
        const int64_t left = smaller(elements - i, tensor.columns - place.column);
        Buffers piece = buffers.template from<Rule, Phase, Curved>(i);
        piece.lines = LineStates::of<Rule>(tensor, place);
        const int64_t of_piece = (lane + i) % lane_count;
        // As the lanes lie, so that a piece has no more of them than there are.
        const int64_t count = smaller(left, piece_elements - of_piece % piece_elements);
        if (elements - i > ahead) {
            prefetch_all<Rule, Phase, Curved>(buffers, i + ahead, count);
        }
        if (count == piece_elements) {
            update_piece<Rule, Phase, Curved, Zeroing>(piece, settings, sums, of_piece,
                                                       piece_elements);
        } else {
            update_piece<Rule, Phase, Curved, Zeroing>(piece, settings, sums, of_piece, count);
        }
        place.advance(tensor, count);
        i += count;
    }
}

// Updates the elements [first, end) of a chunk, piece by piece of two cache lines from each array:
// each array is read once, and written once if the phase changes it. Where arrays are not all
// floats, or there are outputs, this goes tile by tile.
template <typename Rule, int Phase, bool Curved, bool Zeroing, bool Statistics>
[[gnu::always_inline]] inline void update_part(const UpdateRun &run, int64_t chunk_index,
                                               const Chunk &chunk, const Settings<Rule> &settings,
                                               Sums<Rule, Phase, Statistics> &sums, int64_t first,
                                               int64_t end) {
    constexpr int64_t ahead = 256;
    constexpr const TileUse &use = tile_use<Rule, Phase, Curved, Zeroing, Statistics>;
    while (first < end) {
        const bool tiled = run.tiles != nullptr;
        const int64_t count = tiled ? smaller(tile_elements, end - first) : end - first;
        const Buffers buffers =
            tiled ? open_tile(tile_of(run, chunk_index, first, count), use, *run.tiles)
                  : chunk.buffers.template from<Rule, Phase, Curved>(first);
        if constexpr (has_line_states<Rule>) {
            const panoptim_chunk &place = run.plan->chunks[chunk_index];
            const panoptim_tensor &tensor = run.plan->tensors[place.tensor];
            const int64_t index = tensor.first + place.index * run.plan->chunk_elements + first;
            update_by_rows<Rule, Phase, Curved, Zeroing>(buffers, tensor,
                                                         MatrixPlace::of(tensor, index), settings,
                                                         sums, first % lane_count, count);
        } else {
            int64_t i = 0;
            for (; count - i >= piece_elements; i += piece_elements) {
                if (chunk.elements - first - i > ahead) {
                    prefetch_all<Rule, Phase, Curved>(buffers, i + ahead, piece_elements);
                }
                update_piece<Rule, Phase, Curved, Zeroing>(
                    buffers.template from<Rule, Phase, Curved>(i), settings, sums,
                    (first + i) % lane_count, piece_elements);
            }
            update_piece<Rule, Phase, Curved, Zeroing>(
                buffers.template from<Rule, Phase, Curved>(i), settings, sums,
                (first + i) % lane_count, count - i);
        }
        if (tiled) {
            close_tile(tile_of(run, chunk_index, first, count), use, buffers, *run.tiles);
        }
        first += count;
    }
}

// Updates a segment of a row of a panel, the elements from one of the tensor on.
template <typename Rule, int Phase, bool Curved>
[[gnu::always_inline]] inline void
update_segment(const UpdateRun &run, const Buffers &whole, int64_t index, MatrixPlace place,
               bool last_row, const Settings<Rule> &settings, PanelSums<Rule, Phase> &sums,
               int64_t first, int64_t column, int64_t count) {
    constexpr const TileUse &use = tile_use<Rule, Phase, Curved, false, false>;
    const panoptim_tensor &tensor = run.plan->tensors[index];
    const bool tiled = run.tiles != nullptr;
    const Tile tile{*run.plan, index, first, count};
    const Buffers buffers =
        tiled ? open_tile(tile, use, *run.tiles) : whole.template from<Rule, Phase, Curved>(first);
    for (int64_t i = 0; i < count; i += piece_elements) {
        const int64_t elements = smaller(piece_elements, count - i);
        if (!tiled && !last_row) {
            // The row below, which the processor cannot guess.
            prefetch_all<Rule, Phase, Curved>(buffers, i + tensor.columns, elements);
        }
        Buffers piece = buffers.template from<Rule, Phase, Curved>(i);
        piece.lines = LineStates::of<Rule>(tensor, place);
        if (elements == piece_elements) {
            update_piece<Rule, Phase, Curved, false>(piece, settings, sums, column + i,
                                                     piece_elements);
        } else {
            update_piece<Rule, Phase, Curved, false>(piece, settings, sums, column + i, elements);
        }
        place.column += elements;
    }
    if (tiled) {
        close_tile(tile, use, buffers, *run.tiles);
    }
}

// Updates the panels of a run, each row by row, by a phase that sums over rows or columns.
template <typename Rule, int Phase, bool Curved>
void update_run_of_panels(const UpdateRun &run) {
    const panoptim_plan &plan = *run.plan;
    const int64_t index = plan.panels[run.first].tensor;
    const panoptim_tensor &tensor = plan.tensors[index];
    const PanelGrid grid = PanelGrid::of(tensor);
    const Settings<Rule> settings(*run.plan->control, *run.prepared);
    const Buffers whole =
        run.tiles == nullptr ? buffers_of<Rule, Phase, Curved>(plan, index) : Buffers{};
    PanelSums<Rule, Phase> sums;
    for (int64_t i = run.first; i < run.last; ++i) {
        const Panel panel = grid.panel(plan.panels[i].index);
        MatrixPlace place{grid.row_of(panel), panel.first_column, panel.first_row,
                          panel.matrix * grid.columns};
        sums.start_panel(panel);
        for (int64_t row = 0; row < panel.rows; ++row) {
            for (int64_t column = 0; column < panel.columns; column += lane_count) {
                const int64_t count = smaller(lane_count, panel.columns - column);
                place.column = panel.first_column + column;
                sums.start_segment(count);
                update_segment<Rule, Phase, Curved>(
                    run, whole, index, place, row + 1 == panel.rows, settings, sums,
                    place.row * grid.columns + place.column, column, count);
                sums.finish_segment();
            }
            sums.finish_row(tensor, grid, panel, row);
            ++place.row;
            ++place.row_of_matrix;
        }
        sums.finish_panel(tensor, grid, panel);
    }
}

template <typename Rule, int Phase, bool Curved, bool Zeroing, bool Statistics>
void update_run(const UpdateRun &run) {
    const Settings<Rule> settings(*run.plan->control, *run.prepared);
    Sums<Rule, Phase, Statistics> sums;
    for (int64_t chunk_index = run.first; chunk_index < run.last; ++chunk_index) {
        prefetch_chunk<Rule, Phase, Curved>(run, chunk_index + 1);
        const Chunk chunk = chunk_of<Rule, Phase, Curved>(run, chunk_index);
        if constexpr (sums.any()) {
            for (int64_t block = 0; block < chunk.elements; block += block_elements) {
                const int64_t end = smaller(block + block_elements, chunk.elements);
                sums.start_block(end - block);
                update_part<Rule, Phase, Curved, Zeroing>(run, chunk_index, chunk, settings, sums,
                                                          block, end);
                sums.finish_block();
            }
            sums.finish_chunk(*run.plan, chunk_index);
        } else {
            update_part<Rule, Phase, Curved, Zeroing>(run, chunk_index, chunk, settings, sums, 0,
                                                      chunk.elements);
        }
    }
}

// Chooses the loop. A phase that is not the step's last neither zeroes nor takes statistics.
template <typename Rule, int Phase, bool Curved>
void update_curved(const UpdateRun &run) {
    if constexpr (walks_over_panels<Rule>(Phase)) {
        update_run_of_panels<Rule, Phase, Curved>(run);
    } else if constexpr (Phase + 1 != Rule::phases) {
        update_run<Rule, Phase, Curved, false, false>(run);
    } else if (run.zero_gradients) {
        if (run.statistics) {
            update_run<Rule, Phase, Curved, true, true>(run);
        } else {
            update_run<Rule, Phase, Curved, true, false>(run);
        }
    } else {
        if (run.statistics) {
            update_run<Rule, Phase, Curved, false, true>(run);
        } else {
            update_run<Rule, Phase, Curved, false, false>(run);
        }
    }
}

template <typename Rule, int Phase>
void update(const UpdateRun &run) {
    if constexpr (!of_step<Rule, Phase> && needs_gradient<Rule, Phase>) {
        const panoptim_plan &plan = *run.plan;
        const int64_t tensor = walks_over_panels<Rule>(Phase) ? plan.panels[run.first].tensor
                                                              : plan.chunks[run.first].tensor;
        if (plan.gradients[tensor] == 0) {
            return;
        }
    }
    if constexpr (Rule::curvature && of_step<Rule, Phase>) {
        if (run.curved) {
            update_curved<Rule, Phase, true>(run);
            return;
        }
    }
    update_curved<Rule, Phase, false>(run);
}

template <typename Rule, int Phase>
constexpr UpdateFunction update_function() {
    if constexpr (Phase < Rule::phases + Rule::pass_phases) {
        if constexpr (touches_elements<Rule, Phase>()) {
            return update<Rule, Phase>;
        }
    }
    return nullptr;
}

} // namespace
} // namespace PANOPTIM_TIER
} // namespace panoptim

// What loops_by_rule.cpp knows a rule's loops by.
#define PANOPTIM_LOOPS(name, ...)                                                                  \
    namespace panoptim::PANOPTIM_TIER {                                                            \
    extern const UpdateFunction loops_of_##name[PANOPTIM_MAX_PHASES];                              \
    constexpr UpdateFunction loops_of_##name[PANOPTIM_MAX_PHASES] = {                              \
        update_function<__VA_ARGS__, 0>(), update_function<__VA_ARGS__, 1>(),                      \
        update_function<__VA_ARGS__, 2>(), update_function<__VA_ARGS__, 3>(),                      \
        update_function<__VA_ARGS__, 4>(), update_function<__VA_ARGS__, 5>(),                      \
        update_function<__VA_ARGS__, 6>(), update_function<__VA_ARGS__, 7>()};                     \
    }
static_assert(PANOPTIM_MAX_PHASES == 8);
