#!/usr/bin/env python3
"""A process of PyTorch's data-parallel AdamW over Gloo, stepped at the word of another process.

It does what DistributedDataParallel does after the backward pass, with gradient_as_bucket_view=True:
gradients are views of flat buckets, in the reverse order of the parameters, the first bucket of 1 MB and
the others of 25 MB, so that nothing is packed. A step divides every bucket by the number of processes and
starts its all-reduce, one after another without waiting, then waits for all of them, and takes the step
of AdamW(fused=True). In a training loop the first buckets would travel during the backward pass; here all
come at once, as they do for Panoptim.

Reads lines and answers each with one, which begins with "= ", unlike what libraries say. First the shapes
as JSON, for example [[768, 768], [768]]; the answer names PyTorch's version. Then
    refill               sets the gradients again
    step                 waits for all processes and takes a step; the answer is the step's seconds
    states               how many bytes of states this process has
    value TENSOR INDEX   the element of a tensor
Element i of a tensor is (i mod 101) / 50 - 1, that of its gradient ((i + rank) mod 97) / 48 - 1. AdamW's
epsilon is 1: with a small one it takes the same step whatever the gradients are multiplied by, and a sum
would pass for a mean.
"""

import argparse
import json
import os
import sys
import time

FIRST_BUCKET_BYTES = 1 << 20
BUCKET_BYTES = 25 << 20
FLOAT_BYTES = 4


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rank", type=int, required=True)
    parser.add_argument("--world", type=int, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    return parser.parse_args()


def bucketed(tensors):
    """The tensors in the buckets of DistributedDataParallel: one is full when it has reached its size."""
    buckets, bucket, size, limit = [], [], 0, FIRST_BUCKET_BYTES
    for tensor in reversed(tensors):
        bucket.append(tensor)
        size += tensor.numel() * FLOAT_BYTES
        if size >= limit:
            buckets.append(bucket)
            bucket, size, limit = [], 0, BUCKET_BYTES
    return buckets + [bucket] if bucket else buckets


def main():
    options = arguments()
    import torch
    import torch.distributed as dist

    torch.set_num_threads(options.threads)
    # Otherwise Gloo takes the interface of the host's name.
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"

    def fill(flat, period, half, first):
        pattern = ((torch.arange(period) + first) % period).to(torch.float32) / half - 1
        whole = flat.numel() // period * period
        flat[:whole].view(-1, period).copy_(pattern.expand(whole // period, period))
        flat[whole:].copy_(pattern[: flat.numel() - whole])

    tensors = []
    for shape in json.loads(sys.stdin.readline()):
        tensor = torch.nn.Parameter(torch.empty(shape))
        fill(tensor.detach().view(-1), 101, 50, 0)
        tensors.append(tensor)
    buckets = []
    for members in bucketed(tensors):
        bucket = torch.zeros(sum(tensor.numel() for tensor in members))
        place = 0
        for tensor in members:
            tensor.grad = bucket[place : place + tensor.numel()].view(tensor.shape)
            place += tensor.numel()
        buckets.append(bucket)

    def refill():
        for tensor in tensors:
            fill(tensor.grad.view(-1), 97, 48, options.rank)

    refill()
    optimizer = torch.optim.AdamW(tensors, eps=1.0, foreach=False, fused=True)
    dist.init_process_group(
        "gloo",
        init_method="tcp://127.0.0.1:%d" % options.port,
        rank=options.rank,
        world_size=options.world,
    )

    def step():
        dist.barrier()
        start = time.perf_counter()
        works = []
        for bucket in buckets:
            bucket.div_(options.world)
            works.append(dist.all_reduce(bucket, async_op=True))
        for work in works:
            work.wait()
        optimizer.step()
        return repr(time.perf_counter() - start)

    def states():
        return sum(
            state.numel() * state.element_size()
            for of_tensor in optimizer.state.values()
            for name, state in of_tensor.items()
            if name != "step"
        )

    print("=", torch.__version__, flush=True)
    for line in sys.stdin:
        word, *rest = line.split()
        if word == "refill":
            refill()
            answer = "done"
        elif word == "step":
            answer = step()
        elif word == "states":
            answer = states()
        elif word == "value":
            answer = repr(tensors[int(rest[0])].detach().view(-1)[int(rest[1])].item())
        else:
            raise ValueError("there is no word '%s'" % word)
        print("=", answer, flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
