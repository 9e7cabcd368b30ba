// LAMB: Adam's direction with decoupled weight decay, scaled for each tensor to the tensor's norm;
// the gradients of all tensors are brought down to a largest norm before.
//
// Source: NVIDIA Apex, csrc/multi_tensor_lamb.cu; You et al., "Large Batch Optimization for Deep
// Learning: Training BERT in 76 minutes", 2020.
// Traffic: 44 bytes per parameter: 4 read for the gradient's norm, 16 read and 8 written for the
// moments, 12 read and 4 written for the update.
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct Lamb : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, beta1, beta2, epsilon, weight_decay, max_grad_norm);
    PANOPTIM_RULE_SCALARS(shrink, one_minus_beta1, beta2, one_minus_beta2, inverse_correction,
                          inverse_root_correction, epsilon, weight_decay, step_size);
    PANOPTIM_RULE_SLOTS(exp_avg, exp_avg_sq);
    PANOPTIM_TENSOR_STATES(trust_ratio);
    static constexpr int phases = 3;
    static constexpr int reductions = 3;
    static constexpr int gradient_squares = 0;
    static constexpr int value_squares = 1;
    static constexpr int direction_squares = 2;

    PANOPTIM_DEVICE static constexpr Scope scope(int reduction) {
        return reduction == gradient_squares ? Scope::all : Scope::tensor;
    }
    PANOPTIM_DEVICE static constexpr int reduction_phase(int reduction) {
        return reduction == gradient_squares ? 0 : 1;
    }
    PANOPTIM_DEVICE static constexpr bool reads_parameter(int phase) { return phase != 0; }
    PANOPTIM_DEVICE static constexpr bool reads_gradient(int phase) { return phase != 2; }
    PANOPTIM_DEVICE static constexpr bool writes_parameter(int phase) { return phase == 2; }
    PANOPTIM_DEVICE static constexpr unsigned read_slots(int phase, bool) {
        return phase == 0 ? 0b00 : 0b11;
    }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int phase, bool) {
        return phase == 1 ? 0b11 : 0b00;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        if constexpr (Phase == 1) {
            const double beta1 = preparation.momentum_or(hyper.beta1);
            const double norm = square_root(preparation.reductions[gradient_squares]);
            const double limit = hyper.max_grad_norm;
            const double correction1 = 1 - powi(beta1, preparation.count);
            const double correction2 = 1 - powi(hyper.beta2, preparation.count);
            scalars.shrink = static_cast<float>(norm > limit ? limit / norm : 1.0);
            scalars.one_minus_beta1 = static_cast<float>(1 - beta1);
            scalars.beta2 = static_cast<float>(hyper.beta2);
            scalars.one_minus_beta2 = static_cast<float>(1 - hyper.beta2);
            scalars.inverse_correction = static_cast<float>(1 / correction1);
            scalars.inverse_root_correction = static_cast<float>(1 / square_root(correction2));
            scalars.epsilon = static_cast<float>(hyper.epsilon);
            scalars.weight_decay = static_cast<float>(hyper.weight_decay);
        } else if constexpr (Phase == 2) {
            const double rate = hyper.learning_rate * preparation.rate_factor;
            const double value = square_root(preparation.reductions[value_squares]);
            const double direction = square_root(preparation.reductions[direction_squares]);
            const bool adapts = hyper.weight_decay != 0 && value != 0 && direction != 0;
            const double ratio = adapts ? value / direction : 1.0;
            preparation.tensor_states<Lamb>().trust_ratio = ratio;
            scalars.step_size = static_cast<float>(rate * ratio);
        }
    }

    PANOPTIM_DEVICE static float direction_of(const Scalars &scalars, const Element &element) {
        const float root = square_root(element.slot[exp_avg_sq]) * scalars.inverse_root_correction +
                           scalars.epsilon;
        return (element.slot[exp_avg] * scalars.inverse_correction) / root +
               scalars.weight_decay * element.parameter;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        if constexpr (Phase == 0) {
            element.left[gradient_squares] = element.gradient;
            element.right[gradient_squares] = element.gradient;
        } else if constexpr (Phase == 1) {
            const float gradient = element.gradient * scalars.shrink;
            float &mean = element.slot[exp_avg];
            float &square = element.slot[exp_avg_sq];
            mean = mean + scalars.one_minus_beta1 * (gradient - mean);
            square = scalars.beta2 * square + scalars.one_minus_beta2 * (gradient * gradient);
            const float direction = direction_of(scalars, element);
            element.left[value_squares] = element.parameter;
            element.right[value_squares] = element.parameter;
            element.left[direction_squares] = direction;
            element.right[direction_squares] = direction;
        } else {
            element.parameter =
                element.parameter - scalars.step_size * direction_of(scalars, element);
        }
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
