// AdEMAMix: AdamW with a second, much slower average of the gradient beside the first; the slow
// one's weight and decay may rise in the first steps.
//
// Source: apple/ml-ademamix, pytorch/ademamix.py; Pagliardini, Ablin & Grangier, "The AdEMAMix
// Optimizer: Better, Faster, Older", 2024.
// Traffic: 36 bytes per parameter (20 read, 16 written).
#pragma once

#include "rules/functions.cuh"
#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct AdEMAMix : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, beta1, beta2, beta3, alpha, epsilon, weight_decay,
                        alpha_warmup, beta3_warmup);
    PANOPTIM_RULE_SCALARS(decay, beta1, one_minus_beta1, beta2, one_minus_beta2, beta3,
                          one_minus_beta3, inverse_root_correction, epsilon, fast_step, slow_step);
    PANOPTIM_RULE_SLOTS(exp_avg_fast, exp_avg_slow, exp_avg_sq);

    PANOPTIM_DEVICE static double alpha_at(const Hyper &hyper, double step) {
        return step < hyper.alpha_warmup ? step / hyper.alpha_warmup * hyper.alpha : hyper.alpha;
    }

    // After how many steps, less one, half of a value is left in an average.
    PANOPTIM_DEVICE static double half_life(double beta) {
        return logarithm(0.5) / logarithm(beta + 1e-8) - 1;
    }

    PANOPTIM_DEVICE static double beta3_at(const Hyper &hyper, double step, double first) {
        if (!(step < hyper.beta3_warmup)) {
            return hyper.beta3;
        }
        const double way = step / hyper.beta3_warmup;
        const double steps = (1 - way) * half_life(first) + way * half_life(hyper.beta3);
        return power(0.5, 1 / (steps + 1));
    }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        const double rate = hyper.learning_rate * preparation.rate_factor;
        const double beta1 = preparation.momentum_or(hyper.beta1);
        const auto step = static_cast<double>(preparation.count);
        const double beta3 = beta3_at(hyper, step, beta1);
        const double correction1 = 1 - powi(beta1, preparation.count);
        const double correction2 = 1 - powi(hyper.beta2, preparation.count);
        scalars.decay = static_cast<float>(rate * hyper.weight_decay);
        scalars.beta1 = static_cast<float>(beta1);
        scalars.one_minus_beta1 = static_cast<float>(1 - beta1);
        scalars.beta2 = static_cast<float>(hyper.beta2);
        scalars.one_minus_beta2 = static_cast<float>(1 - hyper.beta2);
        scalars.beta3 = static_cast<float>(beta3);
        scalars.one_minus_beta3 = static_cast<float>(1 - beta3);
        scalars.inverse_root_correction = static_cast<float>(1 / square_root(correction2));
        scalars.epsilon = static_cast<float>(hyper.epsilon);
        scalars.fast_step = static_cast<float>(rate / correction1);
        scalars.slow_step = static_cast<float>(rate * alpha_at(hyper, step));
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        const float gradient = element.gradient;
        float &fast = element.slot[exp_avg_fast];
        float &slow = element.slot[exp_avg_slow];
        float &square = element.slot[exp_avg_sq];
        fast = scalars.beta1 * fast + scalars.one_minus_beta1 * gradient;
        slow = scalars.beta3 * slow + scalars.one_minus_beta3 * gradient;
        square = scalars.beta2 * square + scalars.one_minus_beta2 * (gradient * gradient);
        const float root = square_root(square) * scalars.inverse_root_correction + scalars.epsilon;
        const float step = scalars.fast_step * (fast / root) + scalars.slow_step * (slow / root);
        element.parameter = element.parameter - (scalars.decay * element.parameter + step);
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
