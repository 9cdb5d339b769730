"""Models of the onnx package as they are deployed: random weights in the file, any batch.

Their own weights are nodes that fill a tensor with one value, so that all channels are equal, and sums overflow or
vanish: arithmetic on such numbers may be slower, and outputs say nothing. They also take one image alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from numpy.random import Generator
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, numpy_helper

_IR_VERSION = 8
"""From 4 on, weights are constants unless they stand among the inputs; ONNX Runtime optimises only constants."""
_BATCH = "N"
_FACTORS = (("BatchNormalization", 1), ("BatchNormalization", 4), ("Mul", 0), ("Mul", 1))
"""Operators, and the positions of those inputs that have to be near 1: scale, variance, factors."""
_BRANCH_SCALE = 0.3
"""Of a branch in front of a sum, so that values hardly grow from block to block."""


_Readers = Mapping[str, tuple[NodeProto, int]]
"""By tensor: a node that reads it, and at which position."""


def write(source: Path, file: Path, *, seed: int = 0) -> None:
    """Writes the model with He-initialised weights and a symbolic batch."""
    model = onnx.load(source)
    _fill(model, np.random.default_rng(seed))
    _free_the_batch(model)
    model.ir_version = _IR_VERSION
    onnx.checker.check_model(model)
    onnx.save(model, file)


def _fill(model: ModelProto, generator: Generator) -> None:
    """Every weight becomes an initialiser of the same shape, with values that fit its reader."""
    graph = model.graph
    given = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    made = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "ConstantOfShape"}
    shapes = {name: tuple(int(size) for size in given[shape]) for name, shape in made.items()}
    shapes |= {name: array.shape for name, array in given.items() if array.dtype == np.float32}
    readers = {name: (node, at) for node in graph.node for at, name in enumerate(node.input)}
    weights = [
        numpy_helper.from_array(_weight(shape, name, readers, generator), name)
        for name, shape in shapes.items()
        if name in readers
    ]
    kept = [node for node in graph.node if node.op_type != "ConstantOfShape"]
    read = {name for node in kept for name in node.input}
    others = [item for item in graph.initializer if item.name in read and item.name not in shapes]
    inputs = [item for item in graph.input if item.name not in given and item.name not in shapes]
    for field, items in ((graph.node, kept), (graph.initializer, [*others, *weights]), (graph.input, inputs)):
        del field[:]
        field.extend(items)


def _weight(shape: tuple[int, ...], name: str, readers: _Readers, generator: Generator) -> NDArray[np.float32]:
    reader, at = readers[name]
    if reader.op_type == "Unsqueeze":
        reader, at = readers[reader.output[0]]
    if (reader.op_type, at) in _FACTORS:
        after = readers.get(reader.output[0])
        share = _BRANCH_SCALE if at == 1 and after is not None and after[0].op_type == "Sum" else 1.0
        return (share * generator.uniform(0.8, 1.2, shape)).astype(np.float32)
    spread = np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0.1
    return np.asarray(spread * generator.standard_normal(shape), np.float32)


def _free_the_batch(model: ModelProto) -> None:
    graph = model.graph
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = _BATCH
    targets = {node.input[1] for node in graph.node if node.op_type == "Reshape"}
    for item in graph.initializer:
        if item.name in targets:
            _, *sizes = numpy_helper.to_array(item)
            item.CopyFrom(numpy_helper.from_array(np.array([-1, *sizes], np.int64), item.name))
