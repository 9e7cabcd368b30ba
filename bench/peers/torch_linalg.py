#!/usr/bin/env python3
"""Inverses of a model's Kronecker factors in PyTorch, one call per factor.

The work of org.panoptim.bench.KfacRefresh: the damped second moment of correlated rows for every
linear layer of ResNet-50 and GPT-2 small, inverted by torch.linalg.cholesky_ex and
torch.cholesky_inverse. Prints JSON: seconds of a refresh, the median of some.

    python3 bench/peers/torch_linalg.py [--threads 2] [--device cpu] [--repeat 3] [--method cholesky]
"""
import argparse
import json
import statistics
import time

import torch


def resnet50():
    yield from (147, 64)
    inputs = 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            yield from (inputs, width, 9 * width, width, width, 4 * width)
            if block == 0:
                yield from (inputs, 4 * width)
            inputs = 4 * width
    yield from (2049, 1000)


def gpt2_small():
    for _ in range(12):
        yield from (769, 2304, 769, 768, 769, 3072, 3073, 768)


def factor(n, device):
    rows = torch.randn(256, n, device=device)
    for column in range(1, n):
        rows[:, column] = 0.8 * rows[:, column - 1] + 0.6 * rows[:, column]
    return rows.T @ rows / 256 + 0.1 * torch.eye(n, device=device)


def cholesky(matrix):
    lower, failed = torch.linalg.cholesky_ex(matrix)
    return torch.cholesky_inverse(lower)


def eigh(matrix):
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors / values) @ vectors.T


MODELS = {
    "resnet50": resnet50,
    "gpt2_small": gpt2_small,
    "tiny": lambda: (21, 30, 30, 7),
}

METHODS = {"cholesky": cholesky, "inv": torch.linalg.inv, "eigh": eigh}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--method", choices=METHODS, default="cholesky")
    parser.add_argument("--model", choices=MODELS, action="append")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    on_device = options.device != "cpu"
    results = []
    for name in options.model or ("resnet50", "gpt2_small"):
        sizes = list(MODELS[name]())
        unlike = {n: factor(n, options.device) for n in set(sizes)}
        seconds = []
        for _ in range(options.repeat + 1):
            begin = time.perf_counter()
            for n in sizes:
                METHODS[options.method](unlike[n])
            if on_device:
                torch.cuda.synchronize()
            seconds.append(time.perf_counter() - begin)
        measured = seconds[1:]
        results.append(
            {
                "model": name,
                "method": options.method,
                "factors": len(sizes),
                "seconds": statistics.median(measured),
                "from": min(measured),
                "to": max(measured),
                "all_seconds": measured,
            }
        )
    print(
        json.dumps(
            {
                "torch": torch.__version__,
                "device": options.device,
                "threads": options.threads,
                "results": results,
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
