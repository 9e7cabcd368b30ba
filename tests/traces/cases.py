"""The traces: for each its rule, the settings that are not the rule's defaults, and gradients.

A gradient source is made anew for every recording, since it keeps the state of its random numbers;
hence the lambdas. Settings have PyTorch's names, and appear in the trace in the order given here.
"""

from dataclasses import dataclass
from typing import Any, Callable

from gradients import (
    Columns, Curvature, Gaps, Gaussian, Logistic, Magnitudes, Near, Patterns, Zeros,
)

STEPS = 20


@dataclass(frozen=True)
class Case:
    """One trace, in the file NAME.safetensors."""

    name: str
    rule: str
    settings: dict[str, Any]
    source: Callable[[], Any]
    steps: int = STEPS


def _gaps(seed):
    shapes = {"always": (7, 5), "late": (13,), "odd": (), "once": (3,), "never": (2,)}
    steps = {"late": range(6, STEPS + 1), "odd": range(1, STEPS + 1, 2), "once": (7,), "never": ()}
    return Gaps(Gaussian(seed, shapes), steps)


def _sophia_g(seed, first, every):
    steps = range(first, STEPS + 1, every)
    return Curvature(Gaussian(seed), seed + 1000, "sampled", steps, size=0.25)


def _sophia_h(seed, first, every, size=400.0):
    steps = range(first, STEPS + 1, every)
    return Curvature(Gaussian(seed), seed + 1000, "hutchinson", steps, size)


def _ada_fisher(seed, every):
    steps = range(1, STEPS + 1, every)
    return Curvature(Gaussian(seed), seed + 1000, "fisher", steps, size=1.0)


def _matrices(seed):
    """Matrices of every kind beside a vector, one of them of more rows than a panel."""
    return Gaussian(seed, {"stack": (2, 3, 4), "tall": (66, 2), "row": (1, 5), "bias": (3,)})


def _only_matrices(seed):
    """Matrices of every kind, filters among them, and no vector."""
    return Gaussian(seed, {
        "wide": (3, 7), "tall": (9, 4), "square": (5, 5), "filters": (3, 2, 2), "row": (1, 5),
        "column": (4, 1),
    })


def _magnitudes(seed):
    """Denormals to 1e18: squares are in range for `middle` and `jumping`, denormal for `small`."""
    shapes = {"small": (13,), "middle": (7, 5), "jumping": ()}
    exponents = {"small": (-149, -60), "middle": (-50, 60), "jumping": (-50, 60)}
    return Magnitudes(seed, shapes, exponents, from_zero=("small",))


def _overflow(seed):
    """1e21 to 1e30: squares overflow, and Adam stands still where exact arithmetic would not."""
    return Magnitudes(seed, {"huge": (3, 4)}, {"huge": (70, 100)})


def _zeros_and_signs():
    """Zeros in gradient and momentum: always, at first, in between, and of either sign."""
    starts = [1.0, -1.0, 0.0, -0.0, 0.5, 0.5, 0.25, -0.75]
    patterns = [
        (0.0,), (-0.0,), (0.0,), (-0.0,),
        (0.0, 0.0, 0.0, 0.0, 1.0), (3.0, 0.0), (-1.0, 0.0, 0.0), (0.0, -2.0, 5.0),
    ]
    return Patterns(starts, patterns)


def _cancelling():
    """With decays of 1/2 the average is (m + g) / 2, exactly, and 2, -1 makes it 1, then 0."""
    starts = [1.0, -1.0, 0.5, -0.25, 3.0]
    patterns = [(2.0, -1.0), (-2.0, 1.0), (4.0, -2.0, 0.0), (0.0, 2.0, -1.0), (0.0,)]
    return Patterns(starts, patterns)


def _zeros_at_first():
    """No gradient but zeros in the first step, and some later; some starts are zeros too."""
    starts = [1.0, 0.0, 0.5, -0.25, 0.0]
    patterns = [(0.0,), (0.0, 1.0), (0.0, -2.0, 5.0), (-0.0, 0.5, 0.0, 1.0), (0.0, -1.0, -0.5)]
    return Patterns(starts, patterns)


def _settling():
    """Gradients that stay as they are for three steps, so that Adam's steps are alike, and vary
    then."""
    starts = [1.0, -1.0, 0.5, -0.25, 3.0]
    patterns = [
        (2.0, 2.0, 2.0, -1.0, 0.5), (-1.0, -1.0, -1.0, -1.0, 3.0), (0.5, 0.5, 0.5, 2.0, 0.0),
        (-3.0, -3.0, -3.0, 1.0, -1.0), (1.0, 1.0, 1.0, -0.5, -2.0),
    ]
    return Patterns(starts, patterns)


SGD = (
    Case("sgd", "sgd", {}, lambda: Gaussian(101)),
    Case("sgd-momentum", "sgd", {"lr": 0.01, "momentum": 0.9}, lambda: Gaussian(102)),
    Case("sgd-dampening", "sgd", {"lr": 0.01, "momentum": 0.9, "dampening": 0.3},
         lambda: Gaussian(103)),
    Case("sgd-nesterov", "sgd", {"lr": 0.01, "momentum": 0.9, "nesterov": True},
         lambda: Gaussian(116)),
    Case("sgd-weight-decay", "sgd", {"lr": 0.05, "momentum": 0.8, "weight_decay": 0.1},
         lambda: Gaussian(105)),
    Case("sgd-maximize", "sgd",
         {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.05, "maximize": True},
         lambda: Gaussian(106)),
    Case("sgd-gaps", "sgd", {"lr": 0.01, "momentum": 0.9, "dampening": 0.1}, lambda: _gaps(107)),
    Case("sgd-logistic", "sgd", {"lr": 0.5, "momentum": 0.9, "nesterov": True},
         lambda: Logistic(108)),
)

ADAM = (
    Case("adam", "adam", {}, lambda: Gaussian(201)),
    Case("adam-weight-decay", "adam",
         {"lr": 0.01, "beta1": 0.8, "beta2": 0.95, "weight_decay": 0.1}, lambda: Gaussian(202)),
    Case("adam-amsgrad", "adam", {"lr": 0.01, "beta2": 0.9, "amsgrad": True},
         lambda: Gaussian(203)),
    Case("adam-maximize", "adam",
         {"lr": 0.01, "eps": 1e-6, "weight_decay": 0.05, "maximize": True}, lambda: Gaussian(204)),
    Case("adam-magnitudes", "adam", {"lr": 0.01}, lambda: _magnitudes(205)),
    Case("adam-overflow", "adam", {"lr": 0.01}, lambda: _overflow(215)),
)

ADAMW = (
    Case("adamw", "adamw", {}, lambda: Gaussian(301)),
    Case("adamw-large-decay", "adamw", {"lr": 0.1, "weight_decay": 2.0}, lambda: Gaussian(302)),
    Case("adamw-amsgrad", "adamw",
         {"lr": 0.01, "beta1": 0.85, "beta2": 0.9, "amsgrad": True}, lambda: Gaussian(303)),
    Case("adamw-maximize", "adamw", {"lr": 0.01, "weight_decay": 0.1, "maximize": True},
         lambda: Gaussian(304)),
    Case("adamw-gaps", "adamw", {"lr": 0.01, "weight_decay": 0.1}, lambda: _gaps(305)),
    Case("adamw-magnitudes", "adamw", {"lr": 0.01, "weight_decay": 0.1}, lambda: _magnitudes(306)),
    Case("adamw-overflow", "adamw", {"lr": 0.01, "weight_decay": 0.1}, lambda: _overflow(316)),
    Case("adamw-logistic", "adamw", {"lr": 0.05}, lambda: Logistic(307)),
)

LION = (
    Case("lion", "lion", {}, lambda: Gaussian(401)),
    Case("lion-weight-decay", "lion",
         {"lr": 0.01, "beta1": 0.95, "beta2": 0.98, "weight_decay": 0.5}, lambda: Gaussian(402)),
    Case("lion-zeros", "lion", {"lr": 0.01}, _zeros_and_signs),
    Case("lion-cancelling", "lion",
         {"lr": 0.01, "beta1": 0.5, "beta2": 0.5, "weight_decay": 0.1}, _cancelling),
    Case("lion-gaps", "lion", {"lr": 0.01, "weight_decay": 0.1}, lambda: _gaps(403)),
    Case("lion-logistic", "lion", {"lr": 0.02}, lambda: Logistic(404)),
)

SOPHIA_G = (
    Case("sophia-g", "sophia-g", {}, lambda: _sophia_g(501, first=1, every=5)),
    Case("sophia-g-late", "sophia-g",
         {"lr": 0.01, "beta1": 0.9, "beta2": 0.95, "rho": 0.1, "batch_size": 480,
          "weight_decay": 0.2},
         lambda: Zeros(_sophia_g(502, first=5, every=5))),
    Case("sophia-g-maximize", "sophia-g", {"lr": 0.01, "maximize": True},
         lambda: _sophia_g(503, first=1, every=5)),
    Case("sophia-g-logistic", "sophia-g", {"lr": 0.05, "rho": 0.5, "batch_size": 60},
         lambda: Logistic(504, "sampled", every=5)),
)

SOPHIA_H = (
    Case("sophia-h", "sophia-h", {}, lambda: _sophia_h(601, first=10, every=10, size=4000.0)),
    Case("sophia-h-every-3", "sophia-h", {"lr": 0.1, "beta1": 0.9, "beta2": 0.95, "clip": 0.02},
         lambda: _sophia_h(602, first=1, every=3)),
    Case("sophia-h-weight-decay", "sophia-h", {"lr": 0.2, "eps": 1.0, "weight_decay": 0.1},
         lambda: Zeros(_sophia_h(603, first=1, every=3))),
    Case("sophia-h-logistic", "sophia-h", {"lr": 1.0, "beta1": 0.9, "beta2": 0.9, "clip": 0.1},
         lambda: Logistic(604, "hutchinson", every=3)),
)

ADA_FISHER = (
    Case("ada-fisher", "ada-fisher", {}, lambda: _ada_fisher(701, every=5)),
    Case("ada-fisher-weight-decay", "ada-fisher",
         {"lr": 0.01, "beta1": 0.8, "damping": 0.1, "weight_decay": 0.2},
         lambda: Zeros(_ada_fisher(702, every=3))),
    Case("ada-fisher-maximize", "ada-fisher", {"lr": 0.01, "damping": 0.05, "maximize": True},
         lambda: _ada_fisher(703, every=4)),
    Case("ada-fisher-logistic", "ada-fisher", {"lr": 0.02, "damping": 0.1},
         lambda: Logistic(704, "fisher", every=5)),
)

ADAGRAD = (
    Case("adagrad", "adagrad", {}, lambda: Gaussian(801)),
    Case("adagrad-decays", "adagrad", {"lr": 0.05, "lr_decay": 0.1, "weight_decay": 0.1},
         lambda: Gaussian(802)),
    Case("adagrad-initial", "adagrad",
         {"lr": 0.05, "initial_accumulator_value": 0.5, "eps": 1e-3},
         lambda: Zeros(Gaussian(803))),
    Case("adagrad-maximize", "adagrad", {"lr": 0.02, "weight_decay": 0.05, "maximize": True},
         lambda: Gaussian(822)),
    Case("adagrad-gaps", "adagrad",
         {"lr": 0.05, "lr_decay": 0.1, "initial_accumulator_value": 0.1}, lambda: _gaps(805)),
    Case("adagrad-magnitudes", "adagrad", {"lr": 0.1}, lambda: _magnitudes(814)),
    Case("adagrad-overflow", "adagrad", {"lr": 0.1}, lambda: _overflow(807)),
    Case("adagrad-logistic", "adagrad", {"lr": 0.5}, lambda: Logistic(808)),
)

NADAM = (
    Case("nadam", "nadam", {}, lambda: Gaussian(901)),
    Case("nadam-weight-decay", "nadam",
         {"lr": 0.01, "beta1": 0.8, "beta2": 0.95, "weight_decay": 0.1}, lambda: Gaussian(902)),
    Case("nadam-decoupled", "nadam",
         {"lr": 0.01, "weight_decay": 0.5, "decoupled_weight_decay": True},
         lambda: Gaussian(924)),
    Case("nadam-momentum-decay", "nadam", {"lr": 0.01, "eps": 1e-6, "momentum_decay": 0.5},
         lambda: Gaussian(904)),
    Case("nadam-maximize", "nadam", {"lr": 0.01, "weight_decay": 0.05, "maximize": True},
         lambda: Gaussian(905)),
    Case("nadam-gaps", "nadam", {"lr": 0.01, "weight_decay": 0.1}, lambda: _gaps(906)),
    Case("nadam-magnitudes", "nadam", {"lr": 0.01}, lambda: _magnitudes(912)),
    Case("nadam-overflow", "nadam", {"lr": 0.01}, lambda: _overflow(908)),
    Case("nadam-logistic", "nadam", {"lr": 0.05}, lambda: Logistic(909)),
)

LAMB = (
    Case("lamb", "lamb", {}, lambda: Gaussian(1001)),
    Case("lamb-weight-decay", "lamb",
         {"lr": 0.01, "beta1": 0.8, "beta2": 0.95, "eps": 1e-3, "weight_decay": 0.5,
          "max_grad_norm": 3.0},
         lambda: Zeros(Gaussian(1002))),
    Case("lamb-no-decay", "lamb", {"lr": 0.01, "weight_decay": 0.0}, lambda: Gaussian(1003)),
    Case("lamb-unclipped", "lamb", {"lr": 0.01, "max_grad_norm": 1000.0}, lambda: Gaussian(1004)),
    Case("lamb-gaps", "lamb", {"lr": 0.01, "weight_decay": 0.1}, lambda: _gaps(1005)),
    Case("lamb-zeros", "lamb", {"lr": 0.01}, _zeros_and_signs),
    Case("lamb-logistic", "lamb", {"lr": 0.05, "max_grad_norm": 0.1}, lambda: Logistic(1006)),
)

PRODIGY = (
    Case("prodigy", "prodigy", {}, lambda: Near(Gaussian(1117), -18)),
    Case("prodigy-weight-decay", "prodigy",
         {"lr": 0.5, "beta1": 0.8, "beta2": 0.95, "eps": 1e-3, "weight_decay": 0.2, "d0": 0.1},
         lambda: Zeros(Gaussian(1132))),
    Case("prodigy-bias-correction", "prodigy",
         {"d0": 0.1, "d_coef": 0.5, "use_bias_correction": True}, lambda: Gaussian(1152)),
    Case("prodigy-growth", "prodigy", {"d0": 0.01, "d_coef": 2.0, "growth_rate": 1.1},
         lambda: Gaussian(1144)),
    Case("prodigy-gaps", "prodigy", {"d0": 0.1, "d_coef": 0.5, "weight_decay": 0.1},
         lambda: _gaps(1122)),
    Case("prodigy-zeros", "prodigy",
         {"d0": 0.1, "d_coef": 0.5, "weight_decay": 0.1}, _zeros_at_first),
    Case("prodigy-logistic", "prodigy", {"d0": 0.01}, lambda: Logistic(1106)),
)

ADADELTA = (
    Case("adadelta", "adadelta", {}, lambda: Gaussian(1201)),
    Case("adadelta-weight-decay", "adadelta",
         {"lr": 0.5, "rho": 0.95, "eps": 1e-3, "weight_decay": 0.1}, lambda: Gaussian(1202)),
    Case("adadelta-maximize", "adadelta", {"weight_decay": 0.05, "maximize": True},
         lambda: Gaussian(1203)),
    Case("adadelta-gaps", "adadelta", {}, lambda: _gaps(1204)),
    Case("adadelta-magnitudes", "adadelta", {}, lambda: _magnitudes(1205)),
    Case("adadelta-overflow", "adadelta", {}, lambda: _overflow(1206)),
    Case("adadelta-logistic", "adadelta", {}, lambda: Logistic(1207)),
)

RMSPROP = (
    Case("rmsprop", "rmsprop", {}, lambda: Gaussian(1301)),
    Case("rmsprop-weight-decay", "rmsprop",
         {"lr": 0.05, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1}, lambda: Gaussian(1311)),
    Case("rmsprop-momentum", "rmsprop", {"momentum": 0.9}, lambda: Gaussian(1303)),
    Case("rmsprop-centered", "rmsprop", {"alpha": 0.95, "centered": True},
         lambda: Gaussian(1304)),
    Case("rmsprop-centered-momentum", "rmsprop",
         {"lr": 0.005, "alpha": 0.9, "eps": 1e-4, "momentum": 0.8, "centered": True},
         lambda: Gaussian(1305)),
    Case("rmsprop-maximize", "rmsprop", {"weight_decay": 0.05, "maximize": True},
         lambda: Gaussian(1306)),
    Case("rmsprop-gaps", "rmsprop", {"momentum": 0.9, "centered": True}, lambda: _gaps(1307)),
    Case("rmsprop-magnitudes", "rmsprop", {"momentum": 0.9}, lambda: _magnitudes(1308)),
    Case("rmsprop-overflow", "rmsprop", {"momentum": 0.9}, lambda: _overflow(1309)),
    Case("rmsprop-logistic", "rmsprop", {"lr": 0.05}, lambda: Logistic(1310)),
)

ADAMAX = (
    Case("adamax", "adamax", {}, lambda: Gaussian(1401)),
    Case("adamax-weight-decay", "adamax",
         {"lr": 0.01, "beta1": 0.8, "beta2": 0.9, "eps": 1e-3, "weight_decay": 0.1},
         lambda: Gaussian(1402)),
    Case("adamax-maximize", "adamax", {"lr": 0.01, "weight_decay": 0.05, "maximize": True},
         lambda: Gaussian(1403)),
    Case("adamax-gaps", "adamax", {"lr": 0.01, "beta2": 0.95}, lambda: _gaps(1404)),
    Case("adamax-magnitudes", "adamax", {"lr": 0.01}, lambda: _magnitudes(1405)),
    Case("adamax-logistic", "adamax", {"lr": 0.05}, lambda: Logistic(1406)),
)

RADAM = (
    Case("radam", "radam", {}, lambda: Gaussian(1501)),
    Case("radam-weight-decay", "radam",
         {"lr": 0.01, "beta1": 0.8, "beta2": 0.95, "eps": 1e-6, "weight_decay": 0.1},
         lambda: Gaussian(1502)),
    Case("radam-decoupled", "radam",
         {"lr": 0.01, "weight_decay": 0.5, "decoupled_weight_decay": True},
         lambda: Gaussian(1503)),
    Case("radam-short", "radam", {"lr": 0.01, "beta2": 0.6}, lambda: Gaussian(1504)),
    Case("radam-maximize", "radam", {"lr": 0.01, "weight_decay": 0.05, "maximize": True},
         lambda: Gaussian(1505)),
    Case("radam-gaps", "radam", {"lr": 0.01, "weight_decay": 0.1}, lambda: _gaps(1506)),
    Case("radam-magnitudes", "radam", {"lr": 0.01}, lambda: _magnitudes(1507)),
    Case("radam-overflow", "radam", {"lr": 0.01}, lambda: _overflow(1508)),
    Case("radam-logistic", "radam", {"lr": 0.05}, lambda: Logistic(1515)),
)

ADABOUND = (
    Case("adabound", "adabound", {}, lambda: Gaussian(1601)),
    Case("adabound-weight-decay", "adabound",
         {"lr": 0.01, "beta1": 0.8, "beta2": 0.95, "eps": 1e-3, "weight_decay": 0.1},
         lambda: Gaussian(1602)),
    Case("adabound-bounds", "adabound", {"lr": 0.02, "final_lr": 0.05, "gamma": 0.2},
         lambda: Zeros(Gaussian(1603))),
    Case("adabound-amsbound", "adabound", {"lr": 0.01, "beta2": 0.9, "amsbound": True},
         lambda: Gaussian(1604)),
    Case("adabound-gaps", "adabound", {"lr": 0.01, "gamma": 0.1, "weight_decay": 0.1},
         lambda: _gaps(1605)),
    Case("adabound-magnitudes", "adabound", {"lr": 0.01}, lambda: _magnitudes(1606)),
    Case("adabound-overflow", "adabound", {"lr": 0.01}, lambda: _overflow(1607)),
    Case("adabound-logistic", "adabound", {"lr": 0.05, "gamma": 0.1}, lambda: Logistic(1608)),
)

ADABELIEF = (
    Case("adabelief", "adabelief", {}, lambda: Gaussian(1701)),
    Case("adabelief-weight-decay", "adabelief",
         {"lr": 0.01, "beta1": 0.8, "beta2": 0.95, "eps": 1e-8, "weight_decay": 0.1},
         lambda: Gaussian(1702)),
    Case("adabelief-unrectified", "adabelief",
         {"lr": 0.01, "eps": 1e-6, "weight_decay": 0.1, "rectify": False},
         lambda: Zeros(Gaussian(1703))),
    Case("adabelief-gaps", "adabelief", {"lr": 0.01, "weight_decay": 0.1}, lambda: _gaps(1704)),
    Case("adabelief-magnitudes", "adabelief", {"lr": 0.01}, lambda: _magnitudes(1705)),
    Case("adabelief-overflow", "adabelief", {"lr": 0.01}, lambda: _overflow(1706)),
    Case("adabelief-logistic", "adabelief", {"lr": 0.05, "rectify": False},
         lambda: Logistic(1707)),
)

SWATS = (
    Case("swats", "swats", {}, lambda: Gaussian(1811)),
    Case("swats-weight-decay", "swats",
         {"lr": 0.01, "beta1": 0.8, "beta2": 0.95, "eps": 1e-2, "weight_decay": 0.1},
         lambda: Gaussian(1802)),
    Case("swats-settling", "swats", {"lr": 0.1, "eps": 1e-10}, _settling),
    Case("swats-nesterov", "swats",
         {"lr": 0.05, "beta1": 0.5, "eps": 1e-10, "nesterov": True}, _settling),
    Case("swats-zeros", "swats", {"lr": 0.01}, _zeros_at_first),
    Case("swats-gaps", "swats", {"lr": 0.01}, lambda: _gaps(1803)),
    Case("swats-logistic", "swats", {"lr": 0.05}, lambda: Logistic(1809)),
)

ADAN = (
    Case("adan", "adan", {}, lambda: Gaussian(1301)),
    Case("adan-weight-decay", "adan",
         {"lr": 0.01, "beta1": 0.9, "beta2": 0.8, "beta3": 0.95, "weight_decay": 0.5},
         lambda: Zeros(Gaussian(1302))),
    Case("adan-no-prox", "adan",
         {"lr": 0.01, "eps": 1e-6, "weight_decay": 0.5, "no_prox": True}, lambda: Gaussian(1303)),
    Case("adan-gaps", "adan", {"lr": 0.01, "weight_decay": 0.1}, lambda: _gaps(1304)),
    Case("adan-magnitudes", "adan", {"lr": 0.01}, lambda: _magnitudes(1305)),
    Case("adan-overflow", "adan", {"lr": 0.01, "weight_decay": 0.1}, lambda: _overflow(1306)),
    Case("adan-logistic", "adan", {"lr": 0.02}, lambda: Logistic(1307)),
)

YOGI = (
    Case("yogi", "yogi", {}, lambda: Gaussian(1401)),
    Case("yogi-initial", "yogi",
         {"lr": 0.05, "beta1": 0.8, "beta2": 0.95, "eps": 1e-2, "initial_accumulator_value": 1.5},
         lambda: Zeros(Gaussian(1402))),
    Case("yogi-gaps", "yogi", {"initial_accumulator_value": 0.1}, lambda: _gaps(1403)),
    Case("yogi-magnitudes", "yogi", {"lr": 0.1}, lambda: _magnitudes(1406)),
    Case("yogi-logistic", "yogi", {"lr": 0.05}, lambda: Logistic(1405)),
)

LAPROP = (
    Case("laprop", "laprop", {}, lambda: Gaussian(1501)),
    Case("laprop-weight-decay", "laprop",
         {"lr": 0.01, "beta1": 0.8, "beta2": 0.95, "eps": 1e-3, "weight_decay": 0.5},
         lambda: Zeros(Gaussian(1502))),
    Case("laprop-gaps", "laprop", {"lr": 0.01, "weight_decay": 0.1}, lambda: _gaps(1503)),
    Case("laprop-magnitudes", "laprop", {"lr": 0.01}, lambda: _magnitudes(1509)),
    Case("laprop-overflow", "laprop", {"lr": 0.01, "weight_decay": 0.1}, lambda: _overflow(1505)),
    Case("laprop-logistic", "laprop", {"lr": 0.02}, lambda: Logistic(1506)),
)

ADOPT = (
    Case("adopt", "adopt", {}, lambda: Gaussian(1601)),
    Case("adopt-weight-decay", "adopt",
         {"lr": 0.01, "beta1": 0.8, "beta2": 0.95, "eps": 1e-3, "weight_decay": 0.1},
         lambda: Zeros(Gaussian(1602))),
    Case("adopt-decouple", "adopt",
         {"lr": 0.01, "beta2": 0.99, "weight_decay": 0.5, "decouple": True},
         lambda: Gaussian(1603)),
    Case("adopt-gaps", "adopt", {"lr": 0.01, "beta2": 0.99}, lambda: _gaps(1604)),
    Case("adopt-zeros", "adopt", {"lr": 0.01, "weight_decay": 0.1, "decouple": True},
         _zeros_at_first),
    Case("adopt-magnitudes", "adopt", {"lr": 0.01, "beta2": 0.99}, lambda: _magnitudes(1612)),
    Case("adopt-overflow", "adopt", {"lr": 0.01, "weight_decay": 0.1, "decouple": True},
         lambda: _overflow(1606)),
    Case("adopt-logistic", "adopt", {"lr": 0.02, "beta2": 0.99}, lambda: Logistic(1607)),
)

ADEMAMIX = (
    Case("ademamix", "ademamix", {}, lambda: Gaussian(1701)),
    Case("ademamix-weight-decay", "ademamix",
         {"lr": 0.01, "beta1": 0.8, "beta2": 0.95, "beta3": 0.99, "alpha": 5.0, "eps": 1e-3,
          "weight_decay": 0.5},
         lambda: Zeros(Gaussian(1702))),
    Case("ademamix-warmup", "ademamix",
         {"lr": 0.01, "beta3": 0.99, "alpha": 8.0, "alpha_warmup": 12, "beta3_warmup": 15},
         lambda: Gaussian(1703)),
    Case("ademamix-gaps", "ademamix", {"lr": 0.01, "alpha_warmup": 8, "beta3_warmup": 8},
         lambda: _gaps(1704)),
    Case("ademamix-magnitudes", "ademamix", {"lr": 0.01, "beta3": 0.95}, lambda: _magnitudes(1708)),
    Case("ademamix-overflow", "ademamix", {"lr": 0.01, "weight_decay": 0.1},
         lambda: _overflow(1706)),
    Case("ademamix-logistic", "ademamix", {"lr": 0.02, "beta3_warmup": 30},
         lambda: Logistic(1707)),
)

STABLE_ADAMW = (
    Case("stable-adamw", "stable-adamw", {}, lambda: Gaussian(1801)),
    Case("stable-adamw-weight-decay", "stable-adamw",
         {"lr": 0.01, "beta1": 0.8, "beta2": 0.999, "eps": 1e-3, "weight_decay": 0.5},
         lambda: Zeros(Gaussian(1802))),
    Case("stable-adamw-epsilon", "stable-adamw", {"lr": 0.01, "eps": 1.0}, lambda: Gaussian(1803)),
    Case("stable-adamw-maximize", "stable-adamw",
         {"lr": 0.01, "weight_decay": 0.1, "maximize": True}, lambda: Gaussian(1804)),
    Case("stable-adamw-gaps", "stable-adamw", {"lr": 0.01, "weight_decay": 0.1},
         lambda: _gaps(1805)),
    Case("stable-adamw-zeros", "stable-adamw", {"lr": 0.01}, _zeros_at_first),
    Case("stable-adamw-magnitudes", "stable-adamw", {"lr": 0.01, "weight_decay": 0.1},
         lambda: _magnitudes(1808)),
    Case("stable-adamw-overflow", "stable-adamw", {"lr": 0.01, "weight_decay": 0.1},
         lambda: _overflow(1809)),
    Case("stable-adamw-logistic", "stable-adamw", {"lr": 0.02}, lambda: Logistic(1807)),
)

MARS = (
    Case("mars", "mars", {}, lambda: Gaussian(1901)),
    Case("mars-weight-decay", "mars",
         {"lr": 0.01, "beta1": 0.8, "beta2": 0.95, "gamma": 0.1, "eps": 1e-3, "weight_decay": 0.5},
         lambda: Zeros(Gaussian(1902))),
    Case("mars-optimize-1d", "mars", {"lr": 0.01, "gamma": 0.05, "optimize_1d": True},
         lambda: Gaussian(1903)),
    Case("mars-gaps", "mars", {"lr": 0.01, "weight_decay": 0.1, "optimize_1d": True},
         lambda: _gaps(1904)),
    Case("mars-zeros", "mars", {"lr": 0.01, "gamma": 0.1, "optimize_1d": True}, _zeros_at_first),
    Case("mars-overflow", "mars", {"lr": 0.01, "weight_decay": 0.1}, lambda: _overflow(1905)),
    Case("mars-logistic", "mars", {"lr": 0.02, "gamma": 0.1}, lambda: Logistic(1906)),
)

SIGNUM = (
    Case("signum", "signum", {}, lambda: Gaussian(1301)),
    Case("signum-weight-decay", "signum", {"lr": 0.01, "momentum": 0.8, "weight_decay": 0.5},
         lambda: Gaussian(1302)),
    Case("signum-no-momentum", "signum", {"lr": 0.01, "momentum": 0.0},
         lambda: Zeros(Gaussian(1303))),
    Case("signum-zeros", "signum", {"lr": 0.01}, _zeros_and_signs),
    Case("signum-cancelling", "signum", {"lr": 0.01, "momentum": 0.5, "weight_decay": 0.1},
         _cancelling),
    Case("signum-gaps", "signum", {"lr": 0.01, "weight_decay": 0.1}, lambda: _gaps(1304)),
    Case("signum-logistic", "signum", {"lr": 0.02}, lambda: Logistic(1305)),
)

NOVOGRAD = (
    Case("novograd", "novograd", {}, lambda: Gaussian(1401)),
    Case("novograd-weight-decay", "novograd",
         {"lr": 0.01, "beta1": 0.8, "beta2": 0.9, "eps": 1e-3, "weight_decay": 0.1,
          "grad_averaging": True},
         lambda: Zeros(Gaussian(1402))),
    Case("novograd-gaps", "novograd", {"lr": 0.01, "weight_decay": 0.1}, lambda: _gaps(1403)),
    Case("novograd-zeros", "novograd", {"lr": 0.01}, _zeros_at_first),
    Case("novograd-magnitudes", "novograd", {"lr": 0.01}, lambda: _magnitudes(1404)),
    Case("novograd-logistic", "novograd", {"lr": 0.05}, lambda: Logistic(1405)),
)

LARS = (
    Case("lars", "lars", {}, lambda: Gaussian(1501)),
    Case("lars-weight-decay", "lars",
         {"momentum": 0.9, "dampening": 0.3, "trust_coeff": 0.01, "weight_decay": 0.1},
         lambda: Zeros(Gaussian(1502))),
    Case("lars-nesterov", "lars",
         {"lr": 0.5, "momentum": 0.8, "trust_coeff": 0.02, "eps": 1e-3, "nesterov": True,
          "always_adapt": True},
         lambda: Gaussian(1503)),
    Case("lars-clip", "lars",
         {"lr": 0.05, "momentum": 0.9, "trust_coeff": 0.05, "weight_decay": 0.01,
          "trust_clip": True},
         lambda: Gaussian(1504)),
    Case("lars-gaps", "lars", {"momentum": 0.9, "weight_decay": 0.1}, lambda: _gaps(1505)),
    Case("lars-zeros", "lars", {"momentum": 0.5, "weight_decay": 0.01}, _zeros_at_first),
    Case("lars-magnitudes", "lars", {"momentum": 0.9, "always_adapt": True},
         lambda: _magnitudes(1506)),
    Case("lars-logistic", "lars",
         {"lr": 5.0, "momentum": 0.9, "trust_coeff": 0.02, "weight_decay": 0.01},
         lambda: Logistic(1507)),
)

TIGER = (
    Case("tiger", "tiger", {}, lambda: Gaussian(1601)),
    Case("tiger-weight-decay", "tiger", {"lr": 0.02, "beta": 0.8, "weight_decay": 0.5},
         lambda: Zeros(Gaussian(1602))),
    Case("tiger-gaps", "tiger", {"lr": 0.01}, lambda: _gaps(1603)),
    Case("tiger-zeros", "tiger", {"lr": 0.01, "weight_decay": 0.0}, _zeros_and_signs),
    Case("tiger-magnitudes", "tiger", {"lr": 0.01}, lambda: _magnitudes(1604)),
    Case("tiger-logistic", "tiger", {"lr": 0.1}, lambda: Logistic(1605)),
)

DADAPT_ADAM = (
    Case("dadapt-adam", "dadapt-adam", {}, lambda: Near(Gaussian(1704), -18), steps=12),
    Case("dadapt-adam-weight-decay", "dadapt-adam",
         {"lr": 0.5, "beta1": 0.8, "beta2": 0.95, "eps": 1e-3, "weight_decay": 0.2, "d0": 0.1},
         lambda: Zeros(Gaussian(1703))),
    Case("dadapt-adam-decoupled", "dadapt-adam",
         {"beta2": 0.95, "weight_decay": 0.2, "decouple": True, "d0": 0.01},
         lambda: Gaussian(1704)),
    Case("dadapt-adam-bias-correction", "dadapt-adam",
         {"d0": 0.01, "use_bias_correction": True}, lambda: Gaussian(1831)),
    Case("dadapt-adam-growth", "dadapt-adam", {"lr": 2.0, "d0": 0.01, "growth_rate": 1.1},
         lambda: Gaussian(1701)),
    Case("dadapt-adam-gaps", "dadapt-adam", {"d0": 0.05, "weight_decay": 0.1},
         lambda: _gaps(1703)),
    Case("dadapt-adam-zeros", "dadapt-adam",
         {"lr": 0.5, "d0": 1e-3, "weight_decay": 0.1, "decouple": True}, _zeros_at_first),
    Case("dadapt-adam-logistic", "dadapt-adam", {"d0": 0.01}, lambda: Logistic(1703)),
)

DADAPT_SGD = (
    Case("dadapt-sgd", "dadapt-sgd", {}, lambda: Near(Gaussian(1801), -18)),
    Case("dadapt-sgd-weight-decay", "dadapt-sgd",
         {"lr": 0.5, "momentum": 0.9, "weight_decay": 0.2, "d0": 0.1},
         lambda: Zeros(Gaussian(1802))),
    Case("dadapt-sgd-growth", "dadapt-sgd", {"momentum": 0.9, "d0": 0.1, "growth_rate": 1.1},
         lambda: Gaussian(1803)),
    Case("dadapt-sgd-gaps", "dadapt-sgd", {"momentum": 0.8, "weight_decay": 0.1, "d0": 0.1},
         lambda: _gaps(1804)),
    Case("dadapt-sgd-zeros", "dadapt-sgd", {"momentum": 0.5, "weight_decay": 0.1, "d0": 0.1},
         _zeros_at_first),
    Case("dadapt-sgd-logistic", "dadapt-sgd", {"momentum": 0.9, "d0": 0.01},
         lambda: Logistic(1805)),
)

SCHEDULE_FREE_ADAMW = (
    Case("schedule-free-adamw", "schedule-free-adamw", {}, lambda: Gaussian(1901)),
    Case("schedule-free-adamw-weight-decay", "schedule-free-adamw",
         {"lr": 0.05, "beta1": 0.8, "beta2": 0.95, "eps": 1e-3, "weight_decay": 0.2},
         lambda: Zeros(Gaussian(1902))),
    Case("schedule-free-adamw-warmup", "schedule-free-adamw",
         {"lr": 0.05, "warmup_steps": 8, "r": 1.5, "weight_lr_power": 1.0},
         lambda: Gaussian(1903)),
    Case("schedule-free-adamw-gaps", "schedule-free-adamw",
         {"lr": 0.01, "weight_decay": 0.1, "warmup_steps": 3}, lambda: _gaps(1904)),
    Case("schedule-free-adamw-magnitudes", "schedule-free-adamw", {"lr": 0.01},
         lambda: _magnitudes(1906)),
    Case("schedule-free-adamw-logistic", "schedule-free-adamw", {"lr": 0.05},
         lambda: Logistic(1907)),
)

SCHEDULE_FREE_SGD = (
    Case("schedule-free-sgd", "schedule-free-sgd", {}, lambda: Gaussian(2001)),
    Case("schedule-free-sgd-weight-decay", "schedule-free-sgd",
         {"lr": 0.05, "momentum": 0.8, "weight_decay": 0.2}, lambda: Zeros(Gaussian(2002))),
    Case("schedule-free-sgd-warmup", "schedule-free-sgd",
         {"lr": 0.05, "warmup_steps": 8, "r": 1.5, "weight_lr_power": 1.0},
         lambda: Gaussian(2003)),
    Case("schedule-free-sgd-gaps", "schedule-free-sgd",
         {"lr": 0.01, "weight_decay": 0.1, "warmup_steps": 3}, lambda: _gaps(2004)),
    Case("schedule-free-sgd-logistic", "schedule-free-sgd", {"lr": 0.5}, lambda: Logistic(2005)),
)

ADAFACTOR = (
    Case("adafactor", "adafactor", {}, lambda: Gaussian(4001)),
    Case("adafactor-matrices", "adafactor", {"lr": 0.05, "beta2_decay": -0.6},
         lambda: _matrices(4002)),
    Case("adafactor-weight-decay", "adafactor", {"lr": 0.05, "d": 1.25, "weight_decay": 0.1},
         lambda: Gaussian(4003)),
    Case("adafactor-maximize", "adafactor",
         {"lr": 0.05, "beta2_decay": -0.5, "weight_decay": 0.05, "maximize": True},
         lambda: Gaussian(4004)),
    Case("adafactor-epsilons", "adafactor", {"lr": 0.05, "eps1": 0.75, "eps2": 2.0},
         lambda: Gaussian(4005)),
    Case("adafactor-gaps", "adafactor", {"lr": 0.05, "weight_decay": 0.1}, lambda: _gaps(4006)),
    Case("adafactor-magnitudes", "adafactor", {"lr": 0.1},
         lambda: Magnitudes(4007, {"middle": (7, 5), "jumping": (3, 4)},
                            {"middle": (-12, 28), "jumping": (-12, 28)})),
    Case("adafactor-zeros", "adafactor", {"lr": 0.05}, lambda: Zeros(_matrices(4008))),
    Case("adafactor-logistic", "adafactor", {"lr": 0.1}, lambda: Logistic(4009)),
)

MUON = (
    Case("muon", "muon", {}, lambda: _only_matrices(4101)),
    Case("muon-match-rms", "muon",
         {"lr": 0.02, "momentum": 0.8, "nesterov": False, "match_rms_adamw": True},
         lambda: _only_matrices(4102)),
    Case("muon-weight-decay", "muon", {"lr": 0.02, "weight_decay": 2.0, "momentum": 0.0},
         lambda: _only_matrices(4103)),
    Case("muon-coefficients", "muon",
         {"lr": 0.02, "momentum": 0.9, "ns_a": 1.875, "ns_b": -1.25, "ns_c": 0.375, "ns_steps": 8},
         lambda: _only_matrices(4104)),
    Case("muon-epsilon", "muon", {"lr": 0.02, "eps": 8.0, "ns_steps": 2},
         lambda: _only_matrices(4105)),
    Case("muon-gaps", "muon", {"lr": 0.02},
         lambda: Gaps(Gaussian(4106, {"always": (7, 5), "late": (4, 6), "odd": (1, 1),
                                      "once": (3, 2), "never": (2, 2)}),
                      {"late": range(6, STEPS + 1), "odd": range(1, STEPS + 1, 2), "once": (7,),
                       "never": ()})),
    Case("muon-magnitudes", "muon", {"lr": 0.02, "eps": 1e-44},
         lambda: Magnitudes(4132, {"small": (3, 4), "middle": (7, 5), "huge": (2, 3)},
                            {"small": (-140, -120), "middle": (-10, 10), "huge": (100, 126)})),
    Case("muon-zeros", "muon", {"lr": 0.02}, lambda: Zeros(_only_matrices(4108))),
    Case("muon-logistic", "muon", {"lr": 0.1}, lambda: Columns(Logistic(4132))),
)

CAUTIOUS = (
    Case("adamw-cautious", "adamw", {"lr": 0.01, "weight_decay": 0.1, "cautious": True},
         lambda: Gaussian(5001)),
    Case("adamw-cautious-maximize", "adamw",
         {"lr": 0.01, "beta1": 0.8, "weight_decay": 0.1, "maximize": True, "cautious": True},
         lambda: Gaussian(5002)),
    Case("adamw-cautious-gaps", "adamw", {"lr": 0.01, "weight_decay": 0.1, "cautious": True},
         lambda: _gaps(5003)),
    Case("adamw-cautious-logistic", "adamw", {"lr": 0.05, "cautious": True},
         lambda: Logistic(5004)),
    Case("adamw-cautious-decay", "adamw",
         {"lr": 0.05, "weight_decay": 0.5, "cautious_weight_decay": True}, lambda: Gaussian(5005)),
    Case("adamw-cautious-both", "adamw",
         {"lr": 0.05, "weight_decay": 0.5, "cautious": True, "cautious_weight_decay": True},
         lambda: Gaussian(5006)),
    Case("lion-cautious", "lion", {"lr": 0.01, "weight_decay": 0.1, "cautious": True},
         lambda: Gaussian(5007)),
    Case("lion-cautious-cancelling", "lion",
         {"lr": 0.01, "beta1": 0.5, "beta2": 0.5, "weight_decay": 0.1, "cautious": True},
         _cancelling),
    Case("lion-cautious-decay", "lion",
         {"lr": 0.02, "beta1": 0.5, "beta2": 0.5, "weight_decay": 0.5,
          "cautious_weight_decay": True},
         _cancelling),
)

HYPERGRADIENT = (
    Case("sgd-hypergradient", "sgd", {"lr": 0.02, "hypergradient": 1e-5}, lambda: Gaussian(5101)),
    Case("sgd-hypergradient-momentum", "sgd",
         {"lr": 0.01, "momentum": 0.9, "hypergradient": 3e-7}, lambda: Gaussian(5112)),
    Case("adam-hypergradient", "adam", {"lr": 0.01, "hypergradient": 5e-5},
         lambda: Gaussian(5103)),
    Case("adam-hypergradient-logistic", "adam", {"lr": 0.02, "hypergradient": 1e-2},
         lambda: Logistic(5104)),
)

LOOKAHEAD = (
    Case("sgd-lookahead", "sgd",
         {"lr": 0.01, "momentum": 0.9, "lookahead_k": 3, "lookahead_alpha": 0.5},
         lambda: Gaussian(5201)),
    Case("adam-lookahead", "adam", {"lr": 0.01, "lookahead_k": 6}, lambda: Gaussian(5202)),
    Case("adam-lookahead-gaps", "adam", {"lr": 0.01, "lookahead_alpha": 0.25},
         lambda: _gaps(5203), steps=18),
)

CLIPPING = (
    Case("sgd-clip-norm", "sgd", {"lr": 0.05, "momentum": 0.9, "clip_norm": 2.0},
         lambda: Gaussian(5301)),
    Case("adam-clip-norm-gaps", "adam", {"lr": 0.01, "clip_norm": 9.0}, lambda: _gaps(5302)),
    Case("sgd-clip-value", "sgd", {"lr": 0.05, "momentum": 0.9, "clip_value": 0.7},
         lambda: Gaussian(5303)),
    Case("adam-clip-value", "adam", {"lr": 0.01, "clip_value": 0.4}, lambda: Gaussian(5304)),
    Case("adam-clip-norm-and-value", "adam", {"lr": 0.01, "clip_norm": 5.0, "clip_value": 0.5},
         lambda: Gaussian(5305)),
)

UNITS = (
    Case("sgd-centralize", "sgd", {"lr": 0.05, "momentum": 0.9, "centralize": True},
         lambda: _matrices(5401)),
    Case("adam-centralize", "adam", {"lr": 0.01, "centralize": True}, lambda: Gaussian(5402)),
    Case("sgd-agc", "sgd", {"lr": 0.5, "momentum": 0.5, "agc": 0.3}, lambda: _matrices(5403)),
    Case("adamw-agc", "adamw", {"agc": 0.8}, lambda: _matrices(5404)),
    Case("sgd-agc-logistic", "sgd", {"lr": 0.5, "agc": 0.2}, lambda: Logistic(5405)),
)

AVERAGES = (
    Case("sgd-ema", "sgd", {"lr": 0.05, "momentum": 0.9, "ema_decay": 0.9},
         lambda: Gaussian(5501)),
    Case("adamw-ema", "adamw", {"lr": 0.01, "ema_decay": 0.75}, lambda: Gaussian(5502)),
    Case("lion-ema", "lion", {"lr": 0.01, "ema_decay": 0.3}, lambda: Gaussian(5503)),
)

TOGETHER = (
    Case("adam-agc-lookahead", "adam",
         {"lr": 0.01, "agc": 0.5, "lookahead_k": 3, "lookahead_alpha": 0.5},
         lambda: Gaussian(5601)),
    Case("adamw-centralize-cautious", "adamw",
         {"lr": 0.01, "weight_decay": 0.1, "centralize": True, "cautious": True},
         lambda: _matrices(5602)),
    Case("sgd-centralize-agc-clip-value", "sgd",
         {"lr": 0.1, "centralize": True, "agc": 0.3, "clip_value": 0.5}, lambda: _matrices(5603)),
    Case("lion-cautious-ema", "lion",
         {"lr": 0.01, "weight_decay": 0.1, "cautious": True, "ema_decay": 0.8},
         lambda: Gaussian(5604)),
    Case("sgd-centralize-hypergradient", "sgd",
         {"lr": 0.02, "centralize": True, "hypergradient": 1e-5}, lambda: Gaussian(5605)),
)

OPTIONS = CAUTIOUS + HYPERGRADIENT + LOOKAHEAD + CLIPPING + UNITS + AVERAGES + TOGETHER

CASES = (
    SGD + ADAM + ADAMW + LION + SOPHIA_G + SOPHIA_H + ADA_FISHER + ADAGRAD + NADAM + LAMB + PRODIGY
    + ADADELTA + RMSPROP + ADAMAX + RADAM + ADABOUND + ADABELIEF + SWATS + ADAN + YOGI + LAPROP
    + ADOPT + ADEMAMIX + STABLE_ADAMW + MARS + SIGNUM + NOVOGRAD + LARS + TIGER + DADAPT_ADAM
    + DADAPT_SGD + SCHEDULE_FREE_ADAMW + SCHEDULE_FREE_SGD + ADAFACTOR + MUON
    + OPTIONS
)
