// What a tier offers beside its rules' loops (loops.h), under the same conditions.
#include "tier.h"

#include "matrix.h"
#include "sums.h"

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace {

double measure(const void *gradient, int64_t first, int64_t elements) {
    return square_sum(static_cast<const float *>(gradient) + first, elements);
}

} // namespace

extern const UpdateFunction *const loops_by_rule[];

} // namespace PANOPTIM_TIER
} // namespace panoptim

#define PANOPTIM_JOIN(a, b) a##b
#define PANOPTIM_TIER_TABLE(tier) PANOPTIM_JOIN(tier, _tier)

constexpr panoptim::Tier panoptim::PANOPTIM_TIER_TABLE(PANOPTIM_TIER) = {
    panoptim::measure, panoptim::loops_by_rule, panoptim::scale_matrix, panoptim::mirror_matrix,
    panoptim::probe_matrix};
