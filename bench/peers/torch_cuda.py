#!/usr/bin/env python3
"""PyTorch's optimizers on the same work as Panoptim's benchmarks, on a CUDA device.

Measures, per workload, PyTorch's fused and foreach AdamW and Adam: the step alone, and clip_grad_norm_,
step and zero_grad together; Muon on many small matrices; and a copy from device to device, which is the limit. Lion and Sophia have
no peer in PyTorch. Gradients are zeroed in place, so that their addresses stay, as Panoptim's do.

Every call lies between two events of its own. Before each that clips and zeroes, a copy within the device's
memory fills the gradients anew, outside of the events, so that none is timed on zeros; the smallest norm that
was clipped is in the results.

    torch_cuda.py [--device cuda|cpu] [--workloads NAME,...] [--rounds N] [--output FILE]

Prints one JSON object; without PyTorch or without a CUDA device, one line, and exit status 3. Contenders
take turns in every round, forwards and backwards, so that a clock that drifts favours none.
"""

import argparse
import datetime
import json
import platform
import signal
import statistics
import sys
import time

NOT_POSSIBLE = 3
# What AdamW and Adam read and write for each parameter in float32: value, gradient and two moments.
STEP_BYTES = 28


def gpt2_small():
    width = 768
    shapes = [(50257, width), (1024, width)]
    for _ in range(12):
        shapes += [(width,), (width,), (width, 3 * width), (3 * width,), (width, width), (width,)]
        shapes += [(width,), (width,), (width, 4 * width), (4 * width,), (4 * width, width), (width,)]
    return shapes + [(width,), (width,)]


# Memory comes by 512 bytes, and so do the tensors of Panoptim's benchmarks.
ALIGNMENT = 512 // 4

# For Muon alone.
MATRICES = "matrices-126"

WORKLOADS = {
    "few": lambda: [(64,)] * 5,
    "flat": lambda: [(1 << 25,)],
    "gpt2-small": gpt2_small,
    "small": lambda: [(64,)] * 2000,
    "small-10000": lambda: [(64,)] * 10000,
    MATRICES: lambda: [(128, 128)] * 126,
    "flat-1.5g": lambda: [(1_500_000_000,)],
}

USUAL = ("flat", "gpt2-small", "small", "small-10000", MATRICES, "flat-1.5g")


def elements(shapes):
    total = 0
    for shape in shapes:
        count = 1
        for extent in shape:
            count *= extent
        total += count
    return total


class Skipped(Exception):
    """A workload that cannot be measured here, and why."""


def nothing():
    pass


class CudaClock:
    """Time between events on the device's stream around each call, and of the host's calls alone."""

    def __init__(self, torch):
        self.torch = torch
        self.events = []

    def measure(self, contender, repeats):
        while len(self.events) < repeats:
            self.events.append([self.torch.cuda.Event(enable_timing=True) for _ in range(2)])
        self.torch.cuda.synchronize()
        host = 0.0
        for begin, end in self.events[:repeats]:
            contender.before()
            begin.record()
            start = time.perf_counter()
            contender.work()
            host += time.perf_counter() - start
            end.record()
        self.torch.cuda.synchronize()
        device = sum(begin.elapsed_time(end) for begin, end in self.events[:repeats])
        return device * 1e3 / repeats, host * 1e6 / repeats


class HostClock:
    """Wall-clock time, where the device is the host."""

    def measure(self, contender, repeats):
        spent = 0.0
        for _ in range(repeats):
            contender.before()
            start = time.perf_counter()
            contender.work()
            spent += time.perf_counter() - start
        return spent * 1e6 / repeats, spent * 1e6 / repeats


class Gradients:
    """The gradients of parameters in one buffer, and their first values in another."""

    def __init__(self, torch, parameters, device):
        rooms = [-(-parameter.numel() // ALIGNMENT) * ALIGNMENT for parameter in parameters]
        self.first = torch.empty(sum(rooms), device=device).normal_(0, 1e-3)
        self.buffer = torch.empty_like(self.first)
        self.refill()
        place = 0
        for parameter, room in zip(parameters, rooms):
            parameter.grad = self.buffer[place : place + parameter.numel()].view_as(parameter)
            place += room

    def refill(self):
        self.buffer.copy_(self.first)


class Call:
    """Something to time; `begin` comes before its turns."""

    def __init__(self, work, begin=nothing):
        self.work = work
        self.begin = begin
        self.before = nothing


class ClipStepZero:
    """clip_grad_norm_, step and zero_grad, with the gradients filled before each."""

    def __init__(self, torch, parameters, optimizer, gradients):
        self.torch = torch
        self.parameters = parameters
        self.optimizer = optimizer
        self.begin = nothing
        self.before = gradients.refill
        self.norms = []
        self.smallest_norm = float("inf")

    def work(self):
        clip = self.torch.nn.utils.clip_grad_norm_
        self.norms.append(clip(self.parameters, 1.0, foreach=True))
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=False)

    def look(self):
        """Takes the norms of the calls since the last time, which waits for them."""
        self.smallest_norm = min(self.smallest_norm, self.torch.stack(self.norms).min().item())
        self.norms.clear()


def summary(samples):
    """Median and spread of at least one sample."""
    ordered = sorted(samples)
    if len(ordered) < 2:
        low = high = ordered[0]
    else:
        low, _, high = statistics.quantiles(ordered, n=4, method="inclusive")
    return {
        "median": round(statistics.median(ordered), 3),
        "quartiles": [round(low, 3), round(high, 3)],
        "minimum": round(ordered[0], 3),
        "maximum": round(ordered[-1], 3),
        "samples": len(ordered),
    }


def take_turns(clock, contenders, rounds, target_us=20_000.0):
    """Times of every contender by name: (device, host) microseconds of one call, a pair a round."""

    def measure(contender, repeats):
        contender.begin()
        times = clock.measure(contender, repeats)
        if isinstance(contender, ClipStepZero):
            contender.look()
        return times

    repeats = {}
    for name, contender in contenders.items():
        measure(contender, 3)
        spent, _ = measure(contender, 2)
        repeats[name] = max(1, min(1000, int(target_us / max(spent, 1.0))))
    times = {name: [] for name in contenders}
    order = list(contenders)
    for turn in range(rounds):
        for name in order if turn % 2 == 0 else reversed(order):
            times[name].append(measure(contenders[name], repeats[name]))
    return times


def optimizers(torch, parameters, name, large):
    """The contenders; of large workloads only those whose states leave room."""
    if name == MATRICES:
        if not hasattr(torch.optim, "Muon"):
            raise Skipped(f"PyTorch {torch.__version__} has no Muon")
        return {"muon": torch.optim.Muon(parameters, lr=1e-3)}
    made = {
        "adamw-fused": torch.optim.AdamW(parameters, lr=1e-3, fused=True),
        "adamw-foreach": torch.optim.AdamW(parameters, lr=1e-3, foreach=True),
    }
    if not large:
        made["adam-fused"] = torch.optim.Adam(parameters, lr=1e-3, fused=True)
        made["adam-foreach"] = torch.optim.Adam(parameters, lr=1e-3, foreach=True)
    return made


def room(torch, device):
    if device == "cuda":
        return torch.cuda.mem_get_info()[0]
    import os

    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def measure_workload(torch, device, clock, name, rounds):
    shapes = WORKLOADS[name]()
    count = elements(shapes)
    large = count > 1_000_000_000
    # Values, gradients twice, two states a contender, and foreach's temporaries.
    needed = 4 * count * (3 + 2 * (2 if large else 4) + 3)
    free = room(torch, device)
    if needed > free:
        raise Skipped(f"needs {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free")
    parameters = [torch.nn.Parameter(torch.randn(shape, device=device)) for shape in shapes]
    gradients = Gradients(torch, parameters, device)
    parts = {}
    for contender, optimizer in optimizers(torch, parameters, name, large).items():
        # Others have zeroed the gradients.
        parts[contender, "step"] = Call(optimizer.step, gradients.refill)
        if contender.startswith("adamw"):
            parts[contender, "clip-step-zero"] = ClipStepZero(
                torch, parameters, optimizer, gradients
            )
    results = []
    for (contender, part), times in take_turns(clock, parts, rounds).items():
        spent = summary([device_us for device_us, _ in times])
        result = {
            "workload": name,
            "tensors": len(shapes),
            "parameters": count,
            "contender": contender,
            "part": part,
            "microseconds": spent,
            "host_microseconds": summary([host_us for _, host_us in times]),
        }
        if part == "step" and contender.startswith("adam"):
            result["gb_per_s"] = round(STEP_BYTES * count / spent["median"] / 1e3, 1)
        elif part != "step":
            result["smallest_gradient_norm"] = parts[contender, part].smallest_norm
        results.append(result)
    return results


def measure_copy(torch, device, clock, rounds):
    """Bandwidth of a copy, bytes read and written together."""
    size = (1 << 30) if device == "cuda" else (1 << 27)
    source = torch.ones(size // 4, device=device)
    target = torch.empty_like(source)
    times = take_turns(clock, {"copy": Call(lambda: target.copy_(source))}, rounds)["copy"]
    spent = summary([device_us for device_us, _ in times])
    return {
        "bytes": size,
        "microseconds": spent,
        "gb_per_s": round(2 * size / spent["median"] / 1e3, 1),
    }


def driver_version():
    try:
        with open("/proc/driver/nvidia/version", encoding="utf-8") as file:
            return file.readline().strip()
    except OSError:
        return None


def described(torch, device):
    found = {
        "program": "torch_cuda.py",
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "cuda": torch.version.cuda,
        "driver": driver_version(),
        "device": platform.processor() or platform.machine(),
    }
    if device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        found["device"] = properties.name
        found["compute_capability"] = f"{properties.major}.{properties.minor}"
        found["memory_bytes"] = properties.total_memory
    return found


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--workloads", default=",".join(USUAL))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--output", help="file that gets the JSON as well")
    found = parser.parse_args()
    found.workloads = found.workloads.split(",")
    unknown = [name for name in found.workloads if name not in WORKLOADS]
    if unknown:
        parser.error(f"no workload {', '.join(unknown)}; there are {', '.join(WORKLOADS)}")
    if found.rounds < 1:
        parser.error(f"--rounds {found.rounds}: at least 1 is needed")
    return found


def main():
    asked = arguments()
    try:
        import torch
    except ImportError as problem:
        print(f"torch_cuda.py: PyTorch cannot be imported: {problem}", file=sys.stderr)
        return NOT_POSSIBLE
    if asked.device == "cuda" and not torch.cuda.is_available():
        print(f"torch_cuda.py: PyTorch {torch.__version__} finds no CUDA device", file=sys.stderr)
        return NOT_POSSIBLE
    clock = CudaClock(torch) if asked.device == "cuda" else HostClock()
    report = described(torch, asked.device)
    report["copy"] = measure_copy(torch, asked.device, clock, asked.rounds)
    report["results"] = []
    report["skipped"] = {}
    for name in asked.workloads:
        try:
            report["results"] += measure_workload(torch, asked.device, clock, name, asked.rounds)
        except (Skipped, torch.OutOfMemoryError) as problem:
            report["skipped"][name] = str(problem).splitlines()[0]
        if asked.device == "cuda":
            torch.cuda.empty_cache()
    for result in report["results"]:
        if "gb_per_s" in result:
            result["of_copy"] = round(result["gb_per_s"] / report["copy"]["gb_per_s"], 3)
    text = json.dumps(report, indent=2)
    if asked.output:
        with open(asked.output, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    print(text)
    return 0


if __name__ == "__main__":
    # Ends quietly where its output is read no longer.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main())
