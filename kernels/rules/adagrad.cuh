// Adagrad: the gradient over the root of the sum of its squares, with coupled weight decay.
//
// Source: PyTorch, torch/optim/adagrad.py (_single_tensor_adagrad); Duchi, Hazan & Singer,
// "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization", 2011.
// Traffic: 20 bytes per parameter (12 read, 8 written).
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct Adagrad : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, lr_decay, weight_decay, initial_accumulator_value, epsilon,
                        maximize);
    PANOPTIM_RULE_SCALARS(step_size, weight_decay, epsilon);
    PANOPTIM_RULE_SLOTS(sum);

    PANOPTIM_DEVICE static bool maximize(const Hyper &hyper) { return hyper.maximize != 0; }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        const double rate = hyper.learning_rate * preparation.rate_factor;
        const auto before = static_cast<double>(preparation.count - 1);
        scalars.step_size = static_cast<float>(rate / (1 + before * hyper.lr_decay));
        scalars.weight_decay = static_cast<float>(hyper.weight_decay);
        scalars.epsilon = static_cast<float>(hyper.epsilon);
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        const float gradient = element.gradient + scalars.weight_decay * element.parameter;
        float &squares = element.slot[sum];
        squares = squares + gradient * gradient;
        const float root = square_root(squares) + scalars.epsilon;
        element.parameter = element.parameter - scalars.step_size * (gradient / root);
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
