"""Inputs made from a model's own declaration: by type, shape and name, from a recorded seed."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from alexnet_bench.core.errors import BackendRefusal, ShapeError
from alexnet_bench.core.graph import Graph, Tensor, is_float
from alexnet_bench.core.text import printable

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

MAX_ELEMENTS = 2**48
"""Of an input; addresses have 48 bits."""
IMAGE_CHANNELS = (1, 3, 4)
_IMAGE_RANK = 4


def generate(
    graph: Graph, *, seed: int, pixel_range: tuple[float, float] = (0.0, 1.0)
) -> dict[str, NDArray[np.generic]]:
    """One array for each input of the graph.

    Floats of the shape of images are uniform in `pixel_range`, bytes of that shape in 0 to 255; other floats are
    standard normal; integers are ids within the vocabulary of the table that they index; masks that index none are
    ones, token types zeros, positions count up. A bfloat16 input, a type that numpy lacks, is a float32 array of such
    values.

    Raises:
        BackendRefusal: an input is of a type that cannot be generated (strings, sequences).
        ShapeError: an input's shape is unknown.
    """
    generator = np.random.default_rng(seed)
    vocabulary = vocabularies(graph)
    return {name: _array(graph.tensor(name), generator, vocabulary.get(name), pixel_range) for name in graph.inputs}


def vocabularies(graph: Graph) -> dict[str, int]:
    """For each input that indexes a constant table by a Gather, the number of rows of that table."""
    stands_for = {name: name for name in graph.inputs}
    sizes: dict[str, int] = {}
    for node in graph.live_nodes:
        if node.op_type in ("Cast", "Identity", "Reshape", "Unsqueeze", "Flatten") and node.inputs[0] in stands_for:
            stands_for[node.writes[0]] = stands_for[node.inputs[0]]
        elif node.op_type == "Gather" and len(node.inputs) > 1 and node.inputs[1] in stands_for:
            rows = _gathered_rows(graph.tensor(node.inputs[0]), node.attributes.get("axis", 0))
            name = stands_for[node.inputs[1]]
            if rows is not None:
                sizes[name] = min(rows, sizes.get(name, rows))
    return sizes


def _gathered_rows(table: Tensor, axis: object) -> int | None:
    if table.sizes is None or not isinstance(axis, int) or not -len(table.sizes) <= axis < len(table.sizes):
        return None
    return table.sizes[axis]


def _array(
    tensor: Tensor, generator: Generator, vocabulary: int | None, pixel_range: tuple[float, float]
) -> NDArray[np.generic]:
    shape = tensor.sizes
    if shape is None and not tensor.dtype:
        raise BackendRefusal(
            f"input {printable(tensor.name)} is no tensor, or of unknown type, and cannot be generated",
            "count without running: profile --static",
        )
    if shape is not None and prod(size for size in shape if size) > MAX_ELEMENTS:  # beside a 0, others may be absurd
        raise ShapeError(f"input {printable(tensor.name)} has absurd sizes", "count without running: profile --static")
    if shape is None:
        raise ShapeError(
            f"the shape of input {printable(tensor.name)} is unknown", "give it by --shape NAME=1x3x224x224"
        )
    if is_float(tensor.dtype):
        return _floats(tensor, shape, generator, pixel_range)
    if tensor.dtype == "bool":
        return np.ones(shape, np.bool_)
    if tensor.dtype.startswith(("int", "uint")) and tensor.dtype not in ("int4", "uint4", "int2", "uint2"):
        return _integers(tensor, shape, generator, vocabulary).astype(tensor.dtype)
    ways = "give texts of yours by profile --inputs, or " if tensor.dtype == "string" else ""
    raise BackendRefusal(
        f"input {printable(tensor.name)} is of type {tensor.dtype or 'unknown'}, which cannot be generated",
        f"{ways}count without running: profile --static",
    )


def _floats(
    tensor: Tensor, shape: tuple[int, ...], generator: Generator, pixel_range: tuple[float, float]
) -> NDArray[np.generic]:
    if tensor.dtype == "bfloat16":
        return _as_bfloat16(_floats(replace(tensor, dtype="float32"), shape, generator, pixel_range))
    if tensor.dtype not in ("float32", "float64", "float16"):
        raise BackendRefusal(
            f"input {printable(tensor.name)} is of type {tensor.dtype}, which cannot be generated",
            "count without running: profile --static",
        )
    if is_mask(tensor):
        return np.ones(shape, tensor.dtype)
    if is_image(tensor):
        low, high = pixel_range
        return (generator.random(shape, np.float32) * np.float32(high - low) + np.float32(low)).astype(tensor.dtype)
    return generator.standard_normal(shape, np.float32).astype(tensor.dtype)


def _as_bfloat16(array: NDArray[np.generic]) -> NDArray[np.generic]:
    """A float32 array without the half of its bits that bfloat16 lacks; a runtime loses nothing when it narrows it."""
    bits = array.view(np.uint32) & np.uint32(0xFFFF0000)
    return bits.view(np.float32)


def _integers(
    tensor: Tensor, shape: tuple[int, ...], generator: Generator, vocabulary: int | None
) -> NDArray[np.int64]:
    largest = int(np.iinfo(tensor.dtype).max)
    if is_image(tensor):
        return generator.integers(0, largest + 1, shape, dtype=np.int64)
    if is_mask(tensor, vocabulary):
        return np.ones(shape, np.int64)
    if is_token_type(tensor):
        return np.zeros(shape, np.int64)
    rows = min(vocabulary or 2, largest)
    if "position" in tensor.name.lower() and shape:
        positions = np.arange(shape[-1], dtype=np.int64)
        return np.broadcast_to(positions if vocabulary is None else positions % rows, shape).copy()
    return generator.integers(0, rows, shape, dtype=np.int64)


def is_mask(tensor: Tensor, rows: int | None = None) -> bool:
    """Whether an input says by its name that it masks others.

    Args:
        tensor: the input.
        rows: of the table that it indexes, if it does: such integers are ids, whatever they are called.
    """
    is_id = rows is not None and tensor.dtype.startswith(("int", "uint"))
    return "mask" in tensor.name.lower() and not is_id


def is_token_type(tensor: Tensor) -> bool:
    """Whether an input says by its name that it tells sentences apart, as token types of zeros do."""
    lowered = tensor.name.lower()
    return "type" in lowered or "segment" in lowered


def is_image(tensor: Tensor) -> bool:
    """Whether an input holds floats or bytes in the shape of images, channels first or last."""
    shape = tensor.sizes
    if shape is None or len(shape) != _IMAGE_RANK or is_mask(tensor):
        return False
    kind = is_float(tensor.dtype) or tensor.dtype == "uint8"
    return kind and (shape[1] in IMAGE_CHANNELS or shape[3] in IMAGE_CHANNELS)
