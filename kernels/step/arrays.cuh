// Reading the arrays of a tensor, and writing the outputs that no rule knows.
#pragma once

#include "rules/rule.cuh"
#include "step/codec.cuh"
#include "step/plan.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

// The type of a tensor's gradient and curvature.
PANOPTIM_DEVICE int32_t gradient_type(const panoptim_tensor &tensor) {
    return tensor.arrays == nullptr ? PANOPTIM_F32 : tensor.arrays->gradient.type;
}

// Whether a phase leaves the value in the tensor's copy: the last of a step, and each that changes
// the value, so that a pass is seen there, too.
template <typename Rule, int Phase>
constexpr bool copies = Phase + 1 == Rule::phases || Rule::writes_parameter(Phase);

// Whether a phase moves the tensor's average: the last of a step, or of a pass that completes one.
template <typename Rule, int Phase>
constexpr bool averages = Phase + 1 == Rule::phases || Rule::completes_step(Phase);

// Whether a phase moves the averages of tensors that it does not update, of those frozen or without
// a gradient: the first of a step, or the last of a pass that completes one, which alone has them.
template <typename Rule, int Phase>
constexpr bool averages_idle = (Phase == 0 && of_step<Rule, Phase>) || Rule::completes_step(Phase);

// How far an average moves in a step; 0: it is left alone, as in a step that is refused.
PANOPTIM_DEVICE float average_weight(const panoptim_control &control) {
    return control.accepted != 0 ? static_cast<float>(control.average_weight) : 0.0F;
}

// What states of elements that a step leaves become 0 below.
PANOPTIM_DEVICE float least_state(const panoptim_control &control) {
    return control.flush_states != 0 ? 0x1p-126F : 0.0F;
}

// An average after a step to a value. As torch.lerp has it: from the nearer end, so that a weight
// of 1 gives the value itself.
PANOPTIM_DEVICE float moved_average(float average, float value, float weight) {
    const float distance = value - average;
    return weight < 0.5F ? average + weight * distance : value - distance * (1.0F - weight);
}

} // namespace PANOPTIM_TIER
} // namespace panoptim
