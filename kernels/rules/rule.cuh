// What a rule is made of. A rule is a struct of static members:
//
//   using Hyper, Scalars         its hyper-parameters and what one step needs of them (panoptim.h)
//   slots                        how many states it keeps per element
//   phases                       passes over the elements; between them reductions are joined
//   reductions                   sums found by one phase for the later ones
//   scope(r), reduction_phase(r) over what reduction r sums, and which phase finds its terms
//   curvature                    whether the caller hands in curvature on some steps
//   read_slots(phase, curved)    the states whose values a phase uses
//   writes_parameter(phase), written_slots(phase, curved)
//                                what a phase stores; the rest of the element is left alone
//   maximize(hyper)              whether gradients count with the opposite sign
//   prepare<phase>(hyper, preparation, scalars)    in double, once per tensor
//   update<phase>(scalars, element)                in float, once per element
//
// Nothing else in the library knows a rule's formula.
#pragma once

#include "panoptim_plan.h"
#include "rules/numerics.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

// What a reduction sums over.
enum class Scope { tensor, all };

// What prepare gets to know about the step.
struct Preparation {
    double rate_factor;       // multiplies the learning rate
    double momentum;          // replaces the rule's own; NaN leaves it
    int64_t step;             // steps taken by the optimizer, this one included
    int64_t count;            // steps taken by the tensor, this one included
    const double *reductions; // those of earlier phases, in the rule's order

    PANOPTIM_DEVICE double momentum_or(double own) const {
        return momentum == momentum ? momentum : own;
    }
};

// One element while it is in registers.
struct Element {
    float parameter;
    float gradient;  // unscaled, clipped, negated when maximizing
    float curvature; // unscaled, negated when maximizing; meaningless unless curved
    bool curved;     // the caller handed in curvature for this step
    float slot[PANOPTIM_MAX_SLOTS];
    // The terms of the reductions: left * right, which is exact in double.
    float left[PANOPTIM_MAX_REDUCTIONS];
    float right[PANOPTIM_MAX_REDUCTIONS];
};

// The plain shape, which a rule inherits and overrides in part: one phase that writes everything,
// no reduction, no curvature, gradients descended.
struct PlainRule {
    static constexpr int phases = 1;
    static constexpr int reductions = 0;
    static constexpr bool curvature = false;

    PANOPTIM_DEVICE static constexpr Scope scope(int) { return Scope::tensor; }
    PANOPTIM_DEVICE static constexpr int reduction_phase(int) { return 0; }
    PANOPTIM_DEVICE static constexpr bool writes_parameter(int) { return true; }
    // A bit for each slot.
    PANOPTIM_DEVICE static constexpr unsigned read_slots(int, bool) { return ~0U; }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int, bool) { return ~0U; }

    template <typename Hyper>
    PANOPTIM_DEVICE static bool maximize(const Hyper &) {
        return false;
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
