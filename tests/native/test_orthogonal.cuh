// A rule for tests alone: momentum whose singular values linear algebra brings near 1 between two
// phases, as Muon does.
//
//   phase 0: momentum = beta momentum + g
//   square  = sum of momentum^2 over the tensor
//   phase 1: direction = momentum / (sqrt(square) + 1e-7)
//   between: direction = its orthogonal factor, nearly, by Newton and Schulz
//   phase 2: p = p - learning_rate direction
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct TestOrthogonal : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, beta);
    PANOPTIM_RULE_SCALARS(beta, inverse_norm, step);
    PANOPTIM_RULE_SLOTS(momentum, direction);
    static constexpr int phases = 3;
    static constexpr int reductions = 1;

    PANOPTIM_DEVICE static constexpr Scope scope(int) { return Scope::tensor; }
    PANOPTIM_DEVICE static constexpr bool reads_parameter(int phase) { return phase == 2; }
    PANOPTIM_DEVICE static constexpr bool reads_gradient(int phase) { return phase == 0; }
    PANOPTIM_DEVICE static constexpr bool writes_parameter(int phase) { return phase == 2; }
    PANOPTIM_DEVICE static constexpr unsigned read_slots(int phase, bool) {
        return phase == 2 ? 0b10 : 0b01;
    }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int phase, bool) {
        return phase == 0 ? 0b01 : phase == 1 ? 0b10 : 0b00;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        if constexpr (Phase == 0) {
            scalars.beta = static_cast<float>(hyper.beta);
        } else if constexpr (Phase == 1) {
            const double norm = square_root(preparation.reductions[0]) + 1e-7;
            scalars.inverse_norm = static_cast<float>(1 / norm);
        } else {
            scalars.step = static_cast<float>(hyper.learning_rate * preparation.rate_factor);
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        float &mean = element.slot[momentum];
        if constexpr (Phase == 0) {
            mean = scalars.beta * mean + element.gradient;
            element.left[0] = mean;
            element.right[0] = mean;
        } else if constexpr (Phase == 1) {
            element.slot[direction] = mean * scalars.inverse_norm;
        } else {
            element.parameter = element.parameter - scalars.step * element.slot[direction];
        }
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
