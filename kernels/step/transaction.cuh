// The step as a transaction: whether it is accepted, and what follows for counters, loss scale and
// clipping. A refused step changes nothing else than what is named here.
#pragma once

#include "panoptim_plan.h"
#include "rules/numerics.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

// The bounds of the loss scale: it and its reciprocal are normal floats.
constexpr double smallest_loss_scale = 0x1p-126;
constexpr double largest_loss_scale = 0x1p126;

// What elements are multiplied by to unscale them.
PANOPTIM_DEVICE float unscale_factor(const panoptim_control &control) {
    return static_cast<float>(1.0 / control.loss_scale);
}

// The gradient grows or shrinks the loss scale for the gradients to come.
PANOPTIM_DEVICE void adapt_loss_scale(panoptim_control &control) {
    if (control.growth_interval <= 0) {
        return;
    }
    if (control.finite == 0) {
        const double lowered = control.loss_scale * control.backoff_factor;
        if (lowered >= smallest_loss_scale) {
            control.loss_scale = lowered;
        }
        control.growth_tracker = 0;
        return;
    }
    control.growth_tracker += 1;
    if (control.growth_tracker == control.growth_interval) {
        const double grown = control.loss_scale * control.growth_factor;
        if (grown <= largest_loss_scale) {
            control.loss_scale = grown;
        }
        control.growth_tracker = 0;
    }
}

// Accepts or refuses the step. Counts of tensors are the caller's to advance if it is accepted.
PANOPTIM_DEVICE void decide(panoptim_control &control) {
    control.gradient_scale = 1.0 / control.loss_scale;
    control.accepted = control.policy == PANOPTIM_PROPAGATE || control.finite != 0;
    if (control.accepted != 0) {
        control.step += 1;
    } else {
        control.skipped += 1;
    }
    adapt_loss_scale(control);
}

// The gradient's norm, unscaled, and the factor that brings it down to the clipping norm.
PANOPTIM_DEVICE void clip(panoptim_control &control) {
    const double unknown = __builtin_nan("");
    control.gradient_norm =
        control.measure != 0 ? square_root(control.square_sum) * control.gradient_scale : unknown;
    control.update_norm = control.statistics != 0 ? 0.0 : unknown;
    if (control.clip_norm == __builtin_huge_val()) {
        control.clip_coefficient = 1;
    } else {
        control.clip_coefficient = minimum(control.clip_norm / (control.gradient_norm + 1e-6), 1.0);
    }
}

} // namespace PANOPTIM_TIER
} // namespace panoptim
