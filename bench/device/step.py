"""A step's kernels, each by itself and together, over tensors like a model's.

Every image gets the same bytes and must leave the same. What is timed:
    measure             the pass that squares and sums gradients
    control             accepts the step and fills the scalars, without sums to join
    control, clipping   the same, with the sums that measure left
    prepare             the scalars alone, where tensors are many and it is a separate launch
    update              the pass over values, gradients and states
    zero                zeros into all gradients
    step                control and update
    clip + step + zero  measure, control and update, which zeroes the gradients; each repetition has
                        separate gradients, which are filled again before each sample
"""

import math

import numpy as np

from clock import Candidate
from driver import Image, Memory
from interface import interface, source_constant

# As the backend has them: org.panoptim.cuda.DeviceTables, ScheduleRing and StepLaunches.
BLOCKS_OF_A_CHUNK = 4
SCHEDULE_ENTRIES = 4096
TENSORS_OF_CONTROL = 2048
# Tensors begin at multiples of so many elements, as those of a framework do.
ALIGNMENT = 128
# Of hyper-parameters; those of a rule are the ones that its structure has.
HYPER = {
    "learning_rate": 1e-3,
    "momentum": 0.9,
    "beta1": 0.9,
    "beta2": 0.99,
    "epsilon": 1e-8,
    "weight_decay": 1e-2,
    "rho": 0.04,
    "batch_size": 30,
    "clip": 0.01,
    "damping": 1e-3,
}
# Scales of values, gradients, the first state and the others, which are averages of squares.
SCALES = (1.0, 1e-3, 1e-4, 1e-6)
# The most gradients, in bytes, that repetitions of whole steps get.
MOST_GRADIENT_BYTES = 8 << 30
MOST_GRADIENTS = 32
# The most elements of an array that are compared; of longer ones the first and last so many halves.
MOST_COMPARED = 1 << 27
CHECKED_STEPS = 3
# Below any norm that the gradients have, so that they are clipped.
CLIP_NORM = 1e-3


class Model:
    """Tensors with gradients and states on the device, one after the other in one array each."""

    def __init__(self, memory, sizes, slots):
        self.memory = memory
        self.sizes = np.array(sizes, np.int64)
        padded = -(-self.sizes // ALIGNMENT) * ALIGNMENT
        self.places = 4 * (np.cumsum(padded) - padded)
        self.size = 4 * int(padded.sum())
        self.elements = int(self.sizes.sum())
        self.values, *self.states = (memory.allocate(self.size) for _ in range(1 + slots))
        self.gradients = memory.allocate(self.size)
        self._block = np.random.default_rng(7).standard_normal(1 << 22, dtype=np.float32)

    def reset(self):
        """The numbers at the beginning."""
        arrays = [self.values, self.gradients, *self.states]
        for i, address in enumerate(arrays):
            scale = np.float32(SCALES[min(i, len(SCALES) - 1)])
            block = np.abs(self._block) if i > 2 else self._block
            self.memory.driver.fill(address, self.size, block * scale)

    def compared(self):
        """Values and states, as arrays of the host: all, or the beginning and the end."""
        count = self.size // 4
        part = count if count <= MOST_COMPARED else MOST_COMPARED // 2
        for address in [self.values, *self.states]:
            for first in {0, count - part}:
                yield self.memory.driver.download(address + 4 * first, part, np.uint32)


class Plan:
    """The tables of a step by one rule over a model."""

    def __init__(self, model, rule_name, rule):
        abi = interface()
        memory = model.memory
        self.model, self.rule_name = model, rule_name
        self._driver = memory.driver
        self._chunk = BLOCKS_OF_A_CHUNK * abi.PANOPTIM_BLOCK
        tensors = len(model.sizes)
        held = -(-model.sizes // self._chunk)
        first = np.cumsum(held) - held
        self.chunks = int(held.sum())
        rows = abi.table("panoptim_tensor", tensors)
        rows["value"] = model.values + model.places
        for i, address in enumerate(model.states):
            rows["slots"][:, i] = address + model.places
        rows["elements"], rows["first_chunk"], rows["chunks"] = model.sizes, first, held
        rows["rows"], rows["columns"] = 1, model.sizes
        self._rows = rows
        chunks = abi.table("panoptim_chunk", self.chunks)
        chunks["tensor"] = np.repeat(np.arange(tensors), held)
        chunks["index"] = np.arange(self.chunks) - np.repeat(first, held)
        schedule = abi.table("panoptim_schedule_entry", SCHEDULE_ENTRIES)
        schedule["rate_factor"], schedule["momentum"] = 1, math.nan
        schedule["step"] = np.arange(SCHEDULE_ENTRIES)
        numbers = np.arange(self.chunks, dtype=np.int32)
        self.lists = {
            "backwards": memory.table(numbers[::-1]),
            "forwards": memory.table(numbers),
        }
        self._counts = memory.zeros(8 * tensors)
        self._control = memory.zeros(abi.panoptim_control.itemsize)
        self._progress = memory.pinned(abi.panoptim_progress.itemsize)
        self._hyper = memory.table(self._hyper_parameters(rule_name, rule))
        self._plan = abi.record(
            "panoptim_plan",
            chunks=memory.table(chunks),
            gradients=memory.table(model.gradients + model.places),
            curvatures=memory.zeros(8 * tensors),
            schedule=memory.table(schedule),
            counts=self._counts,
            prepared=memory.zeros(abi.panoptim_prepared.itemsize * tensors),
            prepared_index=memory.table(np.arange(tensors, dtype=np.int32)),
            partials=memory.zeros(8 * abi.PANOPTIM_PARTIALS * self.chunks),
            totals=memory.zeros(8 * abi.PANOPTIM_TOTALS * tensors),
            control=self._control,
            group_count=1,
            tensor_count=tensors,
            chunk_count=self.chunks,
            chunk_elements=self._chunk,
            schedule_entries=SCHEDULE_ENTRIES,
        )

    @staticmethod
    def _hyper_parameters(name, rule):
        values = dict(HYPER)
        if name == "sgd":
            values["momentum"] = 0
        elif name.endswith("_amsgrad"):
            values["amsgrad"] = 1
        return np.array([values.get(each, 0) for each in rule.hyper], np.float64)

    def start(self, clip_norm=math.inf, zero_gradients=False):
        """The state before the first step, with or without clipping and zeroing."""
        control = interface().record(
            "panoptim_control",
            clip_norm=clip_norm,
            growth_factor=2,
            backoff_factor=0.5,
            measure=not math.isinf(clip_norm),
            zero_gradients=zero_gradients,
            loss_scale=1,
            gradient_scale=1,
            clip_coefficient=1,
        )
        self._driver.upload(self._control, control)
        self._driver.zero(self._counts, 8 * len(self.model.sizes))
        self._driver.synchronize()

    def state(self):
        """The control structure as it is now."""
        return self._driver.download(self._control, 1, interface().panoptim_control)[0]

    def kernels(self, image, blocks="balanced", order="backwards", gradients=None):
        """The launches on an image, by their names; gradients: a table of other addresses."""
        abi = interface()
        rule = image.rule(self.rule_name)
        tensors = self._rows.copy()
        tensors["rule"] = rule.index
        group = abi.record(
            "panoptim_group",
            hyper=self._hyper,
            rule=rule.index,
        )
        plan = self._plan.copy()
        plan["groups"] = self.model.memory.table(group)
        plan["tensors"] = self.model.memory.table(tensors)
        if gradients is not None:
            plan["gradients"] = gradients

        def argument(stages):
            return abi.record(
                "panoptim_launch",
                plan=plan,
                chunk_list=self.lists[order],
                progress=self._progress,
                chunk_list_count=self.chunks,
                stages=stages,
            )

        chunk_threads = source_constant("step/chunk.cuh", "chunk_threads")

        def over_chunks(name, part=Image.STEP):
            kernel = image.kernel(name, chunk_threads, image=part)
            return kernel.launch(kernel.blocks_for(self.chunks, blocks), argument(0))

        stages = abi.PANOPTIM_STAGE_GATHER | abi.PANOPTIM_STAGE_DECIDE
        stages |= abi.PANOPTIM_STAGE_CLIP | abi.PANOPTIM_STAGE_SETTLE
        tensors = len(self.model.sizes)
        launches = {
            "measure": over_chunks("panoptim_measure"),
            "update": over_chunks(
                f"panoptim_update_{self.rule_name}", rule.image
            ),
            "zero": over_chunks("panoptim_zero"),
        }
        if tensors > TENSORS_OF_CONTROL:
            threads = source_constant("step/control.cuh", "prepare_threads")
            kernel = image.kernel(f"panoptim_prepare_{rule.image}", threads, image=rule.image)
            blocks_of_all = kernel.blocks_for(-(-tensors // threads))
            launches["prepare"] = kernel.launch(blocks_of_all, argument(0))
        else:
            stages |= abi.PANOPTIM_STAGE_PREPARE
        threads = source_constant("step/control.cuh", "control_threads")
        kernel = image.kernel(f"panoptim_control_{rule.image}", threads, image=rule.image)
        launches["control"] = kernel.launch(1, argument(stages))
        return launches


def step_of(launches, measured=True):
    """A step's launches in their order."""
    names = ["measure"] * measured + ["control", "prepare", "update"]
    return [launches[name] for name in names if name in launches]


def update_bytes(rule):
    """Bytes that an update without curvature reads and writes for each element: the gradient is
    read, value and states are read and written, but for the state that curvature would change."""
    return 4 * (3 + 2 * len(rule.slots) - int(rule.curvature))


def differences(images, plan):
    """Where images leave other bytes than the first one does, a line each."""
    expected, square_sum, problems = [], None, []
    for image in images:
        plan.model.reset()
        plan.start(clip_norm=CLIP_NORM)
        step = step_of(plan.kernels(image))
        for _ in range(CHECKED_STEPS):
            for launch in step:
                launch()
        state = plan.state()
        if state["step"] != CHECKED_STEPS or not state["clip_coefficient"] < 1:
            problems.append(f"{image.name}: {CHECKED_STEPS} clipped steps left {state}")
        if square_sum is None:
            square_sum, expected = state["square_sum"], list(plan.model.compared())
            continue
        if state["square_sum"] != square_sum:
            problems.append(f"{image.name}: square sum {state['square_sum']!r}, not {square_sum!r}")
        for i, (bits, wanted) in enumerate(zip(plan.model.compared(), expected)):
            differing = np.flatnonzero(bits != wanted)
            if len(differing):
                problems.append(
                    f"{image.name}: {len(differing)} of {len(bits)} elements of array {i} differ"
                    f" from those of {images[0].name}, the first at {differing[0]}"
                )
    return problems


class StepFigures:
    """Times the kernels of a workload by a rule on some images."""

    def __init__(self, driver, clock, images, report):
        self._driver, self._clock, self._images, self._report = driver, clock, images, report

    def run(self, workload, sizes, rule, blocks, orders, check):
        """Measures, and reports; check compares what the images leave first."""
        described = self._images[0].rule(rule)
        with Memory(self._driver) as memory:
            model = Model(memory, sizes, len(described.slots))
            plan = Plan(model, rule, described)
            about = {"workload": workload, "rule": rule}
            if check:
                self._report.checked(about, differences(self._images, plan))
            model.reset()
            self._each_kernel(plan, update_bytes(described), blocks, about)
            self._whole_steps(plan, update_bytes(described) + 8, blocks, orders, about)

    def _each_kernel(self, plan, bytes_, blocks, about):
        n = plan.model.elements
        plain = plan.start
        clipped = lambda: plan.start(clip_norm=CLIP_NORM)
        kinds = {
            "measure": (["measure"], 4 * n, clipped),
            "control": (["control"], 0, plain),
            "control, clipping": (["control"], 0, clipped),
            "prepare": (["prepare"], 0, lambda: self._begun(plan)),
            "update": (["update"], bytes_ * n, lambda: self._begun(plan)),
            "step": (["control", "prepare", "update"], bytes_ * n, plain),
            "zero": (["zero"], 4 * n, plain),
        }
        for what, (names, size, before) in kinds.items():
            grids = blocks if what in ("measure", "update") else blocks[:1]
            candidates = []
            for image in self._images:
                for grid in grids:
                    launches = plan.kernels(image, grid)
                    body = [launches[name] for name in names if name in launches]
                    if body:
                        label = image.name if grid == "balanced" else f"{image.name}, {grid} blocks"
                        candidates.append(
                            Candidate(label, [body], size, before, blocks=body[0].blocks)
                        )
            if candidates:
                self._report.turns(self._clock, about | {"what": what}, candidates)
            if what == "step":
                self._expect_accepted(plan, about | {"what": what})
        # Of the last kind, zeros are left.
        plan.model.reset()

    def _expect_accepted(self, plan, about):
        """A step that was refused would have been a fast one."""
        state = plan.state()
        if state["skipped"] or not state["step"] or not state["finite"]:
            self._report.checked(about, [f"of the last steps some were refused: {state}"])

    def _begun(self, plan):
        """The state in which an update finds the device."""
        plan.start()
        launches = plan.kernels(self._images[0])
        for name in ("control", "prepare"):
            if name in launches:
                launches[name]()
        self._driver.synchronize()

    def _whole_steps(self, plan, bytes_, blocks, orders, about):
        model, memory = plan.model, plan.model.memory
        affordable = MOST_GRADIENT_BYTES // max(1, model.size)
        count = 2 if self._driver.virtual else max(1, min(MOST_GRADIENTS, affordable))
        sets = [memory.allocate(model.size) for _ in range(count)]
        tables = [memory.table(address + model.places) for address in sets]

        def before():
            plan.start(clip_norm=CLIP_NORM, zero_gradients=True)
            for address in sets:
                self._driver.copy(address, model.gradients, model.size)
            self._driver.synchronize()

        candidates = []
        for image in self._images:
            for grid in blocks:
                for order in orders:
                    words = [image.name]
                    words += [] if grid == "balanced" else [f"{grid} blocks"]
                    words += [] if order == "backwards" else [order]
                    bodies = [step_of(plan.kernels(image, grid, order, table)) for table in tables]
                    candidates.append(
                        Candidate(
                            ", ".join(words), bodies, bytes_ * model.elements, before, most=count
                        )
                    )
        about = about | {"what": "clip + step + zero"}
        self._report.turns(self._clock, about, candidates)
        self._expect_accepted(plan, about)
