"""Settings that go with any rule, around a run of runs.py: what becomes of gradients before a step,
and of parameters after it. PyTorch's functions where it has them, otherwise numpy after the
authors' programs; sums are exact, and rounded once.

`cautious`, `cautious_weight_decay` and `hypergradient` change the step itself, and so are not here
but in companion_formulas.py.
"""

import math

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import runs

# In the order in which they are applied.
BEFORE_STEP = ("centralize", "agc", "clip_norm", "clip_value")
LOOKAHEAD = {"lookahead_k": "k", "lookahead_alpha": "alpha"}
AVERAGE = "ema_decay"


def start(rule, settings, initial, dtype):
    """An optimizer `rule` in the precision `dtype`, with the parameters at `initial`, and with what
    goes with any rule among the settings."""
    before = {key: settings[key] for key in BEFORE_STEP if key in settings}
    lookahead = {LOOKAHEAD[key]: settings[key] for key in LOOKAHEAD if key in settings}
    around = {*BEFORE_STEP, *LOOKAHEAD, AVERAGE}
    own = {key: value for key, value in settings.items() if key not in around}
    run = runs.start(rule, own, initial, dtype)
    if before:
        run = BeforeStep(run, before, dtype)
    if lookahead:
        run = Lookahead(run, **lookahead)
    if AVERAGE in settings:
        run = Averaged(run, settings[AVERAGE])
    return run


class Around:
    """Another run, and something before or after its steps; the rest is as the other has it."""

    def __init__(self, run):
        self._run = run

    def __getattr__(self, name):
        return getattr(self._run, name)


class BeforeStep(Around):
    """A run whose gradients are rewritten before every step."""

    def __init__(self, run, settings, dtype):
        super().__init__(run)
        self._settings = settings
        self._dtype = dtype

    def step(self, gradients, curvatures):
        gradients = {name: np.array(value, self._dtype) for name, value in gradients.items()}
        for key, value in self._settings.items():
            gradients = _rewritten(key, value, gradients, self._run.parameters())
        self._run.step(gradients, curvatures)


class Lookahead(Around):
    """A run whose parameters meet slow weights after every k-th step, after michaelrzhang/lookahead,
    lookahead_pytorch.py (Zhang et al. 2019, arXiv:1907.08610), which leaves momentum alone."""

    def __init__(self, run, k=5, alpha=0.8):
        super().__init__(run)
        self._k, self._alpha = k, alpha
        self._steps = 0
        self._slow = run.parameters()

    def step(self, gradients, curvatures):
        self._run.step(gradients, curvatures)
        self._steps += 1
        if self._steps % self._k == 0:
            self._slow = {
                name: np.asarray(self._alpha * fast + (1 - self._alpha) * self._slow[name])
                for name, fast in self._run.parameters().items()
            }
            self._run.set_parameters(self._slow)

    def states(self):
        slow = {("cached_params", name): value.copy() for name, value in self._slow.items()}
        return self._run.states() | slow


class Averaged(Around):
    """A run whose parameters PyTorch averages after every step, the first of which it copies."""

    def __init__(self, run, decay):
        super().__init__(run)
        self._model = torch.nn.ParameterDict(_tensors(run.parameters()))
        self._averaged = AveragedModel(self._model, multi_avg_fn=get_ema_multi_avg_fn(decay))

    def step(self, gradients, curvatures):
        self._run.step(gradients, curvatures)
        with torch.no_grad():
            for name, value in _tensors(self._run.parameters()).items():
                self._model[name].copy_(value)
        self._averaged.update_parameters(self._model)

    def averages(self):
        averages = self._averaged.module.named_parameters()
        return {name: value.detach().numpy().copy() for name, value in averages}


def _rewritten(key, value, gradients, parameters):
    match key:
        case "centralize":
            return _centralized(gradients) if value else gradients
        case "agc":
            return _adaptively_clipped(gradients, parameters, value)
        case "clip_norm":
            return _clipped(torch.nn.utils.clip_grad_norm_, gradients, value)
        case "clip_value":
            return _clipped(torch.nn.utils.clip_grad_value_, gradients, value)


def _centralized(gradients):
    """Without the mean of all that leads to one output, after Yonghongwei/Gradient-Centralization,
    algorithm-GC/algorithm/Centralization.py (Yong et al. 2020, arXiv:2004.01461): of tensors with
    more than one dimension."""
    return {
        name: g - _each_unit(g, lambda unit: math.fsum(unit) / len(unit)) if g.ndim > 1 else g
        for name, g in gradients.items()
    }


def _adaptively_clipped(gradients, parameters, share):
    """Each unit's gradient at most a share of the unit's own length, after
    huggingface/pytorch-image-models, timm/utils/agc.py (Brock et al. 2021, arXiv:2102.06171)."""
    clipped = {}
    for name, g in gradients.items():
        most = share * np.maximum(_each_unit(parameters[name], _length, float), 1e-3)
        length = _each_unit(g, _length, float)
        factor = (most / np.maximum(length, 1e-6)).astype(g.dtype)
        clipped[name] = np.asarray(np.where(length < most, g, g * factor))
    return clipped


def _each_unit(array, function, dtype=None):
    """A function of the numbers of each unit, all with one place in the first dimension; of a
    tensor of fewer than two dimensions, of all of it. Shaped so that it meets the array."""
    units = array.astype(float).reshape(array.shape[0] if array.ndim > 1 else 1, -1)
    values = np.array([function(unit) for unit in units], dtype or array.dtype)
    return values.reshape((-1,) + (1,) * (array.ndim - 1) if array.ndim > 1 else ())


def _length(unit):
    return math.sqrt(math.fsum(unit * unit))


def _clipped(function, gradients, bound):
    """The gradients after one of PyTorch's functions that clip those of parameters in place."""
    parameters = {name: torch.nn.Parameter(g) for name, g in _tensors(gradients).items()}
    for name, parameter in parameters.items():
        parameter.grad = parameter.detach().clone()
    function(list(parameters.values()), bound, foreach=False)
    return {name: parameter.grad.numpy().copy() for name, parameter in parameters.items()}


def _tensors(arrays):
    return {name: torch.from_numpy(np.array(value)) for name, value in arrays.items()}
