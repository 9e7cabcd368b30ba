// Adadelta: the gradient by the ratio of the roots of the averages of squared updates and
// gradients, with coupled weight decay.
//
// Source: PyTorch, torch/optim/adadelta.py (_single_tensor_adadelta); Zeiler, "ADADELTA: An
// Adaptive Learning Rate Method", 2012.
// Traffic: 28 bytes per parameter (16 read, 12 written).
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct Adadelta : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, rho, epsilon, weight_decay, maximize);
    PANOPTIM_RULE_SCALARS(rate, rho, one_minus_rho, epsilon, weight_decay);
    PANOPTIM_RULE_SLOTS(square_avg, acc_delta);

    PANOPTIM_DEVICE static bool maximize(const Hyper &hyper) { return hyper.maximize != 0; }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        scalars.rate = static_cast<float>(hyper.learning_rate * preparation.rate_factor);
        scalars.rho = static_cast<float>(hyper.rho);
        scalars.one_minus_rho = static_cast<float>(1 - hyper.rho);
        scalars.epsilon = static_cast<float>(hyper.epsilon);
        scalars.weight_decay = static_cast<float>(hyper.weight_decay);
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        const float gradient = element.gradient + scalars.weight_decay * element.parameter;
        float &squares = element.slot[square_avg];
        float &updates = element.slot[acc_delta];
        squares = scalars.rho * squares + scalars.one_minus_rho * (gradient * gradient);
        const float delta = square_root(updates + scalars.epsilon) /
                            square_root(squares + scalars.epsilon) * gradient;
        updates = scalars.rho * updates + scalars.one_minus_rho * (delta * delta);
        element.parameter = element.parameter - scalars.rate * delta;
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
