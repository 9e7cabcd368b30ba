// What an instruction-set tier offers: the loops over elements, compiled for it from tier.cpp.
#pragma once

#include <cstdint>

#include "panoptim.h"

namespace panoptim {

// One chunk of an active tensor, as a phase of its rule sees it.
struct UpdateWork {
    const panoptim_tensor *tensor;
    const panoptim_prepared *prepared;
    void *gradient;         // of the tensor's first element, like the curvature
    const void *curvature;  // null if there is none in this step
    int64_t first;          // the chunk's first element
    int64_t elements;       // at least 1
    double *partials;       // the chunk's row of column 0
    int64_t partial_stride; // from one column to the next
    bool zero_gradients;
    bool statistics;
};

using UpdateFunction = void (*)(const UpdateWork &);

// The sum of squares of a chunk of a gradient, through the reduction tree.
using MeasureFunction = double (*)(const void *gradient, int64_t first, int64_t elements);

struct Tier {
    MeasureFunction measure;
    // By rule and phase: PANOPTIM_MAX_PHASES functions a rule, null beyond the rule's phases.
    const UpdateFunction (*update)[PANOPTIM_MAX_PHASES];
};

// The tiers in this library; which exist depends on the architecture it is built for.
extern const Tier baseline_tier;
extern const Tier avx2_tier;
extern const Tier avx512_tier;
extern const Tier neon_tier;

// The loops of a tier; null if it is unknown, not built or cannot run here.
const Tier *usable_tier(int32_t tier);

} // namespace panoptim
