"""Rules with a companion that changes the step itself, in numpy, after their authors' programs.

Cautious updates and decay are of one parameter, and taken as the functions in formulas.py are;
hypergradients are of a group, and taken as those in group_formulas.py are. Precision, decoupled
weight decay and sums are as there.
"""

import math

import numpy as np


def cautious_adamw(
    p, g, exp_avg, exp_avg_sq, count, *,
    lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2, maximize=False,
    cautious=False, cautious_weight_decay=False,
):
    """AdamW as PyTorch has it, with cautious updates after kyleliang919/C-Optim, c_adamw.py (Liang
    et al. 2024, arXiv:2411.16085), and cautious decay after microsoft/dion, dion/scalar_opts.py
    (Chen et al. 2025, arXiv:2510.12402), whose masks look at the average of gradients.
    """
    if maximize:
        g = -g
    exp_avg = exp_avg + (1 - beta1) * (g - exp_avg)
    exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * (g * g)
    root = np.sqrt(exp_avg_sq) / math.sqrt(1 - beta2**count) + eps
    update = lr / (1 - beta1**count) * (exp_avg / root)
    decay = _decaying(exp_avg, p, cautious_weight_decay) * (lr * weight_decay)
    p = p - (decay * p + update * _agreeing(exp_avg, g, cautious))
    return p, {"exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}


def cautious_lion(
    p, g, exp_avg, *,
    lr=1e-4, beta1=0.9, beta2=0.99, weight_decay=0.0, cautious=False, cautious_weight_decay=False,
):
    """Lion with cautious updates after huggingface/pytorch-image-models, timm/optim/lion.py, and
    cautious decay after microsoft/dion, dion/scalar_opts.py.

    C-Optim's own c_lion.py still divides by (agreeing + 1) / all, which its c_adamw.py gave up for
    the mean.
    """
    direction = np.sign(beta1 * exp_avg + (1 - beta1) * g)
    decay = _decaying(direction, p, cautious_weight_decay) * (lr * weight_decay)
    p = p - (decay * p + lr * direction * _agreeing(direction, g, cautious))
    exp_avg = beta2 * exp_avg + (1 - beta2) * g
    return p, {"exp_avg": exp_avg}


def _agreeing(direction, g, cautious):
    """What an update is multiplied by: where it goes with the gradient, one over the share of the
    parameter's elements of which that is so; elsewhere zero."""
    if not cautious:
        return np.ones_like(g)
    mask = (direction * g > 0).astype(g.dtype)
    return mask * (1 / max(int(np.count_nonzero(mask)) / mask.size, 1e-3))


def _decaying(direction, p, cautious_weight_decay):
    """One where a parameter decays: everywhere, or where its update does not lengthen it."""
    if not cautious_weight_decay:
        return np.ones_like(p)
    return (direction * p >= 0).astype(p.dtype)


def hypergradient_sgd(
    p, g, states, rule, counts, *, lr=1e-3, momentum=0.0, hypergradient=1e-6,
):
    """SGD whose learning rate follows its gradient, after gbaydin/hypergradient-descent,
    hypergrad/sgd_hd.py (Baydin et al. 2018, arXiv:1703.04782), without decay.

    `rate_factor` is the learning rate over the one that it began as.
    """
    rate = _adapted(rule, g, lr, hypergradient)
    values, buffers, directions = {}, {}, {}
    for name, value in p.items():
        directions[name], buffers[name] = g[name], {}
        if momentum != 0:
            buffer = g[name]
            if name in states:
                buffer = momentum * states[name]["momentum_buffer"] + g[name]
            directions[name], buffers[name] = buffer, {"momentum_buffer": buffer}
        values[name] = value - rate * directions[name]
    return values, buffers, _kept(rate, lr, directions)


def hypergradient_adam(
    p, g, states, rule, counts, *,
    lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, hypergradient=1e-8,
):
    """Adam as PyTorch has it, whose learning rate follows its gradient, after
    gbaydin/hypergradient-descent, hypergrad/adam_hd.py (Baydin et al. 2018), without decay.

    As in the paper one learning rate is found before the step and taken by all parameters; the
    program moves it on from one parameter to the next.
    """
    rate = _adapted(rule, g, lr, hypergradient)
    values, averages, directions = {}, {}, {}
    for name, value in p.items():
        state = states.get(name) or {slot: np.zeros_like(value) for slot in ("exp_avg", "exp_avg_sq")}
        exp_avg = state["exp_avg"] + (1 - beta1) * (g[name] - state["exp_avg"])
        exp_avg_sq = beta2 * state["exp_avg_sq"] + (1 - beta2) * (g[name] * g[name])
        root = np.sqrt(exp_avg_sq) / math.sqrt(1 - beta2 ** counts[name]) + eps
        directions[name] = exp_avg / (1 - beta1 ** counts[name]) / root
        values[name] = value - rate * directions[name]
        averages[name] = {"exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}
    return values, averages, _kept(rate, lr, directions)


def _adapted(rule, g, lr, hypergradient):
    """The learning rate of this step: its derivative of the loss is minus the gradient times the
    direction of the last update."""
    if not rule:
        return lr
    assert rule["directions"].keys() == g.keys(), "the programs differ on what a gap means"
    products = sum(
        math.fsum((g[name].astype(float) * direction.astype(float)).flat)
        for name, direction in rule["directions"].items())
    return rule["rate"] + hypergradient * products


def _kept(rate, lr, directions):
    return {"rate": rate, "rate_factor": rate / lr, "directions": directions}
