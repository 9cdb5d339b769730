"""How many images, or other items, one forward pass takes."""

from __future__ import annotations

import re

from alexnet_bench.core.graph import Dim, Graph
from alexnet_bench.graph.convert import tensor_from_info
from alexnet_bench.graph.onnx_io import ModelFile

_BATCH = re.compile(r"(?i)n|b|bs|bsz|s0|.*batch.*|dim_?0|unk_?_?\d*|none|\?|-1|dynamic.*|.*_dim_0|images?")
"""What exporters and people call a batch."""
_SYMBOL = re.compile(r"s\d+")
"""What torch calls any dimension."""


def is_batch(dimension: str) -> bool:
    """Whether an open first dimension is called as a batch is."""
    return _BATCH.fullmatch(dimension) is not None


def images_of(file: ModelFile, graph: Graph, batch: int | None) -> int:
    """The batch that was asked for, else the first dimension of the first input where that may be one, else 1.

    It is none where it is the only dimension (a sound, a table of numbers), unless it is called one, and where it is
    open and called something else (T, nodes).

    Args:
        file: of the model.
        graph: of it, with the sizes of a case.
        batch: that was asked for.
    """
    sizes = graph.tensor(graph.inputs[0]).sizes if graph.inputs else None
    if batch or not sizes or sizes[0] < 1:
        return batch or 1
    return sizes[0] if _leads(_declared(file, graph.inputs[0]), len(sizes)) else 1


def unlike_a_batch(file: ModelFile, graph: Graph) -> tuple[str, int] | None:
    """The first input and its first size where that is above 1, and is no batch as `images_of` says; else None."""
    sizes = graph.tensor(graph.inputs[0]).sizes if graph.inputs else None
    if not sizes or sizes[0] < 2 or images_of(file, graph, None) > 1:
        return None
    return graph.inputs[0], sizes[0]


def _declared(file: ModelFile, name: str) -> Dim | None:
    """The first dimension of an input, as the file has it."""
    shapes = (tensor_from_info(info).shape for info in file.proto.graph.input if info.name == name)
    shape = next(shapes, None)
    return shape[0] if shape else None


def _leads(dimension: Dim | None, rank: int) -> bool:
    if isinstance(dimension, str) and dimension:
        return is_batch(dimension) or (rank > 1 and _SYMBOL.fullmatch(dimension) is not None)
    return rank > 1
