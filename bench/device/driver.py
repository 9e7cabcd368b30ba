"""CUDA's driver through ctypes: one device, its primary context and one stream. Any libcuda.so.1
will do, also the one that runs kernels on the CPU (tests/virtual-gpu)."""

import contextlib
import ctypes
import pathlib
import re
import zipfile

import numpy as np

from interface import ROOT, interface

ADDRESS = ctypes.c_uint64
INT = ctypes.c_int32
SIZE = ctypes.c_size_t
POINTER = ctypes.c_void_p

COMPUTE_CAPABILITY = (75, 76)
MULTIPROCESSORS = 16
L2_BYTES = 38
MAX_DYNAMIC_SHARED_BYTES = 8
HOST_ALLOC_PORTABLE_AND_MAPPED = 3
NON_BLOCKING = 1
CAPTURE_RELAXED = 2


class NotPossible(Exception):
    """What cannot be done on this host, and why."""


class CudaError(Exception):
    """An error of the driver: the call, and CUDA's name of the error."""


class Driver:
    """A device, with work in order on a separate stream."""

    def __init__(self, library="libcuda.so.1"):
        try:
            self._library = ctypes.CDLL(library)
        except OSError as problem:
            raise NotPossible(f"no CUDA driver: {problem}") from problem
        try:
            self.call("cuInit", 0)
            device = self.get("cuDeviceGet", INT, 0)
        except CudaError as problem:
            raise NotPossible(f"no CUDA device: {problem}") from problem
        self.version = self.get("cuDriverGetVersion", INT)
        name = ctypes.create_string_buffer(256)
        self.call("cuDeviceGetName", name, 256, device)
        self.name = name.value.decode()
        self.virtual = "virtual" in self.name
        attribute = lambda number: self.get("cuDeviceGetAttribute", INT, number, device)
        self.capability = "%d.%d" % tuple(attribute(number) for number in COMPUTE_CAPABILITY)
        self.multiprocessors = attribute(MULTIPROCESSORS)
        self.l2_bytes = attribute(L2_BYTES)
        context = self.get("cuDevicePrimaryCtxRetain", POINTER, device)
        self.call("cuCtxSetCurrent", POINTER(context))
        self.memory_bytes = self.get_two("cuMemGetInfo_v2", SIZE)[1]
        self.stream = POINTER(self.get("cuStreamCreate", POINTER, NON_BLOCKING))

    def call(self, function, *arguments):
        """Calls a function of the driver, which must succeed."""
        self.check(getattr(self._library, function)(*arguments), function)

    def check(self, code, what):
        """Raises the error of a code that is not 0."""
        if code:
            name = ctypes.c_char_p()
            self._library.cuGetErrorName(code, ctypes.byref(name))
            raise CudaError(f"{what}: {name.value.decode() if name.value else code}")

    def get(self, function, kind, *arguments):
        """What a function writes to its first argument."""
        result = kind()
        self.call(function, ctypes.byref(result), *arguments)
        return result.value

    def get_two(self, function, kind):
        """What a function writes to its two arguments."""
        result = kind(), kind()
        self.call(function, *map(ctypes.byref, result))
        return result[0].value, result[1].value

    def launcher(self):
        """The function that launches kernels, for calls without detours."""
        return self._library.cuLaunchKernel

    def synchronize(self):
        """Waits for the stream."""
        self.call("cuStreamSynchronize", self.stream)

    def upload(self, address, array):
        """Copies an array to the device, and waits."""
        array = np.ascontiguousarray(array)
        if array.nbytes:
            source = POINTER(array.ctypes.data)
            self.call(
                "cuMemcpyHtoDAsync_v2", ADDRESS(address), source, SIZE(array.nbytes), self.stream
            )
            self.synchronize()

    def download(self, address, count, dtype):
        """An array of what lies on the device."""
        array = np.zeros(count, dtype)
        if array.nbytes:
            target = POINTER(array.ctypes.data)
            self.call(
                "cuMemcpyDtoHAsync_v2", target, ADDRESS(address), SIZE(array.nbytes), self.stream
            )
            self.synchronize()
        return array

    def copy(self, target, source, size):
        """Copies within the device, without waiting."""
        if size:
            self.call(
                "cuMemcpyDtoDAsync_v2", ADDRESS(target), ADDRESS(source), SIZE(size), self.stream
            )

    def zero(self, address, size):
        """Zeros into a multiple of four bytes, without waiting."""
        if size:
            self.call(
                "cuMemsetD32Async", ADDRESS(address), ctypes.c_uint(0), SIZE(size // 4), self.stream
            )

    def fill(self, address, size, block):
        """A block of numbers again and again."""
        bytes_ = np.ascontiguousarray(block).view(np.uint8).reshape(-1)[:size]
        self.upload(address, bytes_)
        done = bytes_.nbytes
        while done < size:
            more = min(done, size - done)
            self.copy(address + done, address, more)
            done += more
        self.synchronize()

    @contextlib.contextmanager
    def captured(self):
        """Work queued meanwhile becomes a graph: a function that launches it, with close()."""
        graph = Graph(self)
        self.call("cuStreamBeginCapture_v2", self.stream, CAPTURE_RELAXED)
        try:
            yield graph
        finally:
            graph.end()

    def event(self):
        """An event that takes the time."""
        return POINTER(self.get("cuEventCreate", POINTER, 0))

    def record(self, event):
        """Queues an event."""
        self.call("cuEventRecord", event, self.stream)

    def elapsed_us(self, begin, end):
        """Microseconds between two events; waits for the second."""
        self.call("cuEventSynchronize", end)
        return self.get("cuEventElapsedTime", ctypes.c_float, begin, end) * 1e3


class Graph:
    """Work that was captured, and is launched as one."""

    def __init__(self, driver):
        self._driver = driver
        self._graph = POINTER()
        self._executable = None

    def end(self):
        """Ends the capture."""
        self._driver.call("cuStreamEndCapture", self._driver.stream, ctypes.byref(self._graph))
        instantiate = "cuGraphInstantiateWithFlags"
        flags = ctypes.c_ulonglong(0)
        self._executable = POINTER(self._driver.get(instantiate, POINTER, self._graph, flags))

    def __call__(self):
        self._driver.call("cuGraphLaunch", self._executable, self._driver.stream)

    def close(self):
        """Gives it back."""
        self._driver.call("cuGraphExecDestroy", self._executable)
        self._driver.call("cuGraphDestroy", self._graph)


class Memory:
    """Device memory that is given back together."""

    def __init__(self, driver):
        self.driver = driver
        self._held = []
        self._pinned = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.driver.synchronize()
        for address in self._held:
            self.driver.call("cuMemFree_v2", ADDRESS(address))
        for address in self._pinned:
            self.driver.call("cuMemFreeHost", POINTER(address))
        self._held, self._pinned = [], []

    def allocate(self, size):
        """The address of so many bytes of whatever content."""
        address = self.driver.get("cuMemAlloc_v2", ADDRESS, SIZE(max(256, int(size))))
        self._held.append(address)
        return address

    def zeros(self, size):
        """The address of so many bytes, at least, all zero."""
        address = self.allocate((int(size) + 3) // 4 * 4)
        self.driver.zero(address, (int(size) + 3) // 4 * 4)
        return address

    def table(self, array):
        """The address of a copy of an array."""
        array = np.asarray(array)
        address = self.allocate(array.nbytes)
        self.driver.upload(address, array)
        return address

    def pinned(self, size):
        """The device's address of so many zero bytes of the host."""
        flags = ctypes.c_uint(HOST_ALLOC_PORTABLE_AND_MAPPED)
        host = self.driver.get("cuMemHostAlloc", POINTER, SIZE(size), flags)
        self._pinned.append(host)
        ctypes.memset(host, 0, size)
        pointer = "cuMemHostGetDevicePointer_v2"
        return self.driver.get(pointer, ADDRESS, POINTER(host), ctypes.c_uint(0))


def _text(field):
    return bytes(field).split(b"\0")[0].decode()


class Rule:
    """A rule of an image: what its panoptim_rule says of it, and the name of its image."""

    def __init__(self, image, described):
        lists = [names.split(",") if names else [] for names in _text(described["signature"]).split(";")]
        self.image = image
        self.index = int(described["index"])
        self.hyper, self.slots = lists[:2]
        self.curvature = bool(described["curvature"])
        # One pass, and states of elements alone.
        self.plain = described["phases"] == 1 and not any(lists[2:])


def rule_names():
    """The rules of the registry."""
    text = (ROOT / "kernels/rules/rules.def").read_text(encoding="utf-8")
    return re.findall(r"^PANOPTIM_(?:RULE|PASSES)\((\w+),", text, flags=re.MULTILINE)


class Image:
    """The kernels, loaded when they are first asked for: a cubin, fat binary or PTX with all of them,
    or the jar, which has several images, each twice."""

    # As org.panoptim.cuda.KernelImages has it.
    FAT_BINARY_VERSION = 13000
    FOLDER = "META-INF/kernels/"
    STEP = "step"

    def __init__(self, driver, name, path):
        self.driver = driver
        self.name = name
        self._path = pathlib.Path(path)
        self._modules = {}
        self._rules = {}
        self._functions = {}
        self._module(self.STEP)

    def _file(self, image):
        if self._path.suffix != ".jar":
            return None
        older = self.driver.version < self.FAT_BINARY_VERSION
        return f"{self.FOLDER}{image}{'.ptx' if older else '.fatbin'}"

    def _read(self, file):
        try:
            if file:
                with zipfile.ZipFile(self._path) as jar:
                    return jar.read(file)
            return self._path.read_bytes()
        except (OSError, KeyError, zipfile.BadZipFile) as problem:
            raise NotPossible(f"no image {self._path}: {problem}") from problem

    def _module(self, image):
        file = self._file(image)
        if file not in self._modules:
            # One zero more: the driver takes text images up to their end.
            text = self._read(file) + b"\0"
            try:
                module = self.driver.get("cuModuleLoadData", POINTER, text)
            except CudaError as problem:
                raise NotPossible(f"image {self.name}, {self._path}: {problem}") from problem
            self._modules[file] = POINTER(module)
        return self._modules[file]

    def rule(self, name):
        """A rule, or None if there is none of the name."""
        if name not in self._rules and name in rule_names():
            image = name
            while not (ROOT / f"kernels/rules/{image}.cuh").exists():
                image = image.rpartition("_")[0]
            self._rules.update(self._described(image))
        return self._rules.get(name)

    def _described(self, image):
        """The rules of an image, by name."""
        abi = interface()
        address, size = ADDRESS(), SIZE()
        self.driver.call(
            "cuModuleGetGlobal_v2",
            ctypes.byref(address),
            ctypes.byref(size),
            self._module(image),
            f"panoptim_image_{image}".encode(),
        )
        info = self.driver.download(address.value, 1, abi.panoptim_image)[0]
        if info["abi"] != abi.PANOPTIM_ABI:
            raise NotPossible(
                f"image {self.name} has ABI {info['abi']}, and the headers have {abi.PANOPTIM_ABI}"
            )
        described = info["rules"][: info["rule_count"]]
        return {_text(rule["name"]): Rule(image, rule) for rule in described}

    def kernel(self, name, threads, shared=0, image=STEP):
        """A kernel of an image with blocks of so many threads and so much dynamic shared memory."""
        key = name, threads, shared
        if key not in self._functions:
            module = self._module(image)
            self._functions[key] = Kernel(self, module, name, threads, shared)
        return self._functions[key]


class Kernel:
    """A function of an image with the shape of its blocks."""

    def __init__(self, image, module, name, threads, shared):
        self.driver = image.driver
        self.name = name
        self.threads = threads
        self.shared = shared
        driver = image.driver
        try:
            function = driver.get("cuModuleGetFunction", POINTER, module, name.encode())
        except CudaError as problem:
            raise NotPossible(f"image {image.name} has no kernel {name}: {problem}") from problem
        self.function = POINTER(function)
        if shared:
            driver.call("cuFuncSetAttribute", self.function, MAX_DYNAMIC_SHARED_BYTES, shared)
        residents = driver.get(
            "cuOccupancyMaxActiveBlocksPerMultiprocessor",
            INT,
            self.function,
            threads,
            SIZE(shared),
        )
        self.resident_blocks = max(1, residents * driver.multiprocessors)

    def blocks_for(self, pieces, blocks="balanced"):
        """Blocks for so many pieces of work: as few as need no more rounds, as the backend has
        it; "all" that the device holds; or a share of these."""
        held = self.resident_blocks
        if blocks not in ("balanced", "all"):
            held = max(1, int(held * float(blocks)))
        held = min(pieces, held)
        return -(-pieces // -(-pieces // held)) if blocks == "balanced" else held

    def launch(self, blocks, argument):
        """A launch with an argument, a structure that is copied now: a function to call."""
        return Launch(self, blocks, argument)


class Launch:
    """A kernel launch, ready made."""

    def __init__(self, kernel, blocks, argument):
        self.blocks = blocks
        self.kernel = kernel
        self._argument = np.array(argument, copy=True)
        self._parameters = (POINTER * 1)(self._argument.ctypes.data)
        self._launch = kernel.driver.launcher()
        shape = [ctypes.c_uint(n) for n in (blocks, 1, 1, kernel.threads, 1, 1, kernel.shared)]
        self._arguments = kernel.function, *shape, kernel.driver.stream, self._parameters, None

    def __call__(self):
        code = self._launch(*self._arguments)
        if code:
            kernel = self.kernel
            kernel.driver.check(
                code, f"launch of {kernel.name}, {self.blocks} x {kernel.threads} threads"
            )
