// Adam with coupled weight decay, and its AMSGrad variant.
//
// Source: PyTorch, torch/optim/adam.py (_single_tensor_adam); Kingma & Ba, "Adam: A Method for
// Stochastic Optimization", 2015; Reddi et al., "On the Convergence of Adam and Beyond", 2018.
// Traffic: 28 bytes per parameter (16 read, 12 written); AMSGrad 36 (20 read, 16 written).
#pragma once

#include "rules/moments.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

template <bool Amsgrad>
struct Adam : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, beta1, beta2, epsilon, weight_decay, amsgrad, maximize);
    PANOPTIM_RULE_SCALARS(weight_decay, one_minus_beta1, beta2, one_minus_beta2, step_size,
                          inverse_root_correction, epsilon);
    PANOPTIM_RULE_FIRST_SLOTS(Amsgrad ? 3 : 2, exp_avg, exp_avg_sq, max_exp_avg_sq);

    PANOPTIM_DEVICE static bool maximize(const Hyper &hyper) { return hyper.maximize != 0; }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        const double rate = hyper.learning_rate * preparation.rate_factor;
        scalars.weight_decay = static_cast<float>(hyper.weight_decay);
        prepare_moments(hyper, preparation, rate, scalars);
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        const float gradient = element.gradient + scalars.weight_decay * element.parameter;
        const float direction = advance_moments<Amsgrad>(scalars, gradient, element);
        element.parameter = element.parameter - scalars.step_size * direction;
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
