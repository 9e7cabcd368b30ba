// A rule for tests alone: two phases with a reduction per tensor and one over all between them.
//
//   phase 0: m = beta m + (1 - beta) g
//   square    = sum of m^2 over the tensor
//   magnitude = sum of |m| over every tensor of this rule
//   phase 1: p = p - learning_rate / (sqrt(square) + 1e-8) / (1 + magnitude) m
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct TestNormalized : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, beta);
    PANOPTIM_RULE_SCALARS(beta, one_minus_beta, step);
    PANOPTIM_RULE_SLOTS(exp_avg);
    static constexpr int phases = 2;
    static constexpr int reductions = 2;

    PANOPTIM_DEVICE static constexpr Scope scope(int reduction) {
        return reduction == 0 ? Scope::tensor : Scope::all;
    }
    PANOPTIM_DEVICE static constexpr bool writes_parameter(int phase) { return phase == 1; }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int phase, bool) {
        return phase == 0 ? 0b1 : 0b0;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        if constexpr (Phase == 0) {
            scalars.beta = static_cast<float>(hyper.beta);
            scalars.one_minus_beta = static_cast<float>(1 - hyper.beta);
            scalars.step = 0;
        } else {
            const double rate = hyper.learning_rate * preparation.rate_factor;
            const double square = preparation.reductions[0];
            const double magnitude = preparation.reductions[1];
            scalars.step =
                static_cast<float>(rate / (square_root(square) + 1e-8) / (1 + magnitude));
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        float &mean = element.slot[exp_avg];
        if constexpr (Phase == 0) {
            mean = scalars.beta * mean + scalars.one_minus_beta * element.gradient;
            element.left[0] = mean;
            element.right[0] = mean;
            element.left[1] = absolute(mean);
            element.right[1] = 1;
        } else {
            element.parameter = element.parameter - scalars.step * mean;
        }
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
