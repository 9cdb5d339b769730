"""Small networks to verify, and what can be wrong with an engine of one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

Array = np.ndarray[Any, Any]


def network(
    *,
    batch: int | str = 1,
    no_relu: bool = False,
    softmax: bool = False,
    change: dict[str, Array] | None = None,
    outputs: Sequence[str] = ("logits",),
) -> ModelProto:
    """Convolution, two branches that meet, and a fully connected layer with a bias; 3x16x16 to 10 logits."""
    generator = np.random.default_rng(7)

    def draw(*shape: int) -> Array:
        fan_in = int(np.prod(shape[1:])) or 1
        drawn: Array = (generator.standard_normal(shape) * np.sqrt(2 / fan_in)).astype(np.float32)
        return drawn

    weights = {
        "conv1.w": draw(8, 3, 3, 3), "conv1.b": draw(8) / 10, "left.w": draw(8, 8, 3, 3), "right.w": draw(8, 8, 1, 1),
        "fc.w": draw(10, 8 * 16 * 16), "fc.b": draw(10) / 10,
    }  # fmt: skip
    weights |= change or {}
    pads = [1, 1, 1, 1]
    node = helper.make_node
    nodes = [
        node("Conv", ["x", "conv1.w", "conv1.b"], ["conv1"], name="conv1", pads=pads),
        node("Identity" if no_relu else "Relu", ["conv1"], ["relu1"], name="relu1"),
        node("Conv", ["relu1", "left.w"], ["left"], name="left", pads=pads),
        node("Conv", ["relu1", "right.w"], ["right"], name="right"),
        node("Add", ["left", "right"], ["sum"], name="sum"),
        node("Relu", ["sum"], ["relu2"], name="relu2"),
        node("Flatten", ["relu2"], ["flat"], name="flat"),
        node("Gemm", ["flat", "fc.w", "fc.b"], ["logits"], name="fc", transB=1),
    ]
    made: dict[str, tuple[int, list[int | str]]] = {
        "logits": (TensorProto.FLOAT, [batch, 10]),
        "best": (TensorProto.INT64, [batch, 1]),
        "probabilities": (TensorProto.FLOAT, [batch, 10]),
        "relu2": (TensorProto.FLOAT, [batch, 8, 16, 16]),
    }
    if "best" in outputs:
        nodes.append(node("ArgMax", ["logits"], ["best"], name="best", axis=1))
    if softmax:
        nodes.append(node("Softmax", ["logits"], ["probabilities"], name="softmax"))
        outputs = ("probabilities",)
    value = helper.make_tensor_value_info
    return model(
        nodes,
        [value("x", TensorProto.FLOAT, [batch, 3, 16, 16])],
        [value(name, *made[name]) for name in outputs],
        weights,
    )


def model(
    nodes: Sequence[NodeProto], inputs: Sequence[Any], outputs: Sequence[Any], weights: dict[str, Array]
) -> ModelProto:
    """A model of opset 17 that every runtime here reads."""
    constants = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(list(nodes), "g", list(inputs), list(outputs), constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def weight(of: ModelProto, name: str) -> Array:
    """A copy of one of its weights."""
    return next(numpy_helper.to_array(item).copy() for item in of.graph.initializer if item.name == name)


def quantise_weights(of: ModelProto) -> ModelProto:
    """The model with its weights as int8, one scale for each output channel, behind DequantizeLinear."""
    kept, dequantise = [], []
    for item in of.graph.initializer:
        if not item.name.endswith((".w", ".weight")):
            kept.append(item)
            continue
        array = numpy_helper.to_array(item)
        scale = np.abs(array).max(axis=tuple(range(1, array.ndim))) / np.float32(127)
        whole = np.round(array / scale.reshape(-1, *[1] * (array.ndim - 1))).astype(np.int8)
        kept += [numpy_helper.from_array(whole, f"{item.name}.q"), numpy_helper.from_array(scale, f"{item.name}.s")]
        names = [f"{item.name}.q", f"{item.name}.s"]
        dequantise.append(helper.make_node("DequantizeLinear", names, [item.name], name=f"{item.name}.dq", axis=0))
    graph = helper.make_graph(
        [*dequantise, *of.graph.node], of.graph.name, list(of.graph.input), list(of.graph.output), kept
    )
    return helper.make_model(
        graph, opset_imports=list(of.opset_import), ir_version=of.ir_version, producer_name=of.producer_name
    )


def write(path: Path, content: ModelProto) -> Path:
    """Writes a model; gives its path."""
    path.write_bytes(content.SerializeToString())
    return path
