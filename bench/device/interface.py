"""What the project states elsewhere, read there: structures and constants of native/include, and
constants of the kernels' sources."""

import functools
import pathlib
import re

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADERS = ("native/include/panoptim_plan.h", "native/include/panoptim_kfac.h")
TYPES = {
    "float": np.float32,
    "double": np.float64,
    "uint8_t": np.uint8,
    "int32_t": np.int32,
    "uint32_t": np.uint32,
    "int64_t": np.int64,
}
# An address of the device.
POINTER = np.uint64


class Interface:
    """The C headers: constants by name, and structures as types of numpy with C's layout."""

    def __init__(self, texts):
        self.constants = {}
        self.structures = {}
        for text in texts:
            text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.DOTALL)
            for name, value in re.findall(r"^#define (\w+) +(.+)$", text, flags=re.MULTILINE):
                self.constants[name] = self._number(value)
            for body, name in re.findall(r"typedef struct \w+ \{(.*?)\} (\w+);", text, re.DOTALL):
                self.structures[name] = self._structure(body)

    def __getattr__(self, name):
        for found in (self.constants, self.structures):
            if name in found:
                return found[name]
        raise AttributeError(f"no header has {name}")

    def _number(self, text):
        for name in re.findall(r"[A-Za-z_]\w*", text):
            text = re.sub(rf"\b{name}\b", str(self.constants[name]), text)
        if not re.fullmatch(r"[\d+*/() -]+", text):
            raise ValueError(f"not a number: {text}")
        return eval(text)  # of digits and operators alone

    def _structure(self, body):
        fields = []
        for declaration in filter(None, (line.strip() for line in body.split(";"))):
            kind, pointer, name, extent = re.fullmatch(
                r"(?:const )?(\w+)\s*(\*?)\s*(\w+)(?:\[(\w+)\])?", declaration
            ).groups()
            field = POINTER if pointer else TYPES.get(kind) or self.structures[kind]
            fields.append((name, field, (self._number(extent),)) if extent else (name, field))
        return np.dtype(fields, align=True)

    def record(self, structure, **fields):
        """One structure of that name, zero but for these fields."""
        made = np.zeros((), self.structures[structure])
        for name, value in fields.items():
            made[name] = value
        return made

    def table(self, structure, count):
        """So many structures of that name, all zero."""
        return np.zeros(count, self.structures[structure])


@functools.cache
def interface():
    """The project's headers."""
    return Interface((ROOT / header).read_text(encoding="utf-8") for header in HEADERS)


@functools.cache
def source_constant(file, name):
    """The number that a source of the kernels gives a constexpr int."""
    text = (ROOT / "kernels" / file).read_text(encoding="utf-8")
    found = re.search(rf"constexpr int {name} = (\d+);", text)
    if found is None:
        raise LookupError(f"kernels/{file} has no constexpr int {name} with a number")
    return int(found.group(1))
