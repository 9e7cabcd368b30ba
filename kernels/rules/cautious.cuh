// Cautious updates and cautious weight decay: completes a step in which a rule has left its update.
//
// Sources: kyleliang919/C-Optim; Liang et al., "Cautious Optimizers", 2024; decay: microsoft/dion.
// Traffic: 28 bytes per parameter: 8 read to count, 12 read and 8 written to complete.
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct Cautious : PlainRule {
    PANOPTIM_RULE_HYPER(update, cautious_decay, learning_rate, weight_decay, maximize);
    PANOPTIM_RULE_SCALARS(agreeing, other, decay, spared_decay);
    PANOPTIM_RULE_SLOTS(left_update);
    PANOPTIM_TENSOR_STATES(agreement);
    static constexpr int phases = 0;
    static constexpr int pass_phases = 2;
    static constexpr int counting = 0;
    static constexpr int completing = 1;
    static constexpr int reductions = 1;

    PANOPTIM_DEVICE static constexpr bool reads_parameter(int phase) { return phase == completing; }
    PANOPTIM_DEVICE static constexpr bool writes_parameter(int phase) {
        return phase == completing;
    }
    PANOPTIM_DEVICE static constexpr bool completes_step(int phase) { return phase == completing; }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int phase, bool) {
        return phase == completing ? 0b1 : 0b0;
    }
    PANOPTIM_DEVICE static bool maximize(const Hyper &hyper) { return hyper.maximize != 0; }

    PANOPTIM_DEVICE static bool same_sign(float a, float b) {
        // Without branches, so that loops are vectorized.
        return (((a > 0.0F) & (b > 0.0F)) | ((a < 0.0F) & (b < 0.0F))) != 0;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        if constexpr (Phase == completing) {
            constexpr double least = 1e-3;
            const double share =
                preparation.reductions[0] / static_cast<double>(preparation.elements);
            preparation.tensor_states<Cautious>().agreement = share;
            const double rate = hyper.learning_rate * preparation.rate_factor;
            const bool masks = hyper.update != 0;
            scalars.agreeing = masks ? static_cast<float>(1 / maximum(share, least)) : 1.0F;
            scalars.other = masks ? 0.0F : 1.0F;
            scalars.decay = static_cast<float>(rate * hyper.weight_decay);
            scalars.spared_decay = hyper.cautious_decay != 0 ? 0.0F : scalars.decay;
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        // What a rule made of zero is minus its update.
        const float whole = -element.slot[left_update];
        const bool agrees = same_sign(whole, element.gradient);
        if constexpr (Phase == counting) {
            element.left[0] = agrees ? 1.0F : 0.0F;
            element.right[0] = 1.0F;
        } else {
            const float value = element.parameter;
            // Products are selected, not factors, which would be loads that are not vectorized.
            const float of_agreeing = whole * scalars.agreeing;
            const float of_other = whole * scalars.other;
            const float decayed = scalars.decay * value;
            const float spared = scalars.spared_decay * value;
            const float kept = same_sign(-whole, value) ? spared : decayed;
            element.parameter = value - (kept + (agrees ? of_agreeing : of_other));
            element.slot[left_update] = 0.0F;
        }
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
