// Arrays of any type for the loops over floats, a tile of elements at a time: decoded before the
// loop's pieces and encoded after them, so that one loop serves floats and everything else. For a
// tier's files alone.
#pragma once

#include "rules/rule.cuh"
#include "step/arrays.cuh"
#include "step/buffers.cuh"
#include "tier.h"

namespace panoptim {
inline namespace PANOPTIM_TIER {

// What a loop does with the arrays of a tensor.
struct TileUse {
    bool reads_value;
    bool writes_value;
    bool gradient;
    bool writes_gradient;
    bool curvature;
    bool reads_average;
    bool copies;
    bool averages;
    bool zeroes;
    int slots; // states of elements, and a bit for each that is read and that is written
    unsigned read_slots;
    unsigned written_slots;
};

template <typename Rule, int Phase, bool Curved, bool Zeroing, bool Statistics>
constexpr TileUse tile_use{// What is not written is copied as it is.
                           Rule::reads_parameter(Phase) || Statistics ||
                               !Rule::writes_parameter(Phase),
                           Rule::writes_parameter(Phase),
                           needs_gradient<Rule, Phase>,
                           Rule::writes_gradient(Phase),
                           Curved,
                           Rule::reads_average(Phase),
                           copies<Rule, Phase>,
                           averages<Rule, Phase>,
                           Zeroing,
                           Rule::slots,
                           Rule::read_slots(Phase, Curved),
                           Rule::written_slots(Phase, Curved)};

// Some elements of a tensor, at most tile_elements.
struct Tile {
    const panoptim_plan &plan;
    int64_t tensor; // its index
    int64_t first;
    int64_t count;
};

// The tile's arrays as floats: where they are, or else in the memory, decoded if they are read.
Buffers open_tile(const Tile &tile, const TileUse &use, TileMemory &memory);

// Stores what the loop has changed in the memory, and the outputs.
void close_tile(const Tile &tile, const TileUse &use, const Buffers &buffers, TileMemory &memory);

// Moves the tile's average, which there is, towards its values, as a step does that does not change
// them.
void follow_tile(const Tile &tile, TileMemory &memory);

} // namespace PANOPTIM_TIER
} // namespace panoptim
