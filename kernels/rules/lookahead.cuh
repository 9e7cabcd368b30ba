// Lookahead: after a step that is due, slow weights meet the parameters, and both go on from there.
//
// Source: michaelrzhang/lookahead, lookahead_pytorch.py; Zhang et al., "Lookahead Optimizer: k
// steps forward, 1 step back", 2019. Traffic: 16 bytes per parameter (8 read, 8 written) every k-th
// step.
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct Lookahead : PlainRule {
    PANOPTIM_RULE_HYPER(k, alpha);
    PANOPTIM_RULE_SCALARS(fast, slow);
    PANOPTIM_RULE_SLOTS(cached_params);
    PANOPTIM_TENSOR_STATES(synchronized_at);
    static constexpr int phases = 0;
    static constexpr int pass_phases = 1;

    PANOPTIM_DEVICE static constexpr bool reads_gradient(int) { return false; }

    template <int Phase>
    PANOPTIM_DEVICE static bool rests(const Hyper &hyper, const Preparation &preparation) {
        const TensorStates &states = preparation.tensor_states<Lookahead>();
        // The number of steps that no optimizer takes, for what cannot be one.
        const bool counts = hyper.k >= 1 && hyper.k < 0x1p62;
        const int64_t k = counts ? static_cast<int64_t>(hyper.k) : int64_t{1} << 62;
        return preparation.step % k != 0 ||
               static_cast<double>(preparation.step) == states.synchronized_at;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        preparation.tensor_states<Lookahead>().synchronized_at =
            static_cast<double>(preparation.step);
        scalars.fast = static_cast<float>(hyper.alpha);
        scalars.slow = static_cast<float>(1 - hyper.alpha);
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        const float met =
            scalars.fast * element.parameter + scalars.slow * element.slot[cached_params];
        element.slot[cached_params] = met;
        element.parameter = met;
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
