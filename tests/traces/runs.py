"""Optimizers that take one step at a time on named numpy arrays: PyTorch's, and our formulas."""

import os
from contextlib import contextmanager

# PyTorch picks its kernels by processor; the baseline ones give the same bits on more machines.
os.environ["ATEN_CPU_CAPABILITY"] = "default"

import numpy as np  # noqa: E402
import torch  # noqa: E402

import companion_formulas  # noqa: E402
import formulas  # noqa: E402
import group_formulas  # noqa: E402

torch.set_num_threads(1)

TORCH_RULES = {
    "sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW,
    "adagrad": torch.optim.Adagrad, "nadam": torch.optim.NAdam, "adadelta": torch.optim.Adadelta,
    "rmsprop": torch.optim.RMSprop, "adamax": torch.optim.Adamax,
    "radam": torch.optim.RAdam, "adafactor": torch.optim.Adafactor,
}
TORCH_SLOTS = (
    "momentum_buffer", "exp_avg", "exp_avg_sq", "max_exp_avg_sq", "sum", "mu_product",
    "square_avg", "acc_delta", "grad_avg", "exp_inf", "row_var", "col_var", "variance",
)
# Those that PyTorch has no fused kernel of, and so no such argument.
UNFUSED = {"nadam", "adadelta", "rmsprop", "adamax", "radam", "adafactor"}
# Settings that are a pair there, by its name, each with its default.
TORCH_PAIRS = {"betas": {"beta1": 0.9, "beta2": 0.999}, "eps": {"eps1": 2**-23, "eps2": 1e-3}}
# Of which the default depends on the type, and float64's would be another rule.
ALWAYS_GIVEN = {"adafactor": "eps"}

FORMULAS = {
    "lion": (formulas.lion, ("exp_avg",)),
    "sophia-g": (formulas.sophia_g, ("exp_avg", "hessian")),
    "sophia-h": (formulas.sophia_h, ("exp_avg", "hessian")),
    "ada-fisher": (formulas.ada_fisher, ("exp_avg", "fisher")),
    "adabound": (formulas.adabound, ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")),
    "adabelief": (formulas.adabelief, ("exp_avg", "exp_avg_var")),
    "adan": (formulas.adan, ("exp_avg", "exp_avg_sq", "exp_avg_diff", "neg_pre_grad")),
    "yogi": (formulas.yogi, ("mu", "nu")),
    "laprop": (formulas.laprop, ("exp_avg", "exp_avg_sq")),
    "adopt": (formulas.adopt, ("exp_avg", "exp_avg_sq")),
    "stable-adamw": (formulas.stable_adamw, ("exp_avg", "exp_avg_sq")),
    "mars": (formulas.mars, ("exp_avg", "exp_avg_sq", "last_grad")),
    "ademamix": (formulas.ademamix, ("exp_avg_fast", "exp_avg_slow", "exp_avg_sq")),
    "signum": (formulas.signum, ("momentum_buffer",)),
    "muon": (formulas.muon, ("momentum_buffer",)),
    "cautious-adamw": (companion_formulas.cautious_adamw, ("exp_avg", "exp_avg_sq")),
    "cautious-lion": (companion_formulas.cautious_lion, ("exp_avg",)),
}
# Those that correct a bias, and so are told how many steps a parameter has taken.
COUNTING = {
    "ada-fisher", "adabound", "adabelief", "adan", "yogi", "laprop", "adopt", "ademamix",
    "stable-adamw", "mars", "cautious-adamw",
}
# With the states that are the rule's own.
GROUP_FORMULAS = {
    "lamb": (group_formulas.lamb, ()),
    "swats": (group_formulas.swats, ()),
    "prodigy": (group_formulas.prodigy, ("d", "d_max", "d_numerator", "k", "dlr")),
    "novograd": (group_formulas.novograd, ()),
    "lars": (group_formulas.lars, ()),
    "tiger": (group_formulas.tiger, ()),
    "schedule-free-adamw": (
        group_formulas.schedule_free_adamw, ("k", "weight_sum", "lr_max", "scheduled_lr")),
    "schedule-free-sgd": (
        group_formulas.schedule_free_sgd, ("k", "weight_sum", "lr_max", "scheduled_lr")),
    "dadapt-sgd": (
        group_formulas.dadapt_sgd, ("d", "numerator_weighted", "g0_norm", "k", "dlr")),
    "dadapt-adam": (group_formulas.dadapt_adam, ("d", "numerator_weighted", "k", "dlr")),
    "hypergradient-sgd": (companion_formulas.hypergradient_sgd, ("rate_factor",)),
    "hypergradient-adam": (companion_formulas.hypergradient_adam, ("rate_factor",)),
}
# Companions that change the step itself, by the settings that ask for them.
WITHIN_STEP = {
    "cautious": "cautious", "cautious_weight_decay": "cautious", "hypergradient": "hypergradient",
}


def start(rule, settings, initial, dtype):
    """An optimizer `rule` in the precision `dtype`, with the parameters at `initial`."""
    for key in WITHIN_STEP.keys() & settings.keys():
        rule = f"{WITHIN_STEP[key]}-{rule}"
        break
    kind = (TorchRun if rule in TORCH_RULES else GroupRun if rule in GROUP_FORMULAS
            else FormulaRun)
    return kind(rule, settings, initial, dtype)


class Run:
    """What all runs have that keep no state for a rule as a whole, and no averages."""

    def rule_states(self):
        """The states that are the rule's own, by slot."""
        return {}

    def averages(self):
        """The moving averages of the parameters, by name."""
        return {}


class TorchRun(Run):
    """A plain (neither foreach nor fused) optimizer of torch.optim on the CPU."""

    def __init__(self, rule, settings, initial, dtype):
        self._dtype = dtype
        self._parameters = {
            name: torch.from_numpy(np.array(value, dtype)) for name, value in initial.items()
        }
        plain = {"foreach": False} | ({} if rule in UNFUSED else {"fused": False})
        self._optimizer = TORCH_RULES[rule](
            list(self._parameters.values()), **plain, **_torch_arguments(rule, settings))

    def step(self, gradients, curvatures):
        """Takes one step; a parameter that `gradients` does not name has no gradient in it."""
        assert not curvatures
        for name, parameter in self._parameters.items():
            gradient = gradients.get(name)
            parameter.grad = (
                None if gradient is None else torch.from_numpy(np.array(gradient, self._dtype))
            )
        with _default_dtype(self._dtype):
            self._optimizer.step()

    def parameters(self):
        """A copy of the parameters by name."""
        return {name: value.numpy().copy() for name, value in self._parameters.items()}

    def set_parameters(self, values):
        """Gives the parameters other values, by name."""
        for name, value in values.items():
            self._parameters[name].copy_(torch.from_numpy(value))

    def states(self):
        """A copy of the states by (slot, name), of the parameters that PyTorch made states for."""
        return {
            (slot, name): state[slot].numpy().copy()
            for name, value in self._parameters.items()
            if (state := self._optimizer.state.get(value))
            for slot in TORCH_SLOTS
            if state.get(slot) is not None
        }


class NumpyRun(Run):
    """What the runs in numpy share: parameters and states by name."""

    def __init__(self, settings, initial, dtype):
        self._settings = settings
        self._dtype = dtype
        self._parameters = {name: np.array(value, dtype) for name, value in initial.items()}
        self._states = {}

    def _keep(self, name, value, state):
        self._parameters[name] = self._checked(value)
        self._states[name] = {slot: self._checked(array) for slot, array in state.items()}

    def _checked(self, value):
        """The value as an array again: numpy turns results without dimensions into scalars."""
        assert value.dtype == self._dtype, f"the formula changed precision to {value.dtype}"
        return np.asarray(value)

    def parameters(self):
        """A copy of the parameters by name."""
        return {name: value.copy() for name, value in self._parameters.items()}

    def set_parameters(self, values):
        """Gives the parameters other values, by name."""
        self._parameters |= {name: self._checked(value) for name, value in values.items()}

    def states(self):
        """A copy of the states by (slot, name), of the parameters that had a gradient so far."""
        return {
            (slot, name): value.copy()
            for name, state in self._states.items()
            for slot, value in state.items()
        }


class FormulaRun(NumpyRun):
    """An optimizer made of one of the functions in formulas.py; states start at zero. Those that
    the formula does not return, its settings do without."""

    def __init__(self, rule, settings, initial, dtype):
        super().__init__(settings, initial, dtype)
        self._formula, self._slots = FORMULAS[rule]
        self._counts = {} if rule in COUNTING else None

    def step(self, gradients, curvatures):
        """Takes one step; a parameter that `gradients` does not name has no gradient in it."""
        assert curvatures.keys() <= gradients.keys()
        for name, gradient in gradients.items():
            inputs = {"g": gradient}
            if name in curvatures:
                inputs["curvature"] = curvatures[name]
            inputs = {key: np.asarray(value, self._dtype) for key, value in inputs.items()}
            if self._counts is not None:
                inputs["count"] = self._counts[name] = self._counts.get(name, 0) + 1
            self._update(name, inputs)

    def _update(self, name, inputs):
        value = self._parameters[name]
        state = self._states.get(name) or {slot: np.zeros_like(value) for slot in self._slots}
        with np.errstate(over="ignore", invalid="ignore"):
            value, state = self._formula(value, **inputs, **state, **self._settings)
        self._keep(name, value, state)


class GroupRun(NumpyRun):
    """An optimizer made of one of the functions in group_formulas.py."""

    def __init__(self, rule, settings, initial, dtype):
        super().__init__(settings, initial, dtype)
        self._formula, self._rule_slots = GROUP_FORMULAS[rule]
        self._counts = dict.fromkeys(initial, 0)
        self._rule = {}

    def step(self, gradients, curvatures):
        """Takes one step; a parameter that `gradients` does not name has no gradient in it."""
        assert not curvatures
        for name in gradients:
            self._counts[name] += 1
        values = {name: self._parameters[name] for name in gradients}
        gradients = {name: np.asarray(array, self._dtype) for name, array in gradients.items()}
        values, states, self._rule = self._formula(
            values, gradients, self._states, self._rule, self._counts, **self._settings)
        for name, value in values.items():
            self._keep(name, value, states[name])

    def rule_states(self):
        """The states that are the rule's own, by slot."""
        return {slot: np.float64(self._rule[slot]) for slot in self._rule_slots}


@contextmanager
def _default_dtype(dtype):
    """Has PyTorch make states that are one number a parameter in this precision as well."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.from_numpy(np.empty(0, dtype)).dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _torch_arguments(rule, settings):
    """The settings of a trace as the arguments of a torch.optim class, where some are pairs."""
    paired = {key for pair in TORCH_PAIRS.values() for key in pair}
    arguments = {key: value for key, value in settings.items() if key not in paired}
    for name, pair in TORCH_PAIRS.items():
        if settings.keys() & pair.keys() or ALWAYS_GIVEN.get(rule) == name:
            arguments[name] = tuple(settings.get(key, pair[key]) for key in pair)
    return arguments
