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

// What elements are multiplied by to unscale them: as the attempt began, also where they are
// measured again after the decision, which may have changed the loss scale.
PANOPTIM_DEVICE float unscale_factor(const panoptim_control &control) {
    return static_cast<float>(control.decided != 0 ? control.gradient_scale
                                                   : 1.0 / control.loss_scale);
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

// How far moving averages go towards the values in a step that was accepted.
PANOPTIM_DEVICE double weight_of_average(const panoptim_control &control) {
    const int64_t since = control.step - control.average_start;
    const int64_t every = control.average_every > 0 ? control.average_every : 1;
    if (since < 0 || since % every != 0) {
        return 0;
    }
    if (control.average_equally != 0) {
        return 1.0 / static_cast<double>(since / every + 1);
    }
    return since == 0 ? 1 : 1 - control.average_decay;
}

// Begins a decision: no pass waits any more, and the step takes statistics or not.
PANOPTIM_DEVICE void begin_decision(panoptim_control &control) {
    control.passes_wait = 0;
    control.decided = 1;
    control.takes_statistics =
        control.statistics > 0 && (control.step + 1) % control.statistics == 0 ? 1 : 0;
}

// Whether passes before the step wait, since the gradients as they are will refuse it.
PANOPTIM_DEVICE void try_step(panoptim_control &control) {
    control.passes_wait = control.policy != PANOPTIM_PROPAGATE && control.finite == 0 ? 1 : 0;
}

// Accepts or refuses the step. Counts of tensors are the caller's to advance if it is accepted.
PANOPTIM_DEVICE void decide(panoptim_control &control) {
    begin_decision(control);
    control.gradient_scale = 1.0 / control.loss_scale;
    control.accepted = control.policy == PANOPTIM_PROPAGATE || control.finite != 0;
    if (control.accepted != 0) {
        control.step += 1;
        control.average_weight = weight_of_average(control);
    } else {
        control.skipped += 1;
    }
    adapt_loss_scale(control);
}

// The factor that brings a norm, unscaled, down to the clipping norm.
PANOPTIM_DEVICE double clip_to_norm(const panoptim_control &control, double norm) {
    return minimum(control.clip_norm / (norm + 1e-6), 1.0);
}

// The gradient's norm, unscaled, and the factor that brings it down to the clipping norm.
PANOPTIM_DEVICE void clip(panoptim_control &control) {
    const double unknown = __builtin_nan("");
    control.gradient_norm =
        control.measure != 0 ? square_root(control.square_sum) * control.gradient_scale : unknown;
    control.update_norm = control.takes_statistics != 0 ? 0.0 : unknown;
    const bool bounded =
        control.clip_scope == PANOPTIM_CLIP_GLOBAL && control.clip_norm != __builtin_huge_val();
    control.clip_coefficient = bounded ? clip_to_norm(control, control.gradient_norm) : 1.0;
    control.decided = 0;
}

} // namespace PANOPTIM_TIER
} // namespace panoptim
