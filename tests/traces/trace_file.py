"""Traces as safetensors files with bytes that depend on their content only.

The safetensors library writes metadata in a random order, so the writing is done here; what was
written is read back with that library.
"""

import json
import struct

import numpy as np
import safetensors.numpy


def write(path, tensors, metadata):
    """Writes float32 arrays by name, and the metadata, all in the order given."""
    content = _bytes(tensors, metadata)
    _check(content, tensors)
    path.write_bytes(content)


def read(path):
    """The arrays of a trace by name."""
    return safetensors.numpy.load(path.read_bytes())


def _bytes(tensors, metadata):
    header = {"__metadata__": metadata}
    offset = 0
    for name, array in tensors.items():
        assert array.dtype == np.float32, f"{name} is {array.dtype}"
        end = offset + array.nbytes
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    data = b"".join(array.astype("<f4").tobytes() for array in tensors.values())
    return struct.pack("<Q", len(text)) + text + data


def _check(content, tensors):
    """Reads the bytes with the safetensors library and compares: it knows the format's rules."""
    back = safetensors.numpy.load(content)
    assert back.keys() == tensors.keys()
    for name, array in tensors.items():
        assert back[name].shape == array.shape and back[name].tobytes() == array.tobytes(), name
