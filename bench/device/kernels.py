#!/usr/bin/env python3
"""Times Panoptim's kernels one by one, without Java; see README.md here.

    kernels.py --image NAME=FILE [--image NAME=FILE ...] [--workload NAME,...] [--rule NAME,...]
               [--model NAME,...] [--output FILE]

An image is a cubin, a fat binary, PTX, or the jar panoptim-kernels. All images must leave the same
bytes; exit status 1 if they do not, or if an inverse is wrong; 2 for bad usage; 3 where there is no
device or no such image. Needs numpy and a driver (any libcuda.so.1) and nothing else.
"""

import argparse
import signal
import sys

import workloads


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image", action="append", required=True, metavar="NAME=FILE")
    parser.add_argument("--workload", default="", help="their steps, by commas, or none")
    parser.add_argument("--rule", default="adamw", help="of the steps, by their kernels' names")
    parser.add_argument("--model", default="", help="their Kronecker factors, by commas, or none")
    parser.add_argument("--rows", type=int, default=4096, help="of a micro-batch of factors")
    parser.add_argument(
        "--blocks",
        default="balanced",
        help="of measure and update: balanced, all that the device holds, or a share of them",
    )
    parser.add_argument("--order", default="backwards", help="of the update's chunks")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--no-check", action="store_true", help="do not compare bytes")
    parser.add_argument(
        "--once", action="store_true", help="run every kernel and time none, for other tools"
    )
    parser.add_argument("--output", metavar="FILE", help="gets the figures as JSON")
    parser.add_argument("--library", default="libcuda.so.1", help="of CUDA's driver")
    asked = parser.parse_args()
    listed = lambda text: [name for name in text.split(",") if name]
    for name in ("workload", "rule", "model", "blocks", "order"):
        setattr(asked, name, listed(getattr(asked, name)))
    one_of = lambda what, names, known: [
        parser.error(f"no {what} '{name}'; there are {', '.join(known)}")
        for name in names
        if name not in known
    ]
    one_of("workload", asked.workload, [*workloads.WORKLOADS, "tiny"])
    one_of("model", asked.model, [*workloads.MODELS, "tiny"])
    one_of("order", asked.order, ["backwards", "forwards"])
    for blocks in asked.blocks:
        if blocks not in ("balanced", "all") and not 0 < share(blocks) <= 1:
            parser.error(f"--blocks {blocks}: balanced, all, or a share above 0 and up to 1")
    for number in ("rounds", "rows"):
        if getattr(asked, number) < 1:
            parser.error(f"--{number} {getattr(asked, number)}: at least 1 is needed")
    asked.image = [image.partition("=") for image in asked.image]
    for name, equals, path in asked.image:
        if not (name and equals and path):
            parser.error(f"--image {name}{equals}{path}: NAME=FILE is needed")
    if not asked.workload and not asked.model:
        parser.error("--workload or --model is needed")
    return asked


def share(text):
    try:
        return float(text)
    except ValueError:
        return 0.0


def measure_copy(driver, clock, report):
    """A copy within the device, which is the limit."""
    import numpy as np

    from clock import Candidate, summary
    from driver import Memory

    size = 1 << (20 if driver.virtual else 30)
    with Memory(driver) as memory:
        source, target = memory.allocate(size), memory.allocate(size)
        block = np.random.default_rng(3).standard_normal(1 << 18, dtype=np.float32)
        driver.fill(source, size, block)
        copy = Candidate("copy", [lambda: driver.copy(target, source, size)])
        report.copy(summary(clock.take_turns([copy])[0]), size)


def run(asked):
    from clock import Clock, OnceClock
    from driver import Driver, Image, rule_names
    from factors import FactorFigures
    from report import Report
    from step import StepFigures

    driver = Driver(asked.library)
    images = [Image(driver, name, path) for name, _, path in asked.image]
    for rule in asked.rule:
        described = images[0].rule(rule)
        if not described:
            print(
                f"kernels.py: no rule '{rule}'; there are {', '.join(rule_names())}",
                file=sys.stderr,
            )
            return 2
        if not described.plain:
            print(
                f"kernels.py: rule '{rule}' has several phases, or states that are not of elements",
                file=sys.stderr,
            )
            return 2
    print(f"{driver.name}, {driver.multiprocessors} multiprocessors", flush=True)
    facts = {
        "program": "bench/device/kernels.py",
        "device": driver.name,
        "virtual": driver.virtual,
        "driver_serves_cuda": driver.version,
        "compute_capability": driver.capability,
        "multiprocessors": driver.multiprocessors,
        "l2_bytes": driver.l2_bytes,
        "memory_bytes": driver.memory_bytes,
        "images": {name: path for name, _, path in asked.image},
    }
    report = Report(facts, asked.output)
    shrink = driver.virtual
    clock = OnceClock(driver) if asked.once else Clock(driver, 1 if shrink else asked.rounds)
    if not asked.once:
        measure_copy(driver, clock, report)
    steps = StepFigures(driver, clock, images, report)
    for name in asked.workload:
        sizes = workloads.workload(name, shrink)
        for rule in asked.rule:
            steps.run(name, sizes, rule, asked.blocks, asked.order, not asked.no_check)
    factors = FactorFigures(driver, clock, images, report)
    for name in asked.model:
        factors.run(
            name, workloads.model(name, shrink), 40 if shrink else asked.rows, not asked.once
        )
    return 1 if report.failed else 0


def main():
    asked = arguments()
    try:
        import numpy
    except ImportError as problem:
        print(f"kernels.py: numpy cannot be imported: {problem}", file=sys.stderr)
        return 3
    from driver import CudaError, NotPossible

    try:
        return run(asked)
    except NotPossible as problem:
        print(f"kernels.py: {problem}", file=sys.stderr)
        return 3
    except CudaError as problem:
        print(f"kernels.py: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    # Ends quietly where its output is read no longer.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main())
