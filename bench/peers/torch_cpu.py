#!/usr/bin/env python3
"""PyTorch's AdamW, on the CPU or on CUDA, stepped at the word of another process: both take turns.

Reads lines and answers each with one, which begins with "= ", unlike what libraries say. First the shapes as JSON, for example [[768, 768], [768]];
the answer names PyTorch's version. Then
    step                 takes a step; the answer is the seconds that it took
    clip_step_zero       clips to a global norm of 1, steps and zeroes; seconds, too. On CUDA the gradients
                         are set again before, untimed, so that it never finds zeros
    refill               sets the gradients again
    value TENSOR INDEX   the element of a tensor
    gradient TENSOR INDEX
Element i of a tensor is (i mod 101) / 50 - 1, that of its gradient (i mod 97) / 48 - 1.
"""

import argparse
import json
import sys
import time


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variant", choices=("fused", "foreach"), required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    return parser.parse_args()


def main():
    options = arguments()
    import torch

    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("PyTorch %s finds no CUDA device" % torch.__version__)
    torch.set_num_threads(options.threads)

    def fill(shape, period, half):
        count = 1
        for size in shape:
            count *= size
        places = torch.arange(count, dtype=torch.int32, device=options.device)
        return ((places % period).to(torch.float32) / half - 1).reshape(shape)

    tensors = []
    # On CUDA alone; where memory is the host's, it is filled now and then.
    first_gradients = []

    def refill():
        for tensor in tensors:
            tensor.grad.copy_(fill(tensor.shape, 97, 48))

    def refill_on_device():
        for tensor, gradient in zip(tensors, first_gradients):
            tensor.grad.copy_(gradient)

    for shape in json.loads(sys.stdin.readline()):
        tensor = torch.nn.Parameter(fill(shape, 101, 50))
        tensor.grad = fill(shape, 97, 48)
        tensors.append(tensor)
        if options.device == "cuda":
            first_gradients.append(tensor.grad.clone())
    optimizer = torch.optim.AdamW(tensors, **{options.variant: True})

    def clip_step_zero():
        torch.nn.utils.clip_grad_norm_(tensors, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)

    def wait():
        if options.device == "cuda":
            torch.cuda.synchronize()

    def timed(body):
        wait()
        start = time.perf_counter()
        body()
        wait()
        return repr(time.perf_counter() - start)

    def element(tensor, index):
        return repr(tensor.detach().reshape(-1)[int(index)].item())

    print("=", torch.__version__, flush=True)
    for line in sys.stdin:
        word, *rest = line.split()
        if word == "step":
            answer = timed(optimizer.step)
        elif word == "clip_step_zero":
            refill_on_device()
            answer = timed(clip_step_zero)
        elif word == "refill":
            refill()
            answer = "done"
        elif word == "value":
            answer = element(tensors[int(rest[0])], rest[1])
        elif word == "gradient":
            answer = element(tensors[int(rest[0])].grad, rest[1])
        else:
            raise ValueError("there is no word '%s'" % word)
        print("=", answer, flush=True)


if __name__ == "__main__":
    main()
