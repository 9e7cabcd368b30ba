// ADOPT: the average of gradients that are divided by the root of the second moment of the steps
// before, and clipped; weight decay is coupled, or decoupled if asked for. The first step only lets
// the second moment begin.
//
// Source: iShohei220/adopt, src/adopt/adopt.py (_single_tensor_adopt); Taniguchi et al., "ADOPT:
// Modified Adam Can Converge with Any beta2 with the Optimal Rate", 2024.
// Traffic: 28 bytes per parameter (16 read, 12 written).
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct Adopt : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, beta1, beta2, epsilon, weight_decay, decouple);
    PANOPTIM_RULE_SCALARS(decay, weight_decay, one_minus_beta1, beta2, one_minus_beta2, rate,
                          epsilon, clip, first);
    PANOPTIM_RULE_SLOTS(exp_avg, exp_avg_sq);

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        const double rate = hyper.learning_rate * preparation.rate_factor;
        const auto before = static_cast<double>(preparation.count - 1);
        const bool decoupled = hyper.decouple != 0;
        scalars.decay = static_cast<float>(decoupled ? rate * hyper.weight_decay : 0.0);
        scalars.weight_decay = static_cast<float>(decoupled ? 0.0 : hyper.weight_decay);
        scalars.one_minus_beta1 = static_cast<float>(1 - preparation.momentum_or(hyper.beta1));
        scalars.beta2 = static_cast<float>(hyper.beta2);
        scalars.one_minus_beta2 = static_cast<float>(1 - hyper.beta2);
        scalars.rate = static_cast<float>(rate);
        scalars.epsilon = static_cast<float>(hyper.epsilon);
        scalars.clip = static_cast<float>(square_root(square_root(before)));
        scalars.first = before == 0 ? 1.0F : 0.0F;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        const bool first = scalars.first != 0;
        const float parameter = element.parameter;
        const float gradient = element.gradient + scalars.weight_decay * parameter;
        const float squared = gradient * gradient;
        float &mean = element.slot[exp_avg];
        float &square = element.slot[exp_avg_sq];
        const float ratio = gradient / maximum(square_root(square), scalars.epsilon);
        const float clipped = minimum(maximum(ratio, -scalars.clip), scalars.clip);
        element.held = element.held | (!first & beyond(ratio, scalars.clip));
        const float new_mean = mean + scalars.one_minus_beta1 * (clipped - mean);
        const float new_square = scalars.beta2 * square + scalars.one_minus_beta2 * squared;
        const float moved = parameter - (scalars.decay * parameter + scalars.rate * new_mean);
        mean = first ? mean : new_mean;
        square = first ? squared : new_square;
        element.parameter = first ? parameter : moved;
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
