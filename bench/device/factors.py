"""The kernels of Kronecker factors over a model's factors, each by itself.

What is timed:
    accumulate            a micro-batch of rows into the factors of all layers, a launch a layer
    queue                 inverses of large factors by tasks on tiles, in one launch, and with it
                          the zeros that its flags begin with
    small                 inverses of small factors, a thread block each
    certify 0 to 3        bounds of the inverses' errors
    pack, clip, unpack    what goes round the products that rewrite gradients
and, where PyTorch finds a device, its Cholesky inverses of the same factors, one after the other.
Inverses are compared with their factors in double: the residual |B X w - w| / |w|.
"""

import math
import pathlib
import sys
import time

import numpy as np

from clock import Candidate, summary
from driver import Memory
from interface import interface, source_constant

DAMPING = 0.1
# Larger than what single precision leaves at this damping, and far below that of a wrong inverse.
MOST_RESIDUAL = 1e-3
# As org.panoptim.bench.KfacRefresh has them: correlated rows.
FACTOR_ROWS = 256
CORRELATION = 0.8
PEERS = pathlib.Path(__file__).resolve().parents[1] / "peers"


def factor(n, rng):
    """The second moment of correlated rows."""
    white = rng.standard_normal((FACTOR_ROWS, n), dtype=np.float32)
    rows = np.empty_like(white)
    rows[:, 0] = white[:, 0]
    for column in range(1, n):
        rows[:, column] = CORRELATION * rows[:, column - 1]
        rows[:, column] += math.sqrt(1 - CORRELATION**2) * white[:, column]
    return rows.T @ rows / np.float32(FACTOR_ROWS)


class Factors:
    """A model's layers on the device: factors, candidates for inverses, and all tables."""

    def __init__(self, memory, layers):
        abi = interface()
        self._memory, self._driver = memory, memory.driver
        self.layers = [(inputs + bias, outputs) for inputs, outputs, bias in layers]
        self.sizes = [size for layer in self.layers for size in layer]
        rng = np.random.default_rng(1)
        self.values = {n: factor(n, rng) for n in sorted(set(self.sizes))}
        tile = abi.PANOPTIM_KFAC_TILE
        self.sides = [-(-n // tile) for n in self.sizes]
        self._rng = rng
        self._write_factors()
        self._write_matrices()

    def _write_factors(self):
        abi, memory = interface(), self._memory
        rows = abi.table("panoptim_kfac_factor", len(self.sizes))
        self.pending = []
        for i, n in enumerate(self.sizes):
            self.pending.append(memory.allocate(4 * n * n))
            rows[i]["buffers"] = memory.table(self.values[n]), self.pending[i]
            rows[i]["inverse"] = memory.allocate(4 * n * n)
            rows[i]["traces"] = memory.allocate(8 * self.sides[i])
            rows[i]["size"], rows[i]["layer"] = n, i // 2
        self._factor_rows = rows
        self.factor_table = memory.table(rows)
        layers = abi.table("panoptim_kfac_layer", len(self.layers))
        layers["updates"] = 1
        self.layer_table = memory.table(layers)

    def factor_at(self, i):
        """The address of a factor's row."""
        return self.factor_table + interface().panoptim_kfac_factor.itemsize * i

    def layer_at(self, i):
        """The address of a layer's row."""
        return self.layer_table + interface().panoptim_kfac_layer.itemsize * i

    def _write_matrices(self):
        abi, memory = interface(), self._memory
        probes, certified = abi.PANOPTIM_KFAC_PROBES, abi.panoptim_kfac_certified.itemsize
        tile_bytes = 4 * abi.PANOPTIM_KFAC_TILE**2
        self.flag_bytes = 4 * sum(side * side for side in self.sides)
        tiles = memory.allocate(tile_bytes * sum(s * (s + 1) for s in self.sides))
        self.flags = flags = memory.allocate(self.flag_bytes)
        vectors = memory.allocate(2 * 8 * probes * sum(self.sizes))
        bounds = memory.allocate(certified * sum(self.sides))
        self.status_bytes = 4 * len(self.sizes)
        # Kernels write a failure alone.
        self.statuses = memory.zeros(self.status_bytes)
        self.ticket = memory.allocate(4)
        rows = abi.table("panoptim_kfac_matrix", len(self.sizes))
        for i, (n, side) in enumerate(zip(self.sizes, self.sides)):
            row = rows[i]
            row["factor"], row["layer"] = self.factor_at(i), self.layer_at(i // 2)
            row["tiles"], row["flags"] = tiles, flags
            row["status"] = self.statuses + 4 * i
            row["images"], row["residuals"] = vectors, vectors + 8 * probes * n
            row["certified"], row["damping"] = bounds, DAMPING
            row["size"], row["side"] = n, side
            tiles += tile_bytes * side * (side + 1)
            flags += 4 * side * side
            vectors += 2 * 8 * probes * n
            bounds += certified * side
        self.matrices = memory.table(rows)
        self.probes = memory.table(self._rng.standard_normal((max(self.sizes), probes)))

    def clear(self):
        """What a queue begins with."""
        self._driver.zero(self.ticket, 4)
        self._driver.zero(self.flags, self.flag_bytes)

    def small(self):
        """The factors that one thread block inverts, the largest first."""
        most = interface().PANOPTIM_KFAC_SMALL
        small = [i for i, n in enumerate(self.sizes) if n <= most]
        return sorted(small, key=lambda i: -self.sizes[i])

    def queue(self):
        """The tasks of the others, the longest way to go first, as the backend has them."""
        abi = interface()
        small, tasks = set(self.small()), []
        for i, side in enumerate(self.sides):
            if i in small:
                continue
            for column in range(side):
                for row in range(column, side):
                    way = 3 * side + 1 - 2 * column - (row != column)
                    tasks.append((way, i, abi.PANOPTIM_KFAC_FACTORISE, row, column))
                    if row > column:
                        way = side + 1 - row
                        tasks.append((way, i, abi.PANOPTIM_KFAC_INVERT, row, column))
                    tasks.append((0, i, abi.PANOPTIM_KFAC_MULTIPLY, row, column))
        tasks.sort(key=lambda task: -task[0])
        return [task[1:] for task in tasks]

    def inversion(self, tasks, stage=0):
        """The argument of a launch over tasks: matrix, kind, row and column each."""
        abi = interface()
        rows = abi.table("panoptim_kfac_task", len(tasks))
        for name, column in zip(("matrix", "kind", "row", "column"), zip(*tasks)):
            rows[name] = column
        return abi.record(
            "panoptim_kfac_inversion",
            matrices=self.matrices,
            tasks=self._memory.table(rows),
            ticket=self.ticket,
            probes=self.probes,
            count=len(tasks),
            stage=stage,
        )

    def problems(self):
        """What is wrong with the inverses, a line each, and the largest residual."""
        found, worst = [], 0.0
        statuses = self._driver.download(self.statuses, len(self.sizes), np.int32)
        for i in np.flatnonzero(statuses):
            found.append(f"factor {i} of {self.sizes[i]} rows: status {statuses[i]}")
        for n, values in self.values.items():
            # Equal factors have equal inverses; the last of them stands for all.
            i = len(self.sizes) - 1 - self.sizes[::-1].index(n)
            inverse = self._driver.download(self.pending[i], n * n, np.float32).reshape(n, n)
            probe = self._rng.standard_normal((n, 4))
            image = inverse.astype(np.float64) @ probe
            residual = values.astype(np.float64) @ image + DAMPING * image - probe
            residual = float(np.linalg.norm(residual) / np.linalg.norm(probe))
            if not residual <= MOST_RESIDUAL:
                found.append(f"factor {i} of {n} rows: residual {residual:.2e}")
            worst = max(worst, residual) if residual == residual else math.nan
        return found, worst


class FactorFigures:
    """Times the kernels of Kronecker factors on some images."""

    def __init__(self, driver, clock, images, report):
        self._driver, self._clock, self._images, self._report = driver, clock, images, report

    def run(self, model, layers, rows, peer):
        """Measures, and reports; rows of a micro-batch; peer: PyTorch too."""
        with Memory(self._driver) as memory:
            factors = Factors(memory, layers)
            about = {"model": model}
            self._inverses(factors, about)
            for image in self._images:
                self._check(factors, image, about)
            if peer:
                torch_inverses(factors, self._report, about)
            self._accumulate(memory, factors, layers, rows, about)
            self._precondition(memory, factors, layers, about)

    def launches(self, factors, image):
        """The launches that invert and certify, by their names."""
        abi = interface()
        tile_threads = source_constant("kfac/tile.cuh", "tile_threads")
        found = {}
        queue = factors.queue()
        if queue:
            kernel = image.kernel("panoptim_kfac_invert_f32", tile_threads, image="kfac")
            launch = kernel.launch(kernel.blocks_for(len(queue)), factors.inversion(queue))
            found["queue"] = [factors.clear, launch]
        small = factors.small()
        if small:
            block = abi.PANOPTIM_KFAC_SMALL_BLOCK
            largest = -(-factors.sizes[small[0]] // block) * block
            threads = source_constant("kfac/invert_small.cu", "small_threads")
            shared = 4 * largest * (largest + 1) // 2
            kernel = image.kernel("panoptim_kfac_invert_small", threads, shared, "kfac")
            argument = factors.inversion([(i, 0, 0, 0) for i in small])
            found["small"] = [kernel.launch(len(small), argument)]
        tasks = [(i, 0, row, 0) for i, side in enumerate(factors.sides) for row in range(side)]
        for stage in range(4):
            kernel = image.kernel("panoptim_kfac_certify", tile_threads, image="kfac")
            argument = factors.inversion(tasks, stage)
            found[f"certify {stage}"] = [kernel.launch(kernel.blocks_for(len(tasks)), argument)]
        return found

    def _inverses(self, factors, about):
        cubes = {
            "queue": sum(n**3 for i, n in enumerate(factors.sizes) if i not in factors.small()),
            "small": sum(factors.sizes[i] ** 3 for i in factors.small()),
        }
        by_image = [self.launches(factors, image) for image in self._images]
        for what in by_image[0]:
            candidates = [
                Candidate(image.name, [launches[what]])
                for image, launches in zip(self._images, by_image)
            ]
            self._report.turns(self._clock, about | {"what": what}, candidates, cubes.get(what, 0))

    def _check(self, factors, image, about):
        self._driver.zero(factors.statuses, factors.status_bytes)
        for address, n in zip(factors.pending, factors.sizes):
            self._driver.zero(address, 4 * n * n)
        for calls in self.launches(factors, image).values():
            for call in calls:
                call()
        problems, residual = factors.problems()
        self._report.checked(
            about | {"image": image.name, "what": "inverses"}, problems, residual=residual
        )

    def _accumulate(self, memory, factors, layers, rows, about):
        abi, rng = interface(), np.random.default_rng(2)
        block = rng.standard_normal(1 << 20, dtype=np.float32)
        widest = [max(layer[side] for layer in layers) for side in (0, 1)]
        batch = [memory.allocate(4 * rows * width) for width in widest]
        for address, width in zip(batch, widest):
            self._driver.fill(address, 4 * rows * width, block)
        threads = source_constant("kfac/tile.cuh", "tile_threads")
        candidates = []
        for image in self._images:
            kernel, calls = image.kernel("panoptim_kfac_accumulate", threads, image="kfac"), []
            for i, (inputs, outputs, _) in enumerate(layers):
                contribution = abi.record(
                    "panoptim_kfac_contribution",
                    inputs=batch[0],
                    output_gradients=batch[1],
                    loss_scale=1,
                    rows=rows,
                    columns=(inputs, outputs),
                )
                argument = abi.record(
                    "panoptim_kfac_accumulation",
                    contribution=contribution,
                    layer=factors.layer_at(i),
                    factors=factors.factor_at(2 * i),
                    decay=0.95,
                )
                sides = factors.sides[2 * i : 2 * i + 2]
                calls.append(kernel.launch(sum(s * (s + 1) // 2 for s in sides), argument))
            candidates.append(Candidate(image.name, [calls]))
        operations = rows * sum(n * n for n in factors.sizes)
        self._report.turns(
            self._clock, about | {"what": "accumulate", "rows": rows}, candidates, operations
        )

    def _precondition(self, memory, factors, layers, about):
        abi = interface()
        places = abi.table("panoptim_kfac_place", len(layers))
        gradients = abi.table("panoptim_kfac_gradients", len(layers))
        pieces = []
        block = np.random.default_rng(3).standard_normal(1 << 20, dtype=np.float32)
        for i, ((columns, outputs), (inputs, _, bias)) in enumerate(zip(factors.layers, layers)):
            count = outputs * columns
            places[i]["packed"] = memory.allocate(4 * count)
            places[i]["outputs"], places[i]["columns"] = outputs, columns
            gradients[i]["weight"] = memory.allocate(4 * outputs * inputs)
            self._driver.fill(int(gradients[i]["weight"]), 4 * outputs * inputs, block)
            if bias:
                gradients[i]["bias"] = memory.table(block[:outputs])
            gradients[i]["learning_rate"] = 1e-3
            pieces += [(i, j) for j in range(-(-count // abi.PANOPTIM_KFAC_PIECE))]
        rows = abi.table("panoptim_kfac_piece", len(pieces))
        rows["layer"], rows["index"] = zip(*pieces)
        argument = abi.record(
            "panoptim_kfac_preconditioning",
            facts=abi.record("panoptim_kfac_facts", rate_factor=1, gradient_scale=1, accepted=1),
            gradients=memory.table(gradients),
            places=memory.table(places),
            pieces=memory.table(rows),
            partials=memory.allocate(8 * len(pieces)),
            clip=memory.zeros(abi.panoptim_kfac_clip.itemsize),
            kl_clip=1e-3,
            count=len(pieces),
        )
        threads = source_constant("kfac/precondition.cu", "piece_threads")
        size = 8 * sum(outputs * columns for columns, outputs in factors.layers)
        for what, name in (("pack", "pack"), ("clip", "clip_step"), ("unpack", "unpack")):
            candidates = []
            for image in self._images:
                kernel = image.kernel(f"panoptim_kfac_{name}", threads, image="kfac")
                launch = kernel.launch(kernel.blocks_for(len(pieces)), argument)
                candidates.append(Candidate(image.name, [[launch]], size))
            self._report.turns(self._clock, about | {"what": what}, candidates)


def torch_inverses(factors, report, about, rounds=5):
    """PyTorch's loop over the same factors, by the method of the peer's program; nothing where
    PyTorch finds no device."""
    try:
        import torch
    except ImportError:
        return
    if not torch.cuda.is_available():
        return
    sys.path.append(str(PEERS))
    import torch_linalg

    damped = {
        n: torch.from_numpy(values).cuda() + DAMPING * torch.eye(n, device="cuda")
        for n, values in factors.values.items()
    }
    times = []
    for _ in range(rounds + 1):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        for n in factors.sizes:
            torch_linalg.cholesky(damped[n])
        torch.cuda.synchronize()
        times.append((time.perf_counter() - begin) * 1e6)
    report.figure(
        about | {"what": "cholesky_inverse", "image": f"PyTorch {torch.__version__}"},
        summary(times[1:]),
        operations=sum(n**3 for n in factors.sizes),
    )
