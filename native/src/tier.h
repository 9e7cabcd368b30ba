// What an instruction-set tier offers: the loops over elements, compiled for it.
#pragma once

#include <cstdint>

#include "panoptim.h"

namespace panoptim {

// Elements that are decoded at a time, for the loops over floats: few enough that they stay in the
// first-level cache, and a multiple of the loops' pieces.
constexpr int64_t tile_elements = 256;

// How far ahead of a tile others than floats are asked for, in elements.
constexpr int64_t tile_ahead = 512;

// Where the elements of a tile are floats if they are none in their arrays.
struct TileMemory {
    alignas(64) float value[tile_elements];
    alignas(64) float gradient[tile_elements];
    alignas(64) float curvature[tile_elements];
    alignas(64) float average[tile_elements];
    alignas(64) float slots[PANOPTIM_MAX_SLOTS][tile_elements];
};

// Consecutive chunks whose tensors are active and share their prepared scalars, and hence their
// rule; of one tensor if its arrays are not all floats, or have outputs.
struct UpdateRun {
    const panoptim_plan *plan;
    const panoptim_prepared *prepared;
    int64_t first; // the chunks [first, last) of the plan
    int64_t last;
    bool curved; // there is curvature for these tensors in this step
    bool zero_gradients;
    bool statistics;
    TileMemory *tiles; // null where all arrays are floats
};

using UpdateFunction = void (*)(const UpdateRun &);

// The sum of squares of a chunk of a gradient of a known type, through the reduction tree.
using MeasureFunction = double (*)(const void *gradient, int32_t type, int64_t elements);
// Whether one of these elements, all finite, is infinite once multiplied by a factor.
using OverflowsFunction = bool (*)(const void *gradient, int32_t type, int64_t elements,
                                   float factor);

// Passes over square matrices; see panoptim.h.
using ScaleMatrixFunction = void (*)(int64_t n, const float *matrix, double damping,
                                     const double *scale, float *scaled);
using MirrorMatrixFunction = void (*)(int64_t n, float *matrix, const double *scale);
using ProbeMatrixFunction = void (*)(int64_t n, const float *matrix, const double *vectors,
                                     const double *scale, double *products, double *sums);

// Moves the average of a chunk's tensor, which has one, towards the values of the chunk.
using FollowFunction = void (*)(const panoptim_plan &plan, int64_t chunk, TileMemory &memory);

struct Tier {
    MeasureFunction measure;
    OverflowsFunction overflows;
    FollowFunction follow;
    // By rule and phase: PANOPTIM_MAX_PHASES functions a rule, null beyond the rule's phases.
    const UpdateFunction *const *update;
    ScaleMatrixFunction scale_matrix;
    MirrorMatrixFunction mirror_matrix;
    ProbeMatrixFunction probe_matrix;
};

// The tiers in this library; which exist depends on the architecture it is built for.
extern const Tier baseline_tier;
extern const Tier avx2_tier;
extern const Tier avx512_tier;
extern const Tier neon_tier;

// The loops of a tier; null if it is unknown, not built or cannot run here.
const Tier *usable_tier(int32_t tier);

} // namespace panoptim
