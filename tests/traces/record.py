#!/usr/bin/env python3
"""Records the optimizer traces in this folder; README.md says what they are.

record.py            records all traces into this folder
record.py NAME...    records the named ones, such as adamw-gaps, and leaves all others alone
record.py --check    records them anew elsewhere and compares every byte with this folder
record.py --report   prints how far the float32 runs stray from those in float64

The names go with --check and --report too.
"""

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors
import torch

import trace_file
from cases import CASES
from options import start

HERE = Path(__file__).resolve().parent
TORCH_VERSION = "2.13.0"
SUFFIX = ".safetensors"


@dataclass
class Recording:
    """The tensors of a trace, and the two runs that gave its expected values."""

    tensors: dict
    single: object
    double: object


def record(case):
    """Runs a case in float32 and, on the same inputs, in float64."""
    source = case.source()
    initial = source.initial()
    single = start(case.rule, case.settings, initial, np.float32)
    double = start(case.rule, case.settings, initial, np.float64)
    inputs = {f"param/{name}": np.array(value) for name, value in initial.items()}
    expected = {}
    for step in range(1, case.steps + 1):
        gradients, curvatures = source.at(step, single.parameters())
        assert gradients, f"{case.name}: step {step} has no gradient at all"
        inputs |= {f"grad/{step}/{name}": value for name, value in gradients.items()}
        inputs |= {f"hess/{step}/{name}": value for name, value in curvatures.items()}
        single.step(gradients, curvatures)
        double.step(gradients, curvatures)
        for name, value in single.parameters().items():
            expected[f"expect/{step}/param/{name}"] = value
    tensors = inputs | expected | _outcome("expect", single) | _outcome("expect64", double)
    return Recording(tensors, single, double)


def _outcome(prefix, run):
    """The parameters and states that a run ended with, rounded to float32."""
    values = {f"{prefix}/param/{name}": value for name, value in run.parameters().items()}
    for (slot, name), value in run.states().items():
        values[f"{prefix}/state/{slot}/{name}"] = value
    for slot, value in run.rule_states().items():
        values[f"{prefix}/rule/{slot}"] = value
    values |= {f"{prefix}/ema/{name}": value for name, value in run.averages().items()}
    with np.errstate(over="ignore"):
        return {name: np.asarray(value, np.float32) for name, value in values.items()}


def metadata(case):
    """The metadata of a trace: rule, settings, and number of steps."""
    settings = ",".join(f"{key}={_text(value)}" for key, value in case.settings.items())
    return {"rule": case.rule, "set": settings, "steps": str(case.steps)}


def _text(value):
    return str(value).lower() if isinstance(value, bool) else repr(value)


def select(names):
    """The cases of these names, in the order of the list; all if there are none."""
    unknown = sorted(set(names) - {case.name for case in CASES})
    if unknown:
        raise ValueError(f"no case is named {', '.join(unknown)}; cases.py lists them")
    return [case for case in CASES if not names or case.name in names]


def record_into(folder, cases):
    """Writes the traces of the cases into the folder, and touches no other file there."""
    for case in cases:
        trace_file.write(folder / (case.name + SUFFIX), record(case).tensors, metadata(case))


def check(cases):
    """What differs between this folder and a fresh recording of the cases, one line a file; of
    all cases, also which files no case records."""
    with tempfile.TemporaryDirectory() as name:
        fresh = Path(name)
        record_into(fresh, cases)
        folders = (HERE, fresh) if len(cases) == len(CASES) else (fresh,)
        names = {path.name for folder in folders for path in folder.glob("*" + SUFFIX)}
        return [line for name in sorted(names)
                if (line := _difference(HERE / name, fresh / name))]


def _difference(committed, fresh):
    """How two trace files differ, or None if they do not."""
    if not fresh.exists():
        return f"{committed.name}: no case records it"
    if not committed.exists():
        return f"{committed.name}: missing"
    if committed.read_bytes() == fresh.read_bytes():
        return None
    try:
        old, new = trace_file.read(committed), trace_file.read(fresh)
    except safetensors.SafetensorError as error:
        return f"{committed.name}: not a safetensors file ({error})"
    if old.keys() != new.keys() or any(old[name].shape != new[name].shape for name in old):
        return f"{committed.name}: other tensors"
    units = {name: _units_apart(old[name], new[name]) for name in old}
    name = max(units, key=units.get)
    if not units[name]:
        return f"{committed.name}: other metadata or order"
    return f"{committed.name}: {name} differs by up to {units[name]} units in the last place"


def _units_apart(a, b):
    """The largest distance between two arrays of float32, in units in the last place."""
    return int(np.max(np.abs(_ordered(a) - _ordered(b)), initial=0))


def _ordered(array):
    """Whole numbers in the order of the floats, neighbours one apart, and -0 one below +0."""
    bits = array.view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFFFFFF) - 1, bits)


def report(cases):
    """Prints, for the final parameters and every slot, how far float32 strays from float64."""
    print("| trace | set | values | relative to the element | relative to the tensor |")
    print("| --- | --- | --- | --- | --- |")
    for case in cases:
        recording = record(case)
        for kind, pairs in _by_kind(recording).items():
            element = max(_relative(*pair) for pair in pairs)
            tensor = max(_relative_to_largest(*pair) for pair in pairs)
            settings = metadata(case)["set"]
            print(f"| {case.name} | {settings} | {kind} | {element:.1e} | {tensor:.1e} |")


def _by_kind(recording):
    """Pairs of final arrays (float32, float64), those of the parameters and those of each slot."""
    single, double = recording.single, recording.double
    pairs = {"param": [(value, double.parameters()[name])
                       for name, value in single.parameters().items()]}
    for (slot, name), value in single.states().items():
        pairs.setdefault(slot, []).append((value, double.states()[slot, name]))
    for slot, value in single.rule_states().items():
        pairs[slot] = [(value, double.rule_states()[slot])]
    if averages := double.averages():
        pairs["ema"] = [(value, averages[name]) for name, value in single.averages().items()]
    return pairs


def _relative(single, double):
    """The largest difference of an element, relative to it in float64; a zero is left out."""
    used = (double != 0) & np.isfinite(single)
    return np.max(np.abs(single - double)[used] / np.abs(double)[used], initial=0.0)


def _relative_to_largest(single, double):
    """The largest difference of an element, relative to the tensor's largest in float64."""
    used = np.isfinite(single)
    largest = np.max(np.abs(double[used]), initial=0.0)
    return np.max(np.abs(single - double)[used], initial=0.0) / largest if largest else 0.0


def main(arguments=None):
    """Does what the command line says; 0 done, 1 the check failed, 2 an unknown name or not the
    right PyTorch."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a trace; all if none is named")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--check", action="store_true", help="compare instead of recording")
    action.add_argument("--report", action="store_true", help="print rounding instead of recording")
    parser.add_argument("--any-torch", action="store_true",
                        help=f"run with a PyTorch other than {TORCH_VERSION}")
    options = parser.parse_args(arguments)
    try:
        cases = select(options.names)
    except ValueError as error:
        parser.error(str(error))
    version = torch.__version__.split("+")[0]
    if version != TORCH_VERSION and not options.any_torch:
        print(f"record.py: needs torch {TORCH_VERSION} but this is {version}; "
              "--any-torch runs all the same", file=sys.stderr)
        return 2
    if options.report:
        report(cases)
    elif options.check:
        differences = check(cases)
        print("\n".join(differences) or f"traces recorded anew, equal in every byte: {len(cases)}")
        return 1 if differences else 0
    else:
        record_into(HERE, cases)
        print(f"traces recorded: {len(cases)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
