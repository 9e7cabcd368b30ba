// Parameters wait while their moving averages are in their place.
//
// Traffic: 24 bytes per parameter: 8 read and 8 written to use the average, 4 read and 4 written to
// put the parameter back.
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct AverageSwap : PlainRule {
    static constexpr const char *hyper_names = "";
    struct Hyper {};
    struct Scalars {};
    PANOPTIM_RULE_SLOTS(waiting);
    static constexpr int phases = 0;
    static constexpr int pass_phases = 2;
    static constexpr int leaving = 0;
    static constexpr int coming_back = 1;

    PANOPTIM_DEVICE static constexpr bool reads_parameter(int phase) { return phase == leaving; }
    PANOPTIM_DEVICE static constexpr bool reads_gradient(int) { return false; }
    PANOPTIM_DEVICE static constexpr bool reads_average(int phase) { return phase == leaving; }
    PANOPTIM_DEVICE static constexpr unsigned read_slots(int phase, bool) {
        return phase == coming_back ? 0b1 : 0b0;
    }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int phase, bool) {
        return phase == leaving ? 0b1 : 0b0;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &, const Preparation &, Scalars &) {}

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &, Element &element) {
        if constexpr (Phase == leaving) {
            element.slot[waiting] = element.parameter;
            element.parameter = element.average;
        } else {
            element.parameter = element.slot[waiting];
        }
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
