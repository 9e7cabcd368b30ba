// A tier's loops by the index of their rule. Compiled for each tier and library.
#include "tier.h"

namespace panoptim {
inline namespace PANOPTIM_TIER {

#define PANOPTIM_RULE(name, ...) extern const UpdateFunction loops_of_##name[PANOPTIM_MAX_PHASES];
#include "rules/rules.def"
#undef PANOPTIM_RULE

extern const UpdateFunction *const loops_by_rule[];
constexpr const UpdateFunction *loops_by_rule[] = {
#define PANOPTIM_RULE(name, ...) loops_of_##name,
#include "rules/rules.def"
#undef PANOPTIM_RULE
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
