#!/usr/bin/env python3
"""Records the learning rates of PyTorch's schedulers; README.md says what there is in the file.

record.py            records schedules.safetensors in this folder
record.py --check    records them anew and compares every byte with that file
"""

import argparse
import json
import math
import struct
import sys
from pathlib import Path

import torch
from torch.optim import lr_scheduler as lr

FILE = Path(__file__).resolve().parent / "schedules.safetensors"
TORCH_VERSION = "2.13.0"
STEPS = 1000


def multiplier(epoch):
    """A multiplier that every language calculates alike."""
    return 1 - 1 / ((epoch + 9) * (epoch + 9))


SCHEDULERS = {
    "step": lambda o: lr.StepLR(o, 30, 0.7),
    "multi-step": lambda o: lr.MultiStepLR(o, [1, 30, 31, 80, 999], 0.3),
    "constant": lambda o: lr.ConstantLR(o, 0.47, 400),
    "linear": lambda o: lr.LinearLR(o),
    "linear-up": lambda o: lr.LinearLR(o, 0.01, 1.0, 700),
    "linear-down": lambda o: lr.LinearLR(o, 0.9, 0.2, 999),
    "linear-to-zero": lambda o: lr.LinearLR(o, 1.0, 0.0, 500),
    "linear-below-zero": lambda o: lr.LinearLR(o, 0.1, 0.0, 1000 - 1),
    "exponential": lambda o: lr.ExponentialLR(o, 0.99),
    "exponential-to-zero": lambda o: lr.ExponentialLR(o, 0.4),
    "polynomial": lambda o: lr.PolynomialLR(o, 800),
    "polynomial-0.9": lambda o: lr.PolynomialLR(o, 999, 0.9),
    "polynomial-2": lambda o: lr.PolynomialLR(o, 700, 2.0),
    "multiplicative": lambda o: lr.MultiplicativeLR(o, multiplier),
    "cosine": lambda o: lr.CosineAnnealingLR(o, 999),
    "cosine-floor": lambda o: lr.CosineAnnealingLR(o, 999, 0.1),
    "cosine-warm-restarts": lambda o: lr.CosineAnnealingWarmRestarts(o, 100),
    "cosine-warm-restarts-3": lambda o: lr.CosineAnnealingWarmRestarts(o, 20, 3, 0.05),
    "cosine-warm-restarts-long": lambda o: lr.CosineAnnealingWarmRestarts(o, 1000),
    "cyclic-triangular": lambda o: lr.CyclicLR(o, 0.1, 1.0, 70),
    "cyclic-triangular2": lambda o: lr.CyclicLR(o, 0.05, 0.7, 40, 90, mode="triangular2"),
    "cyclic-exp-range": lambda o: lr.CyclicLR(
        o, 0.1, 1.0, 50, 20, mode="exp_range", gamma=0.995, base_momentum=0.5, max_momentum=0.95),
    "one-cycle": lambda o: lr.OneCycleLR(o, 1.0, STEPS),
    "sequential": lambda o: lr.SequentialLR(
        o,
        [lr.LinearLR(o, 0.01, 1.0, 100), lr.ConstantLR(o, 0.5, 50), lr.ExponentialLR(o, 0.995),
         lr.MultiStepLR(o, [1, 50], 0.3), lr.PolynomialLR(o, 100)],
        [100, 300, 700, 900]),
    "sequential-restarts": lambda o: lr.SequentialLR(
        o, [lr.LinearLR(o, 0.01, 1.0, 50), lr.CosineAnnealingWarmRestarts(o, 100, 2)], [50]),
    "chained": lambda o: lr.ChainedScheduler(
        [lr.ConstantLR(o, 0.3, 20), lr.ExponentialLR(o, 0.999), lr.LinearLR(o, 0.2, 0.9, 300),
         lr.StepLR(o, 70, 0.9), lr.MultiStepLR(o, [1, 500], 0.5), lr.PolynomialLR(o, 2000),
         lr.MultiplicativeLR(o, multiplier)]),
}
# Of these the closed form is recorded, too.
CLOSED_FORMS = ("polynomial-0.9", "polynomial-2", "cosine", "cosine-floor")
# Of these the momentum is recorded, too.
MOMENTA = ("cyclic-triangular", "cyclic-triangular2", "cyclic-exp-range", "one-cycle")

SHAPES = {
    "linear": lambda part: 1 - part,
    "cosine": lambda part: (1 + math.cos(math.pi * part)) / 2,
    "1-sqrt": lambda part: 1 - math.sqrt(part),
}


def warmup_stable_decay(step, warmup, stable, decay, shape, floor):
    """The rate at a step, from 1: Hägele et al., 2024, section 3, with a rate to end at."""
    if step <= warmup:
        return step / warmup
    if step <= warmup + stable:
        return 1.0
    part = min(step - (warmup + stable), decay) / decay
    return floor + (1 - floor) * SHAPES[shape](part)


FORMULAS = {
    "wsd-linear": lambda step: warmup_stable_decay(step, 100, 500, 399, "linear", 0.0),
    "wsd-cosine": lambda step: warmup_stable_decay(step, 30, 600, 300, "cosine", 0.1),
    "wsd-1-sqrt": lambda step: warmup_stable_decay(step, 0, 700, 299, "1-sqrt", 0.05),
}


def tensors():
    """What is recorded, by name."""
    recorded = {}
    for name, make in SCHEDULERS.items():
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0, momentum=0.9)
        scheduler = make(optimizer)
        group = optimizer.param_groups[0]
        rates, momenta = [], []
        for step in range(STEPS):
            rates.append(group["lr"])
            momenta.append(group["momentum"])
            optimizer.step()
            if step < STEPS - 1:
                scheduler.step()
        recorded[f"{name}/rate"] = rates
        if name in MOMENTA:
            recorded[f"{name}/momentum"] = momenta
        if name in CLOSED_FORMS:
            recorded[f"{name}/closed_form"] = closed_form(scheduler)
    for name, formula in FORMULAS.items():
        recorded[f"{name}/rate"] = [formula(step) for step in range(1, STEPS + 1)]
    return recorded


def closed_form(scheduler):
    """The rates of a scheduler's closed form, which it takes when it is told an epoch."""
    rates = []
    for epoch in range(STEPS):
        scheduler.last_epoch = epoch
        rates.append(scheduler._get_closed_form_lr()[0])
    return rates


def to_bytes(recorded):
    """A safetensors file of lists of doubles, with bytes that depend on these only."""
    header = {"__metadata__": {"torch": TORCH_VERSION}}
    offset = 0
    for name, values in recorded.items():
        end = offset + 8 * len(values)
        header[name] = {"dtype": "F64", "shape": [len(values)], "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    data = b"".join(struct.pack(f"<{len(values)}d", *values) for values in recorded.values())
    return struct.pack("<Q", len(text)) + text + data


def main(arguments=None):
    """Does what the command line says; 0 done, 1 the check failed, 2 not the right PyTorch."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare instead of recording")
    options = parser.parse_args(arguments)
    version = torch.__version__.split("+")[0]
    if version != TORCH_VERSION:
        print(f"record.py: needs torch {TORCH_VERSION} but this is {version}", file=sys.stderr)
        return 2
    content = to_bytes(tensors())
    if not options.check:
        FILE.write_bytes(content)
        return 0
    if FILE.read_bytes() != content:
        print(f"{FILE.name}: recorded anew, it is another file", file=sys.stderr)
        return 1
    print(f"{FILE.name}: recorded anew, equal in every byte")
    return 0


if __name__ == "__main__":
    sys.exit(main())
