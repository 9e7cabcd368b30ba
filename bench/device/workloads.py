"""The tensors and linear layers that are measured: those of org.panoptim.bench.Workload and
FactorSizes, under the same names. A test of the benchmarks compares the two.

    workloads.py      prints them as JSON
"""

import json


def gpt2_small():
    width = 768
    sizes = [50257 * width, 1024 * width]
    for _ in range(12):
        sizes += [width, width, width * 3 * width, 3 * width, width * width, width]
        sizes += [width, width, width * 4 * width, 4 * width, 4 * width * width, width]
    return sizes + [width, width]


def resnet_50():
    sizes = []

    def convolution(outputs, inputs, kernel):
        # With the normalisation behind it.
        sizes.extend((outputs * inputs * kernel * kernel, outputs, outputs))

    convolution(64, 3, 7)
    channels = 64
    for stage, blocks in enumerate((3, 4, 6, 3)):
        width = 64 << stage
        for block in range(blocks):
            convolution(width, channels, 1)
            convolution(width, width, 3)
            convolution(4 * width, width, 1)
            if block == 0:
                convolution(4 * width, channels, 1)
            channels = 4 * width
    return sizes + [1000 * channels, 1000]


# Elements of each tensor.
WORKLOADS = {
    "flat": lambda: [1 << 25],
    "gpt2-small": gpt2_small,
    "resnet-50": resnet_50,
    "small": lambda: [64] * 2000,
    "squares-128": lambda: [128 * 128] * 32,
    "small-10000": lambda: [64] * 10000,
    "tensors-10000": lambda: [(1 << 24) // 10000] * 10000,
    "large": lambda: [1_500_000_000],
}

# For tries and sanitizers: part chunks, whole ones, an empty tensor, one of many chunks.
TINY = [100_003, 70_001, 5, 600_000, 0, 64]


def resnet50_layers():
    layers = [(3 * 49, 64, False)]
    inputs = 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            layers += [(inputs, width, False), (9 * width, width, False)]
            layers.append((width, 4 * width, False))
            if block == 0:
                layers.append((inputs, 4 * width, False))
            inputs = 4 * width
    return layers + [(inputs, 1000, True)]


def gpt2_small_layers():
    block = [(768, 2304, True), (768, 768, True), (768, 3072, True), (3072, 768, True)]
    return 12 * block


# Inputs, outputs and whether there is a bias, of each linear layer.
MODELS = {
    "RESNET50": resnet50_layers,
    "GPT2_SMALL": gpt2_small_layers,
    "SQUARES_128": lambda: 32 * [(128, 128, False)],
}

# Factors on both sides of what a thread block inverts by itself, and of whole tiles.
TINY_MODEL = [(20, 64, False), (64, 33, True), (128, 65, True), (224, 225, False)]


def workload(name, shrink):
    """The tensors of a workload; with shrink a few hundredths of them, and small."""
    if name == "tiny":
        return TINY
    sizes = WORKLOADS[name]()
    return [-(-size // 1000) for size in sizes[:2100]] if shrink else sizes


def model(name, shrink):
    """The layers of a model; with shrink, the tiny one."""
    return TINY_MODEL if name == "tiny" or shrink else MODELS[name]()


if __name__ == "__main__":
    print(
        json.dumps(
            {
                "workloads": {name: sizes() for name, sizes in WORKLOADS.items()},
                "models": {name: layers() for name, layers in MODELS.items()},
            }
        )
    )
