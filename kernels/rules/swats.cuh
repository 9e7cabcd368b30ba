// SWATS: Adam that changes to SGD with momentum, tensor by tensor, at a learning rate that it finds
// by projecting Adam's steps on the gradients; weight decay is coupled.
//
// Source: jettify/pytorch-optimizer, torch_optimizer/swats.py, whose momentum buffer is scaled with
// the step by mistake; Keskar & Socher, "Improving Generalization Performance by Switching from
// Adam to SGD", 2017.
// Traffic: 52 bytes per parameter: 20 read and 12 written for the moments, 16 read and 4 written
// for the update.
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct Swats : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, beta1, beta2, epsilon, weight_decay, nesterov);
    PANOPTIM_RULE_SCALARS(adam, weight_decay, beta1, one_minus_beta1, beta2, one_minus_beta2,
                          epsilon, rate_of_adam, rate_of_sgd);
    PANOPTIM_RULE_SLOTS(exp_avg, exp_avg_sq, momentum_buffer);
    PANOPTIM_TENSOR_STATES(exp_avg2, sgd_lr);
    static constexpr int phases = 2;
    static constexpr int reductions = 2;
    static constexpr int along = 0; // Adam's step times the gradient
    static constexpr int square = 1;

    PANOPTIM_DEVICE static constexpr bool reads_gradient(int phase) { return phase == 0; }
    PANOPTIM_DEVICE static constexpr bool writes_parameter(int phase) { return phase == 1; }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int phase, bool) {
        return phase == 0 ? 0b111 : 0b000;
    }

    // Finds from a step of Adam what SGD's learning rate would be, without the schedule's factor.
    PANOPTIM_DEVICE static void learn(const Hyper &hyper, const Preparation &preparation,
                                      TensorStates &states) {
        const double product = preparation.reductions[along];
        if (product == 0) {
            return;
        }
        const double projected = preparation.reductions[square] / product;
        states.exp_avg2 = hyper.beta2 * states.exp_avg2 + (1 - hyper.beta2) * projected;
        const double corrected = states.exp_avg2 / (1 - powi(hyper.beta2, preparation.count));
        const double apart = corrected - projected;
        const double tolerance = 1e-8 + 1e-6 * maximum(projected, -projected);
        if (preparation.count > 1 && maximum(apart, -apart) <= tolerance && corrected > 0) {
            states.sgd_lr = corrected / preparation.rate_factor;
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        TensorStates &states = preparation.tensor_states<Swats>();
        if constexpr (Phase == 0) {
            const double beta1 = preparation.momentum_or(hyper.beta1);
            const bool adam = states.sgd_lr == 0;
            const double rate =
                (adam ? hyper.learning_rate : states.sgd_lr) * preparation.rate_factor;
            const double correction1 = 1 - powi(beta1, preparation.count);
            const double correction2 = 1 - powi(hyper.beta2, preparation.count);
            const double share = hyper.nesterov != 0 ? (1 - beta1) + beta1 : 1 - beta1;
            scalars.adam = adam ? 1.0F : 0.0F;
            scalars.weight_decay = static_cast<float>(hyper.weight_decay);
            scalars.beta1 = static_cast<float>(beta1);
            scalars.one_minus_beta1 = static_cast<float>(1 - beta1);
            scalars.beta2 = static_cast<float>(hyper.beta2);
            scalars.one_minus_beta2 = static_cast<float>(1 - hyper.beta2);
            scalars.epsilon = static_cast<float>(hyper.epsilon);
            // One of them is 0: a choice for each element would make the kernels load less at once.
            scalars.rate_of_adam =
                static_cast<float>(adam ? rate * square_root(correction2) / correction1 : 0.0);
            scalars.rate_of_sgd = static_cast<float>(adam ? 0.0 : rate * share);
        } else {
            // This step is still of the kind that it began as.
            if (scalars.adam != 0) {
                learn(hyper, preparation, states);
            }
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        const bool adam = scalars.adam != 0;
        float &mean = element.slot[exp_avg];
        float &second = element.slot[exp_avg_sq];
        float &buffer = element.slot[momentum_buffer];
        if constexpr (Phase == 0) {
            const float gradient = element.gradient + scalars.weight_decay * element.parameter;
            const float new_mean = mean + scalars.one_minus_beta1 * (gradient - mean);
            const float new_second =
                scalars.beta2 * second + scalars.one_minus_beta2 * (gradient * gradient);
            const float new_buffer = scalars.beta1 * buffer + gradient;
            mean = adam ? new_mean : mean;
            second = adam ? new_second : second;
            buffer = adam ? buffer : new_buffer;
            const float step = scalars.rate_of_adam * ratio(scalars, element);
            element.left[along] = step;
            element.right[along] = gradient;
            element.left[square] = step;
            element.right[square] = step;
        } else {
            element.parameter =
                element.parameter -
                (scalars.rate_of_adam * ratio(scalars, element) + scalars.rate_of_sgd * buffer);
        }
    }

    PANOPTIM_DEVICE static float ratio(const Scalars &scalars, const Element &element) {
        return element.slot[exp_avg] / (square_root(element.slot[exp_avg_sq]) + scalars.epsilon);
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
