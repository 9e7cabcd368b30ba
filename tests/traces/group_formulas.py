"""Rules that take sums, or keep states for all of a group, in numpy, after their authors' programs.

They take sums over tensors and over all of a group, so each function takes a step of a group. It is
given the values, gradients and states of the parameters that have a gradient, by name, and the
states that are the rule's own; the states are empty before the first step. It returns the new
values, the new states and the rule's, and changes nothing in place. The keyword defaults are the
authors'.

Precision and decoupled weight decay are as in formulas.py. Which order the programs sum in depends
on the device, so sums have none here: they are exact (of products that are exact in double for
float32 arrays), rounded to double once. The rule's own states are double in both precisions.
"""

import math

import numpy as np


def lamb(
    p, g, states, rule, counts, *,
    lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-6, weight_decay=0.01, max_grad_norm=1.0,
):
    """LAMB, after NVIDIA/apex, csrc/multi_tensor_lamb.cu (You et al. 2020, arXiv:1904.00962), with
    averaged gradients, bias correction and decoupled weight decay, all of which are its defaults.

    `counts` are the numbers of the parameters' steps, from 1; Apex counts the group's instead, and
    notes that it does so for simplicity. The two differ only where gradients are missing.
    """
    norm = math.sqrt(sum(_dot(array, array) for array in g.values()))
    shrink = norm / max_grad_norm if norm > max_grad_norm else 1.0
    values, moments = {}, {}
    for name, value in p.items():
        state = states.get(name) or _zeros(value, "exp_avg", "exp_avg_sq")
        gradient = g[name] / shrink
        exp_avg = beta1 * state["exp_avg"] + (1 - beta1) * gradient
        exp_avg_sq = beta2 * state["exp_avg_sq"] + (1 - beta2) * (gradient * gradient)
        unbiased = exp_avg / (1 - beta1 ** counts[name])
        root = np.sqrt(exp_avg_sq / (1 - beta2 ** counts[name])) + eps
        update = unbiased / root + weight_decay * value
        values[name] = value - lr * _trust(value, update, weight_decay) * update
        moments[name] = {"exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}
    return values, moments, rule


def _trust(value, update, weight_decay):
    """How much longer a parameter is than its update; 1 if either is zero, or nothing decays."""
    lengths = math.sqrt(_dot(value, value)), math.sqrt(_dot(update, update))
    return lengths[0] / lengths[1] if weight_decay != 0 and all(lengths) else 1.0


def prodigy(
    p, g, states, rule, counts, *,
    lr=1.0, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0,
    d0=1e-6, d_coef=1.0, growth_rate=math.inf, use_bias_correction=False,
):
    """Prodigy, after konstmish/prodigy, prodigyopt/prodigy.py (Mishchenko and Defazio 2023,
    arXiv:2306.06101), with its defaults: beta3 = sqrt(beta2), decoupled weight decay, no safeguard.

    `d` is the estimated distance to the solution, which scales the step; a step moves by the
    estimate of the step before. `k` counts the group's steps. Where there is nothing to estimate
    from, all gradients so far being zero, the step ends before anything moves.
    """
    rule = rule or {"d": d0, "d_max": d0, "d_numerator": 0.0, "k": 0, "dlr": 0.0}
    d, k = rule["d"], rule["k"]
    beta3 = math.sqrt(beta2)
    rate = d * lr
    if use_bias_correction:
        rate *= (1 - beta2 ** (k + 1)) ** 0.5 / (1 - beta1 ** (k + 1))
    averages = {}
    numerator, denominator = beta3 * rule["d_numerator"], 0.0
    for name, value in p.items():
        state = states.get(name) or _zeros(value, "exp_avg", "exp_avg_sq", "s") | {"p0": value}
        numerator += d / d0 * rate * _dot(g[name], state["p0"] - value)
        averages[name] = {
            "exp_avg": beta1 * state["exp_avg"] + d * (1 - beta1) * g[name],
            "exp_avg_sq": beta2 * state["exp_avg_sq"] + d * d * (1 - beta2) * (g[name] * g[name]),
            "s": beta3 * state["s"] + d / d0 * rate * g[name],
            "p0": state["p0"],
        }
        denominator += math.fsum(np.abs(averages[name]["s"]).astype(float).flat)
    if denominator == 0:
        return p, averages, rule

    estimate = d_coef * numerator / denominator
    first = max(d, estimate) if d == d0 else d
    d_max = max(rule["d_max"], estimate)
    d = min(d_max, first * growth_rate)
    values = {}
    for name, value in p.items():
        root = np.sqrt(averages[name]["exp_avg_sq"]) + d * eps
        update = rate * averages[name]["exp_avg"] / root
        values[name] = value - (rate * weight_decay * value + update)
    return values, averages, {"d": d, "d_max": d_max, "d_numerator": numerator, "k": k + 1, "dlr": rate}


def swats(
    p, g, states, rule, counts, *,
    lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-3, weight_decay=0.0, nesterov=False,
):
    """SWATS, after jettify/pytorch-optimizer, torch_optimizer/swats.py (Keskar and Socher 2017,
    arXiv:1712.07628), with a group for each parameter, and with a momentum buffer of its own: the
    program's is the same tensor as the step, and is scaled with it.

    `sgd_lr` is the learning rate that was found for SGD; it is 0 before.
    """
    values, kept = {}, {}
    for name, value in p.items():
        state = states.get(name) or (
            _zeros(value, "exp_avg", "exp_avg_sq", "momentum_buffer")
            | _zeros(np.zeros((), value.dtype), "exp_avg2", "sgd_lr"))
        gradient = g[name] + weight_decay * value
        if state["sgd_lr"] != 0:
            buffer = beta1 * state["momentum_buffer"] + gradient
            step = (1 - beta1) * buffer
            if nesterov:
                step = step + beta1 * buffer
            values[name] = value - state["sgd_lr"] * step
            kept[name] = state | {"momentum_buffer": buffer}
            continue
        exp_avg = state["exp_avg"] + (1 - beta1) * (gradient - state["exp_avg"])
        exp_avg_sq = beta2 * state["exp_avg_sq"] + (1 - beta2) * (gradient * gradient)
        corrections = 1 - beta1 ** counts[name], 1 - beta2 ** counts[name]
        rate = lr * math.sqrt(corrections[1]) / corrections[0]
        step = -rate * (exp_avg / (np.sqrt(exp_avg_sq) + eps))
        values[name] = value + step
        kept[name] = state | {"exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}
        along = _dot(step, gradient)
        if along != 0:
            projected = _dot(step, step) / -along
            exp_avg2 = beta2 * state["exp_avg2"] + (1 - beta2) * projected
            corrected = float(exp_avg2) / corrections[1]
            kept[name]["exp_avg2"] = exp_avg2
            close = abs(corrected - projected) <= 1e-8 + 1e-6 * abs(projected)
            if counts[name] > 1 and close and corrected > 0:
                kept[name]["sgd_lr"] = value.dtype.type(corrected)
    return values, kept, rule


def novograd(
    p, g, states, rule, counts, *,
    lr=1e-3, beta1=0.95, beta2=0.98, eps=1e-8, weight_decay=0.0, grad_averaging=False,
):
    """NovoGrad, after huggingface/pytorch-image-models, timm/optim/nvnovograd.py (Ginsburg et al.
    2019, arXiv:1905.11286).

    `exp_avg_sq` is one number a parameter; where it is zero, the squared norm takes its place.
    """
    values, averages = {}, {}
    for name, value in p.items():
        state = states.get(name) or _zeros(value, "exp_avg") | {"exp_avg_sq": 0.0}
        squares, average = _dot(g[name], g[name]), float(state["exp_avg_sq"])
        average = squares if average == 0 else beta2 * average + (1 - beta2) * squares
        term = g[name] / (math.sqrt(average) + eps) + weight_decay * value
        exp_avg = beta1 * state["exp_avg"] + (1 - beta1 if grad_averaging else 1.0) * term
        values[name] = value - lr * exp_avg
        averages[name] = {"exp_avg": exp_avg, "exp_avg_sq": value.dtype.type(average)}
    return values, averages, rule


def lars(
    p, g, states, rule, counts, *,
    lr=1.0, momentum=0.0, dampening=0.0, trust_coeff=1e-3, eps=1e-8, weight_decay=0.0,
    nesterov=False, trust_clip=False, always_adapt=False,
):
    """LARS, after huggingface/pytorch-image-models, timm/optim/lars.py (You et al. 2017,
    arXiv:1708.03888): SGD on gradients, decay included, that are scaled to the parameter's norm."""
    values, buffers = {}, {}
    for name, value in p.items():
        ratio = 1.0
        if weight_decay != 0 or always_adapt:
            lengths = math.sqrt(_dot(value, value)), math.sqrt(_dot(g[name], g[name]))
            if all(lengths):
                ratio = trust_coeff * lengths[0] / (lengths[1] + lengths[0] * weight_decay + eps)
            if trust_clip:
                ratio = min(ratio / lr, 1.0)
        gradient = (g[name] + weight_decay * value) * ratio
        step, buffers[name] = gradient, {}
        if momentum != 0:
            buffer = gradient
            if name in states:
                buffer = momentum * states[name]["momentum_buffer"] + (1 - dampening) * gradient
            step = gradient + momentum * buffer if nesterov else buffer
            buffers[name] = {"momentum_buffer": buffer}
        values[name] = value - lr * step
    return values, buffers, rule


def tiger(p, g, states, rule, counts, *, lr=1e-3, beta=0.965, weight_decay=0.01):
    """Tiger, after bojone/tiger, tiger.py (Su 2023, kexue.fm/archives/9512), as it treats weights
    that are no embeddings: neither biases nor what belongs to a normalization."""
    values, averages = {}, {}
    for name, value in p.items():
        rate = lr * math.sqrt(_dot(value, value) / value.size)
        m = beta * (states.get(name) or _zeros(value, "m"))["m"] + (1 - beta) * g[name]
        values[name] = value - (rate * weight_decay * value + rate * np.sign(m))
        averages[name] = {"m": m}
    return values, averages, rule


def dadapt_adam(
    p, g, states, rule, counts, *,
    lr=1.0, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0, decouple=False,
    use_bias_correction=False, d0=1e-6, growth_rate=math.inf,
):
    """D-Adaptation of Adam, after facebookresearch/dadaptation, dadaptation/dadapt_adam.py (Defazio
    and Mishchenko 2023, arXiv:2301.07733), with all layers of one scale.

    `d` only grows, and a step moves by that of the step before. Where there is nothing to estimate
    from, all gradients so far being zero, the step ends before anything moves.
    """
    rule = rule or {"d": d0, "numerator_weighted": 0.0, "k": 0, "dlr": 0.0}
    d, k, root_beta2 = rule["d"], rule["k"], math.sqrt(beta2)
    rate = d * lr
    if use_bias_correction:
        rate *= (1 - beta2 ** (k + 1)) ** 0.5 / (1 - beta1 ** (k + 1))
    averages = {}
    numerator, magnitude = 0.0, 0.0
    for name, value in p.items():
        state = states.get(name) or _zeros(value, "exp_avg", "exp_avg_sq", "s")
        gradient = g[name] if decouple else g[name] + weight_decay * value
        numerator += rate * _dot(gradient, state["s"] / (np.sqrt(state["exp_avg_sq"]) + eps))
        averages[name] = {
            "exp_avg": beta1 * state["exp_avg"] + rate * (1 - beta1) * gradient,
            "exp_avg_sq": beta2 * state["exp_avg_sq"] + (1 - beta2) * (gradient * gradient),
            "s": root_beta2 * state["s"] + rate * (1 - root_beta2) * gradient,
        }
        magnitude += math.fsum(np.abs(averages[name]["s"]).astype(float).flat)
    if magnitude == 0:
        return p, averages, rule

    weighted = root_beta2 * rule["numerator_weighted"] + (1 - root_beta2) * numerator
    d = max(d, min(weighted / ((1 - root_beta2) * magnitude), d * growth_rate))
    values = {}
    for name, value in p.items():
        update = averages[name]["exp_avg"] / (np.sqrt(averages[name]["exp_avg_sq"]) + eps)
        decay = rate * weight_decay * value if decouple else 0.0
        values[name] = value - (decay + update)
    return values, averages, {"d": d, "numerator_weighted": weighted, "k": k + 1, "dlr": rate}


def dadapt_sgd(
    p, g, states, rule, counts, *,
    lr=1.0, momentum=0.0, weight_decay=0.0, d0=1e-6, growth_rate=math.inf,
):
    """D-Adaptation of SGD, after facebookresearch/dadaptation, dadaptation/dadapt_sgd.py (Defazio
    and Mishchenko 2023, arXiv:2301.07733).

    `g0_norm` is the norm of the gradients of the group's first step, without decay as in the
    program. Where it is zero, the program divides by it, and this ends before anything moves.
    """
    rule = rule or {"d": d0, "numerator_weighted": 0.0, "g0_norm": 0.0, "k": 0, "dlr": 0.0}
    states = {
        name: states.get(name) or _zeros(value, "s") | {"x0": value} for name, value in p.items()
    }
    d, norm = rule["d"], rule["g0_norm"]
    if rule["k"] == 0:
        norm = math.sqrt(sum(_dot(array, array) for array in g.values()))
    if norm == 0:
        return p, states, rule

    rate = d * lr / norm
    weighted, squares, sums = rule["numerator_weighted"], 0.0, {}
    for name, value in p.items():
        gradient = g[name] + weight_decay * value
        weighted += rate * _dot(gradient, states[name]["s"])
        sums[name] = states[name]["s"] + rate * gradient
        squares += _dot(sums[name], sums[name])
    d = max(d, min(2 * weighted / math.sqrt(squares), d * growth_rate))
    values = {
        name: momentum * value + (1 - momentum) * (states[name]["x0"] - sums[name])
        for name, value in p.items()
    }
    states = {name: {"s": sums[name], "x0": states[name]["x0"]} for name in p}
    return values, states, {
        "d": d, "numerator_weighted": weighted, "g0_norm": norm, "k": rule["k"] + 1, "dlr": rate,
    }


def schedule_free_adamw(
    p, g, states, rule, counts, *,
    lr=2.5e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0,
    warmup_steps=0, r=0.0, weight_lr_power=2.0,
):
    """Schedule-Free AdamW, after facebookresearch/schedule_free, schedulefree/adamw_schedulefree.py
    (Defazio et al. 2024, arXiv:2405.15682), without inner momentum.

    The parameters are y, where gradients are taken. `counts` are not asked: the second moment is
    corrected by the number of the group's steps.
    """
    rule, rate, c = _averaging(rule, lr, warmup_steps, r, weight_lr_power)
    inverse_root_correction = 1 / math.sqrt(1 - beta2 ** rule["k"])
    values, averages = {}, {}
    for name, y in p.items():
        state = states.get(name) or {"z": y} | _zeros(y, "exp_avg_sq")
        exp_avg_sq = beta2 * state["exp_avg_sq"] + (1 - beta2) * (g[name] * g[name])
        update = g[name] / (np.sqrt(exp_avg_sq) * inverse_root_correction + eps)
        update = update + weight_decay * y
        values[name] = y + c * (state["z"] - y) - rate * (1 - beta1 * (1 - c)) * update
        averages[name] = {"z": state["z"] - rate * update, "exp_avg_sq": exp_avg_sq}
    return values, averages, rule


def schedule_free_sgd(
    p, g, states, rule, counts, *,
    lr=1.0, momentum=0.9, weight_decay=0.0, warmup_steps=0, r=0.0, weight_lr_power=2.0,
):
    """Schedule-Free SGD, after facebookresearch/schedule_free, schedulefree/sgd_schedulefree.py
    (Defazio et al. 2024, arXiv:2405.15682). The parameters are y, where gradients are taken."""
    rule, rate, c = _averaging(rule, lr, warmup_steps, r, weight_lr_power)
    values, averages = {}, {}
    for name, y in p.items():
        z = states[name]["z"] if name in states else y
        update = g[name] + weight_decay * y
        values[name] = y + c * (z - y) - rate * (1 - momentum * (1 - c)) * update
        averages[name] = {"z": z - rate * update}
    return values, averages, rule


def _averaging(rule, lr, warmup_steps, r, weight_lr_power):
    """The schedule-free rules' own states after a step, its learning rate and its weight."""
    rule = rule or {"k": 0, "weight_sum": 0.0, "lr_max": -1.0}
    k = rule["k"]
    rate = lr * ((k + 1) / warmup_steps if k < warmup_steps else 1.0)
    lr_max = max(rate, rule["lr_max"])
    weight = (k + 1) ** r * lr_max**weight_lr_power
    weight_sum = rule["weight_sum"] + weight
    rule = {"k": k + 1, "weight_sum": weight_sum, "lr_max": lr_max, "scheduled_lr": rate}
    return rule, rate, weight / weight_sum if weight_sum else 0.0


def _zeros(value, *slots):
    return {slot: np.zeros_like(value) for slot in slots}


def _dot(left, right):
    """The sum of the products of two arrays."""
    return math.fsum((left.astype(float) * right.astype(float)).flat)
