// What the schedule-free rules share: the weights of an average x of the points z that plain steps
// lead to, and the step and passes of the parameter y = beta x + (1 - beta) z, where gradients are
// taken. x is not kept.
#pragma once

#include "rules/functions.cuh"
#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

// Finds a step's learning rate, and the weight that z gets in the average.
template <typename Hyper, typename States>
PANOPTIM_DEVICE void settle_average(const Hyper &hyper, const Preparation &preparation,
                                    States &states) {
    const auto taken = static_cast<double>(whole(states.k));
    const double step = taken + 1;
    const double warm = taken < hyper.warmup_steps ? step / hyper.warmup_steps : 1.0;
    const double rate = hyper.learning_rate * preparation.rate_factor * warm;
    const double largest = maximum(rate, states.lr_max);
    const double weight = power(step, hyper.r) * power(largest, hyper.weight_lr_power);
    const double sum = states.weight_sum + weight;
    states.k = step;
    states.weight_sum = sum;
    states.lr_max = largest;
    states.scheduled_lr = rate;
    states.ckp1 = sum != 0 ? weight / sum : 0.0;
}

// What a step needs besides the direction.
template <typename Hyper, typename States, typename Scalars>
PANOPTIM_DEVICE void prepare_move(const Hyper &hyper, const Preparation &preparation, double beta,
                                  const States &states, Scalars &scalars) {
    const double rate = states.scheduled_lr;
    const double weight = states.ckp1;
    scalars.first = preparation.count == 1 ? 1.0F : 0.0F;
    scalars.weight_decay = static_cast<float>(hyper.weight_decay);
    scalars.average = static_cast<float>(weight);
    scalars.parameter_rate = static_cast<float>(rate * (1 - beta * (1 - weight)));
    scalars.rate = static_cast<float>(rate);
}

// Moves y and z (slot 0) against a direction, to which the decay at y is added.
template <typename Scalars>
PANOPTIM_DEVICE void move_along(const Scalars &scalars, float direction, Element &element) {
    const float y = element.parameter;
    const float z = scalars.first != 0 ? y : element.slot[0];
    const float step = direction + scalars.weight_decay * y;
    element.parameter = (y + scalars.average * (z - y)) - scalars.parameter_rate * step;
    element.slot[0] = z - scalars.rate * step;
}

// How far a pass moves the parameter to z: away from it to x, or from there back to y. Not at all
// before a tensor's first step, and where beta is so small that y does not tell x.
template <bool Evaluating>
PANOPTIM_DEVICE float pass_weight(const Preparation &preparation, double beta) {
    const auto away = static_cast<float>(1 - 1 / beta);
    const float weight = Evaluating ? away : static_cast<float>(1 - beta);
    return preparation.count != 0 && finite(away) ? weight : 0.0F;
}

PANOPTIM_DEVICE void move_in_pass(float weight, Element &element) {
    const float moved = element.parameter + weight * (element.slot[0] - element.parameter);
    element.parameter = weight != 0 ? moved : element.parameter;
}

} // namespace PANOPTIM_TIER
} // namespace panoptim
