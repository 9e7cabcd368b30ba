// What a tier offers beside its rules' loops (loops.h), under the same conditions.
#include "tier.h"

#include "decode.h"
#include "matrix.h"
#include "step/plan.cuh"
#include "sums.h"
#include "tiles.h"

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace {

// Calls visit(floats, elements) for a gradient: once for one of floats, and otherwise for each
// block of it, decoded, until it returns false.
template <typename Visit>
void visit_floats(const void *gradient, int32_t type, int64_t elements, const Visit &visit) {
    if (type == PANOPTIM_F32) {
        visit(static_cast<const float *>(gradient), elements);
        return;
    }
    alignas(64) float block[block_elements];
    for (int64_t i = 0; i < elements; i += block_elements) {
        const int64_t count = smaller(block_elements, elements - i);
        decode(static_cast<const char *>(gradient) + i * element_bytes(type), type, count, block);
        if (!visit(block, count)) {
            return;
        }
    }
}

double measure(const void *gradient, int32_t type, int64_t elements) {
    PairwiseSum blocks;
    visit_floats(gradient, type, elements, [&blocks](const float *values, int64_t count) {
        add_square_sums(values, count, blocks);
        return true;
    });
    return blocks.total();
}

bool overflows(const void *gradient, int32_t type, int64_t elements, float factor) {
    bool any = false;
    visit_floats(gradient, type, elements, [&any, factor](const float *values, int64_t count) {
        for (int64_t i = 0; i < count; ++i) {
            const float product = values[i] * factor;
            any = any || product - product != 0;
        }
        return !any;
    });
    return any;
}

void follow(const panoptim_plan &plan, int64_t chunk_index, TileMemory &memory) {
    const panoptim_chunk &chunk = plan.chunks[chunk_index];
    const int64_t start = chunk.index * plan.chunk_elements;
    const int64_t elements = chunk_length(plan, plan.tensors[chunk.tensor], start);
    for (int64_t i = 0; i < elements; i += tile_elements) {
        follow_tile({plan, chunk.tensor, start + i, smaller(tile_elements, elements - i)}, memory);
    }
}

} // namespace

extern const UpdateFunction *const loops_by_rule[];

} // namespace PANOPTIM_TIER
} // namespace panoptim

#define PANOPTIM_JOIN(a, b) a##b
#define PANOPTIM_TIER_TABLE(tier) PANOPTIM_JOIN(tier, _tier)

constexpr panoptim::Tier panoptim::PANOPTIM_TIER_TABLE(PANOPTIM_TIER) = {
    panoptim::measure,      panoptim::overflows,     panoptim::follow,      panoptim::loops_by_rule,
    panoptim::scale_matrix, panoptim::mirror_matrix, panoptim::probe_matrix};
