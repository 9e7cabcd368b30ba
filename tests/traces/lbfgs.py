#!/usr/bin/env python3
"""Records runs of PyTorch's L-BFGS in lbfgs/; README.md says what is in them.

lbfgs.py            records all runs into the folder
lbfgs.py --check    records them anew elsewhere and compares every byte
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

import trace_file

HERE = Path(__file__).resolve().parent / "lbfgs"
TORCH_VERSION = "2.13.0"

# Runs with gradients and points that are off by up to so much of each element, and how many.
PERTURBATION = 2.0**-20
PERTURBED_RUNS = 64


def rosenbrock(x):
    """(1 - a)^2 + 100 (b - a^2)^2 and its gradient."""
    a, b = x
    valley = b - a * a
    gradient = np.array([-2 * (1 - a) - 400 * a * valley, 200 * valley])
    return (1 - a) ** 2 + 100 * valley * valley, gradient


ROWS = np.array([[3, 1, 0, 0, 1], [1, 4, 1, 0, 0], [0, 1, 2, 1, 0], [0, 0, 1, 5, 1],
                 [1, 0, 0, 1, 3], [2, 0, 1, 0, 0], [0, 3, 0, 1, 0]], float)
TARGETS = np.array([1, -2, 3, 0, 2, -1, 1], float)


def least_squares(x):
    """Half the square of the residual, and its gradient."""
    residual = ROWS @ x - TARGETS
    return residual @ residual / 2, ROWS.T @ residual


# Name: function, start, how many of its elements are the first tensor, settings, steps. What is not
# a float32 would not start at the same point.
CASES = {
    "rosenbrock": (rosenbrock, [-1.25, 1], 1, {"lr": 0.125, "max_iter": 6}, 4),
    "rosenbrock-wolfe": (
        rosenbrock, [-1.25, 1], 1, {"line_search_fn": "strong_wolfe", "max_iter": 5}, 4),
    "rosenbrock-wolfe-short-history": (
        rosenbrock, [-1.25, 1], 1,
        {"line_search_fn": "strong_wolfe", "max_iter": 8, "history_size": 2}, 3),
    "least-squares": (
        least_squares, [1, -1, 2, 0.5, -2], 2, {"max_iter": 4, "history_size": 3}, 3),
    "least-squares-wolfe": (
        least_squares, [1, -1, 2, 0.5, -2], 2,
        {"line_search_fn": "strong_wolfe", "max_iter": 4}, 3),
}


class Run:
    """What a run comes by: each point at which the loss was evaluated, and the loss there."""

    def __init__(self, case, random=None):
        self.function, start, cut, settings, steps = case
        self.random = random
        self.points = []
        self.losses = []
        start = torch.tensor(start, dtype=torch.float64)
        self.parameters = [part.clone() for part in (start[:cut], start[cut:])]
        optimizer = torch.optim.LBFGS(self.parameters, **settings)
        for _ in range(steps):
            optimizer.step(self.evaluate)
        self.points.append(self.point())

    def point(self):
        """All parameters as one array."""
        return torch.cat(self.parameters).numpy().copy()

    def evaluate(self):
        """The closure."""
        point = self.point()
        loss, gradient = self.function(self.perturbed(point))
        gradient = torch.from_numpy(self.perturbed(gradient))
        sizes = [parameter.numel() for parameter in self.parameters]
        for parameter, part in zip(self.parameters, gradient.split(sizes)):
            parameter.grad = part.clone()
        self.points.append(point)
        self.losses.append(loss)
        return torch.tensor(loss, dtype=torch.float64)

    def perturbed(self, values):
        """The values, off by a little if this run is to be."""
        if self.random is None:
            return values
        return values * (1 + PERTURBATION * self.random.uniform(-1, 1, values.shape))


def record(case):
    """The tensors of a case's file."""
    run = Run(case)
    points = np.array(run.points)
    spread = np.zeros(len(points))
    random = np.random.default_rng(17)
    for _ in range(PERTURBED_RUNS):
        other = np.array(Run(case, random).points)
        common = min(len(points), len(other))
        spread[:common] = np.maximum(
            spread[:common], np.abs(points[:common] - other[:common]).max(axis=1))
        # A run that takes other turns has another number of evaluations.
        spread[common:] = np.inf
    tensors = {"points": points, "losses": np.array(run.losses), "spread": spread / PERTURBATION}
    return {name: np.asarray(value, np.float32) for name, value in tensors.items()}


def record_into(folder):
    """Writes all files."""
    for name, case in CASES.items():
        _, _, cut, settings, steps = case
        metadata = {"cut": str(cut), "steps": str(steps)}
        metadata |= {key: str(value) for key, value in settings.items()}
        trace_file.write(folder / (name + ".safetensors"), record(case), metadata)


def main():
    """Does what the command line says; 0 done, 1 the check failed, 2 not the right PyTorch."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare instead of recording")
    options = parser.parse_args()
    version = torch.__version__.split("+")[0]
    if version != TORCH_VERSION:
        print(f"lbfgs.py: needs torch {TORCH_VERSION} but this is {version}", file=sys.stderr)
        return 2
    if not options.check:
        record_into(HERE)
        return 0
    with tempfile.TemporaryDirectory() as name:
        fresh = Path(name)
        record_into(fresh)
        names = {path.name for folder in (HERE, fresh) for path in folder.iterdir()}
        different = [each for each in sorted(names)
                     if not (HERE / each).exists() or not (fresh / each).exists()
                     or (HERE / each).read_bytes() != (fresh / each).read_bytes()]
    for each in different:
        print(f"{each}: differs")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
