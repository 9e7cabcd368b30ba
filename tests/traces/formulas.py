"""Rules that PyTorch does not have, in numpy: written after their authors' programs, and AdaFisher
and LaProp after their papers. Muon is here although PyTorch has it, as it computes in bfloat16 there.

Each function takes one parameter's value and gradient and its states by name, and returns the new
value and the new states; nothing is changed in place. A `curvature` is given on the steps that
refresh it; `count` is the number of the parameter's step, from 1. The keyword defaults are the
authors'.

The functions work in the precision of the arrays they are given. Numpy (from version 2) computes
an expression of Python numbers in double and rounds it once to the array's type where it meets
the array, so `lr * weight_decay * p` on float32 is the product of two doubles, rounded to float32,
times p. With the operations in the order written here, a float32 result is defined to the bit.

Decoupled weight decay is subtracted together with the update, p - (lr weight_decay p + update),
and not multiplied in as p (1 - lr weight_decay): the two are equal in exact arithmetic, but
1 - lr weight_decay rounds a small decay away in float32.
"""

import math

import numpy as np


def lion(p, g, exp_avg, *, lr=1e-4, beta1=0.9, beta2=0.99, weight_decay=0.0):
    """Lion, after google/automl, lion/lion_pytorch.py (Chen et al. 2023, arXiv:2302.06675).

    The step's direction is the sign of one average of momentum and gradient, with sign(0) = 0; the
    momentum that is kept is another.
    """
    direction = np.sign(beta1 * exp_avg + (1 - beta1) * g)
    p = p - (lr * weight_decay * p + lr * direction)
    exp_avg = beta2 * exp_avg + (1 - beta2) * g
    return p, {"exp_avg": exp_avg}


def sophia_g(
    p, g, exp_avg, hessian, curvature=None, *,
    lr=1e-4, beta1=0.965, beta2=0.99, rho=0.04, weight_decay=0.1, batch_size=5120, maximize=False,
):
    """Sophia-G, after Liuhong99/Sophia, sophia.py (Liu et al. 2023, arXiv:2305.14342).

    `curvature` is the gradient of the batch's mean loss on labels sampled from the model itself
    (Gauss-Newton-Bartlett). Batch size times its square estimates the diagonal of the Hessian; the
    state holds the average of the squares, and the batch size comes in with rho at the update.
    """
    if maximize:
        g = -g
    if curvature is not None:
        hessian = beta2 * hessian + (1 - beta2) * (curvature * curvature)
    exp_avg = beta1 * exp_avg + (1 - beta1) * g
    ratio = np.minimum(np.abs(exp_avg) / (rho * batch_size * hessian + 1e-15), 1.0)
    p = p - (lr * weight_decay * p + lr * (np.sign(exp_avg) * ratio))
    return p, {"exp_avg": exp_avg, "hessian": hessian}


def sophia_h(
    p, g, exp_avg, hessian, curvature=None, *,
    lr=6e-2, beta1=0.96, beta2=0.99, clip=1e-2, eps=1e-12, weight_decay=0.0,
):
    """Sophia-H, after kozistr/pytorch_optimizer, pytorch_optimizer/optimizer/sophia.py.

    `curvature` is Hutchinson's estimate v * Hv of the diagonal of the Hessian, for a random v. It
    may be negative; where its average is below eps, eps stands in.
    """
    if curvature is not None:
        hessian = beta2 * hessian + (1 - beta2) * curvature
    exp_avg = beta1 * exp_avg + (1 - beta1) * g
    update = np.clip(exp_avg / np.maximum(hessian, eps), -clip, clip)
    p = p - (lr * weight_decay * p + lr * update)
    return p, {"exp_avg": exp_avg, "hessian": hessian}


def ada_fisher(
    p, g, exp_avg, fisher, count, curvature=None, *,
    lr=1e-3, beta1=0.9, damping=1e-3, weight_decay=0.0, maximize=False,
):
    """AdaFisher, after the equations of Gomes et al. 2025 (ICLR 2025, arXiv:2405.16397), in the
    variant with decoupled weight decay, AdaFisherW.

    `curvature` is the diagonal of the Fisher information, a Kronecker product of normalised
    diagonals, without the damping. It is a property of the model, which climbing does not change.
    """
    if maximize:
        g = -g
    if curvature is not None:
        fisher = curvature
    exp_avg = beta1 * exp_avg + (1 - beta1) * g
    update = lr / (1 - beta1**count) * (exp_avg / (fisher + damping))
    p = p - (lr * weight_decay * p + update)
    return p, {"exp_avg": exp_avg, "fisher": fisher}


def adabound(
    p, g, exp_avg, exp_avg_sq, count, max_exp_avg_sq=None, *,
    lr=1e-3, beta1=0.9, beta2=0.999, final_lr=0.1, gamma=1e-3, eps=1e-8, weight_decay=0.0,
    amsbound=False,
):
    """AdaBound, after Luolc/AdaBound, adabound/adabound.py (Luo et al. 2019, arXiv:1902.09843).

    The learning rate is the one it began with, so final_lr is not scaled. The average of gradients
    is moved towards the gradient, as PyTorch does it (in exact arithmetic that is the same).
    """
    g = g + weight_decay * p
    exp_avg = exp_avg + (1 - beta1) * (g - exp_avg)
    exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * (g * g)
    state = {"exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}
    second = exp_avg_sq
    if amsbound:
        second = state["max_exp_avg_sq"] = np.maximum(max_exp_avg_sq, exp_avg_sq)
    step_size = lr * math.sqrt(1 - beta2**count) / (1 - beta1**count)
    lower = final_lr * (1 - 1 / (gamma * count + 1))
    upper = final_lr * (1 + 1 / (gamma * count))
    rate = np.clip(step_size / (np.sqrt(second) + eps), lower, upper)
    return p - rate * exp_avg, state


def adabelief(
    p, g, exp_avg, exp_avg_var, count, *,
    lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-16, weight_decay=0.0, rectify=True,
):
    """AdaBelief, after juntang-zhuang/Adabelief-Optimizer, adabelief_pytorch 0.2.0, AdaBelief.py
    (Zhuang et al. 2020, arXiv:2010.07468), with decoupled weight decay and without AMSGrad.

    Epsilon is added to the state in place, and so stays in it. The average of gradients is moved
    towards the gradient, as PyTorch does it (in exact arithmetic that is the same).
    """
    exp_avg = exp_avg + (1 - beta1) * (g - exp_avg)
    residual = g - exp_avg
    exp_avg_var = beta2 * exp_avg_var + (1 - beta2) * (residual * residual)
    exp_avg_var = exp_avg_var + eps
    step_size = lr / (1 - beta1**count)
    root_correction = math.sqrt(1 - beta2**count)
    if not rectify:
        direction = exp_avg / (np.sqrt(exp_avg_var) * (1 / root_correction) + eps)
    elif (length := _average_length(beta2, count)) >= 5:
        step_size *= root_correction * _rectification(beta2, length)
        direction = exp_avg / (np.sqrt(exp_avg_var) + eps)
    else:
        direction = exp_avg
    p = p - (lr * weight_decay * p + step_size * direction)
    return p, {"exp_avg": exp_avg, "exp_avg_var": exp_avg_var}


def _average_length(beta, count):
    """The length of the simple average that an exponential one of so many numbers resembles."""
    return 2 / (1 - beta) - 1 - 2 * count * beta**count / (1 - beta**count)


def _rectification(beta, length):
    """How much shorter a step is whose second moment is an average of this length."""
    most = 2 / (1 - beta) - 1
    return math.sqrt(
        (length - 4) / (most - 4) * (length - 2) / length * most / (most - 2))


def adan(
    p, g, exp_avg, exp_avg_sq, exp_avg_diff, neg_pre_grad, count, *,
    lr=1e-3, beta1=0.98, beta2=0.92, beta3=0.99, eps=1e-8, weight_decay=0.0, no_prox=False,
):
    """Adan, after sail-sg/Adan, adan.py (Xie et al. 2024, arXiv:2208.06677), without its clipping.

    Its betas are the weights of what the averages were. The first difference is zero, and the last
    gradient is kept with its sign turned. The program divides by 1 + lr weight_decay at the end,
    unless `no_prox`; the same is subtracted here, as above.
    """
    change = np.zeros_like(g) if count == 1 else neg_pre_grad + g
    exp_avg = beta1 * exp_avg + (1 - beta1) * g
    exp_avg_diff = beta2 * exp_avg_diff + (1 - beta2) * change
    ahead = beta2 * change + g
    exp_avg_sq = beta3 * exp_avg_sq + (1 - beta3) * (ahead * ahead)
    root = np.sqrt(exp_avg_sq) / math.sqrt(1 - beta3**count) + eps
    update = lr / (1 - beta1**count) * exp_avg / root
    update = update + lr * beta2 / (1 - beta2**count) * exp_avg_diff / root
    if no_prox:
        p = p - (lr * weight_decay * p + update)
    else:
        p = p - (lr * weight_decay / (1 + lr * weight_decay) * (p - update) + update)
    return p, {
        "exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq, "exp_avg_diff": exp_avg_diff,
        "neg_pre_grad": -g,
    }


def yogi(
    p, g, mu, nu, count, *,
    lr=1e-2, beta1=0.9, beta2=0.999, eps=1e-3, initial_accumulator_value=1e-6,
):
    """Yogi, after optax, optax/_src/transform.py, scale_by_yogi (Zaheer et al. 2018).

    Both moments begin at the initial value, and both are corrected for their bias.
    """
    if count == 1:
        mu = nu = np.full_like(p, initial_accumulator_value)
    square = g * g
    mu = (1 - beta1) * g + beta1 * mu
    nu = nu - (1 - beta2) * np.sign(nu - square) * square
    root = np.sqrt(nu / (1 - beta2**count)) + eps
    p = p - lr * (mu / (1 - beta1**count) / root)
    return p, {"mu": mu, "nu": nu}


def laprop(
    p, g, exp_avg, exp_avg_sq, count, *,
    lr=4e-4, beta1=0.9, beta2=0.999, eps=1e-15, weight_decay=0.0,
):
    """LaProp, after the algorithm of Ziyin, Wang and Ueda 2020 (arXiv:2002.04839).

    The decay, after the step, is that of timm, timm/optim/laprop.py. Both timm's and the authors'
    program multiply the average by the learning rate, which makes no difference to the parameters
    while the rate stays.
    """
    exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * (g * g)
    root = np.sqrt(exp_avg_sq / (1 - beta2**count)) + eps
    exp_avg = beta1 * exp_avg + (1 - beta1) * (g / root)
    update = lr * (exp_avg / (1 - beta1**count))
    p = p - (lr * weight_decay * (p - update) + update)
    return p, {"exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}


def adopt(
    p, g, exp_avg, exp_avg_sq, count, *,
    lr=1e-3, beta1=0.9, beta2=0.9999, eps=1e-6, weight_decay=0.0, decouple=False,
):
    """ADOPT, after iShohei220/adopt, src/adopt/adopt.py (Taniguchi et al. 2024, arXiv:2411.02853),
    with its default clipping.

    The first step only squares the gradient; what divides is of the steps before.
    """
    if not decouple:
        g = g + weight_decay * p
    if count == 1:
        return p, {"exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq + g * g}
    clip = (count - 1) ** 0.25
    ratio = np.clip(g / np.maximum(np.sqrt(exp_avg_sq), eps), -clip, clip)
    exp_avg = exp_avg + (1 - beta1) * (ratio - exp_avg)
    p = p - ((lr * weight_decay if decouple else 0.0) * p + lr * exp_avg)
    exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * (g * g)
    return p, {"exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}


def ademamix(
    p, g, exp_avg_fast, exp_avg_slow, exp_avg_sq, count, *,
    lr=1e-3, beta1=0.9, beta2=0.999, beta3=0.9999, alpha=2.0, eps=1e-8, weight_decay=0.0,
    alpha_warmup=0, beta3_warmup=0,
):
    """AdEMAMix, after apple/ml-ademamix, pytorch/ademamix.py (Pagliardini et al. 2024,
    arXiv:2409.03137), whose warm-ups of None are of 0 steps here.
    """
    if count < alpha_warmup:
        alpha = count / alpha_warmup * alpha
    if count < beta3_warmup:
        way = count / beta3_warmup
        steps = (1 - way) * _half_life(beta1) + way * _half_life(beta3)
        beta3 = math.pow(0.5, 1 / (steps + 1))
    exp_avg_fast = beta1 * exp_avg_fast + (1 - beta1) * g
    exp_avg_slow = beta3 * exp_avg_slow + (1 - beta3) * g
    exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * (g * g)
    root = np.sqrt(exp_avg_sq) / math.sqrt(1 - beta2**count) + eps
    update = (exp_avg_fast / (1 - beta1**count) + alpha * exp_avg_slow) / root
    p = p - (lr * weight_decay * p + lr * update)
    return p, {
        "exp_avg_fast": exp_avg_fast, "exp_avg_slow": exp_avg_slow, "exp_avg_sq": exp_avg_sq,
    }


def _half_life(beta):
    """After how many steps, less one, half of a value is left in an average."""
    return math.log(0.5) / math.log(beta + 1e-8) - 1


def stable_adamw(
    p, g, exp_avg, exp_avg_sq, count, *,
    lr=1e-3, beta1=0.9, beta2=0.99, eps=1e-6, weight_decay=1e-2, maximize=False,
):
    """StableAdamW, after warner-benjamin/optimi, optimi/stableadamw.py (Wortsman et al. 2023,
    arXiv:2304.13013), without Kahan sums and fully decoupled decay.

    The averages are corrected for their beginning as they advance, by decays that are smaller at
    first. The mean is of an exact sum.
    """
    if maximize:
        g = -g
    decay1, decay2 = _debiased(beta1, count), _debiased(beta2, count)
    exp_avg = exp_avg + (1 - decay1) * (g - exp_avg)
    exp_avg_sq = decay2 * exp_avg_sq + (1 - decay2) * (g * g)
    ratio = g * g / np.maximum(exp_avg_sq, eps * eps)
    mean = math.fsum(ratio.astype(float).flat) / ratio.size
    rate = lr / max(1.0, math.sqrt(mean))
    update = rate * (exp_avg / (np.sqrt(exp_avg_sq) + eps))
    p = p - (rate * weight_decay * p + update)
    return p, {"exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}


def _debiased(beta, count):
    """The decay that an average has in a step so that it has no bias after it."""
    return (beta**count - beta) / (beta**count - 1)


def mars(
    p, g, exp_avg, exp_avg_sq, last_grad, count, *,
    lr=3e-3, beta1=0.9, beta2=0.99, gamma=0.025, eps=1e-8, weight_decay=0.0, optimize_1d=False,
):
    """MARS, after timm, timm/optim/mars.py (Yuan et al. 2024, arXiv:2411.10438), of the type
    "adamw", with the same decays and rate for all parameters.

    The sum of the norm is exact. Of a parameter of fewer than two dimensions the gradient counts as
    it is, unless `optimize_1d`, and so it does in the first step.
    """
    c = g
    if (optimize_1d or p.ndim >= 2) and count > 1:
        c = (g - last_grad) * (gamma * (beta1 / (1 - beta1))) + g
        norm = math.sqrt(math.fsum((c.astype(float) ** 2).flat))
        if norm > 1:
            c = c / norm
    exp_avg = beta1 * exp_avg + (1 - beta1) * c
    exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * (c * c)
    root = np.sqrt(exp_avg_sq) / math.sqrt(1 - beta2**count) + eps
    update = lr * (exp_avg / (1 - beta1**count) / root)
    p = p - (lr * weight_decay * p + update)
    return p, {"exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq, "last_grad": g}


def signum(p, g, momentum_buffer, *, lr=1e-3, momentum=0.9, weight_decay=0.0):
    """Signum, after kozistr/pytorch_optimizer, pytorch_optimizer/optimizer/sgd.py, SignSGD with its
    decoupled weight decay (Bernstein et al. 2018, arXiv:1802.04434)."""
    momentum_buffer = momentum * momentum_buffer + (1 - momentum) * g
    p = p - (lr * weight_decay * p + lr * np.sign(momentum_buffer))
    return p, {"momentum_buffer": momentum_buffer}


def muon(
    p, g, momentum_buffer, *,
    lr=1e-3, weight_decay=0.1, momentum=0.95, nesterov=True, ns_a=3.4445, ns_b=-4.775, ns_c=2.0315,
    eps=1e-7, ns_steps=5, match_rms_adamw=False,
):
    """Muon, after PyTorch, torch/optim/_muon.py, whose iteration is in bfloat16; here it is in the
    precision of the arrays, with sums that are exact and rounded once for each product of matrices.

    A parameter of more than two dimensions is a matrix with a row for each index of the first.
    """
    momentum_buffer = momentum * momentum_buffer + (1 - momentum) * g
    u = momentum * momentum_buffer + (1 - momentum) * g if nesterov else momentum_buffer
    u = u.reshape(len(u), -1)
    rows, columns = u.shape
    x = u if rows <= columns else u.T
    norm = max(math.sqrt(math.fsum((x.astype(float) ** 2).flat)), eps)
    x = (x.astype(float) / norm).astype(p.dtype)
    for _ in range(ns_steps):
        gram = _product(x, x.T)
        x = ns_a * x + _product(ns_b * gram + ns_c * _product(gram, gram), x)
    if rows > columns:
        x = x.T
    scale = 0.2 * math.sqrt(max(rows, columns)) if match_rms_adamw else math.sqrt(max(1, rows / columns))
    p = p - (lr * weight_decay * p + lr * scale * x.reshape(p.shape))
    return p, {"momentum_buffer": momentum_buffer}


def _product(left, right):
    """The product of two matrices, each sum exact and rounded to the arrays' type."""
    return np.array(
        [[math.fsum((row.astype(float) * column.astype(float)).flat) for column in right.T]
         for row in left],
        left.dtype)
