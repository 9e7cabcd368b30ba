// The loops over elements of a rule's phases, for the file of a header of rules that is compiled
// for each instruction-set tier (CMakeLists.txt), with that tier's compiler flags and with
// PANOPTIM_TIER naming it.
//
// Nothing here may have a symbol in common with another tier: no function of the standard library
// that is a template or inline, nothing with functions outside PANOPTIM_TIER's namespace.
#pragma once

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
    Buffers whole{};
    if (run.tiles != nullptr) {
        return {whole, elements};
    }
    whole.value = tensor.value;
    if constexpr (needs_gradient<Rule, Phase>) {
        whole.gradient = reinterpret_cast<float *>(plan.gradients[chunk_index.tensor]);
    }
    if constexpr (Curved) {
        whole.curvature = reinterpret_cast<const float *>(plan.curvatures[chunk_index.tensor]);
    }
    if constexpr (Rule::reads_average(Phase)) {
        whole.average = tensor.value;
    }
    for (int slot = 0; slot < Rule::slots; ++slot) {
        whole.slots[slot] = tensor.slots[slot];
    }
    whole.matrix = {&tensor, 0};
    return {whole.template from<Rule, Phase, Curved>(first), elements};
}

// What the loops need besides the arrays.
template <typename Rule>
struct Settings {
    typename Rule::Scalars scalars;
    float gradient_scale;
    float gradient_limit;
    float gradient_unit;
    float curvature_scale;

    Settings(const panoptim_control &control, const panoptim_prepared &prepared)
        : gradient_scale(prepared.gradient_scale), gradient_limit(prepared.gradient_limit),
          gradient_unit(panoptim::gradient_unit(control, prepared.gradient_scale)),
          curvature_scale(prepared.curvature_scale) {
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

// Updates a piece of a chunk whose first element belongs to a lane of the reduction tree.
template <typename Rule, int Phase, bool Curved, bool Zeroing, bool Statistics>
[[gnu::always_inline]] inline void
update_piece(const Buffers &buffers, const Settings<Rule> &settings,
             Sums<Rule, Phase, Statistics> &sums, int64_t lane, int64_t elements) {
#pragma GCC ivdep
    for (int64_t i = 0; i < elements; ++i) {
        Element element = buffers.template load<Rule, Phase, Curved>(
            i, settings.gradient_scale, settings.gradient_limit, settings.curvature_scale);
        const float before = element.parameter;
        Rule::template update<Phase>(settings.scalars, element);
        buffers.template store<Rule, Phase, Curved>(i, element, settings.gradient_unit);
        sums.note(i, before, element);
        if constexpr (Zeroing) {
            buffers.zero_gradient(i);
        }
    }
    sums.add_piece(lane, elements);
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
        int64_t i = 0;
        for (; count - i >= piece_elements; i += piece_elements) {
            if (chunk.elements - first - i > ahead) {
                prefetch_all<Rule, Phase, Curved>(buffers, i + ahead, piece_elements);
            }
            update_piece<Rule, Phase, Curved, Zeroing, Statistics>(
                buffers.template from<Rule, Phase, Curved>(i), settings, sums,
                (first + i) % lane_count, piece_elements);
        }
        update_piece<Rule, Phase, Curved, Zeroing, Statistics>(
            buffers.template from<Rule, Phase, Curved>(i), settings, sums, (first + i) % lane_count,
            count - i);
        if (tiled) {
            close_tile(tile_of(run, chunk_index, first, count), use, buffers, *run.tiles);
        }
        first += count;
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
    if constexpr (Phase + 1 != Rule::phases) {
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
        if (run.plan->gradients[run.plan->chunks[run.first].tensor] == 0) {
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
