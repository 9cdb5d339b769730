"""A network's table and weights, written as an ONNX graph.

The graph is written and not traced, so that the same weights give the same bytes, LRN stays the one node that it is
(tracing exporters decompose it into a dozen), and every node carries its layer's name.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import onnx
from onnx import TensorProto, helper

from alexnet_bench.core import atomic
from alexnet_bench.network.fit import fit
from alexnet_bench.network.shapes import PlacedLayer, layer_tensors, place, tensor_shapes
from alexnet_bench.network.spec import (
    LRN,
    AvgPool,
    BatchNorm,
    Conv,
    Dropout,
    Flatten,
    FullyConnected,
    Layer,
    MaxPool,
    Network,
    ReLU,
    Shape,
    Tanh,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

OPSET = 17
"""With IR version 8 what onnx 1.12 wrote (2022): ONNX Runtime from 1.12 and TensorRT from 8.5 on read it. None of the
operators here gained more than types in later opsets, and runtimes refuse versions newer than themselves."""
IR_VERSION = 8

INPUT = "input"
OUTPUT = "logits"
BATCH = "N"


def export(network: Network, weights: Mapping[str, NDArray[np.generic]], path: Path) -> None:
    """Writes `build_model` to one file, in one step; every network here is far below protobuf's limit of 2 GB.

    Raises:
        WeightsError: the weights do not fit the network.
        OutputError: the file cannot be written.
    """
    atomic.check_writable(path)
    atomic.write_bytes(path, serialise(build_model(network, weights)))


def serialise(model: onnx.ModelProto) -> bytes:
    """The model's bytes, the same for the same model in every process."""
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def build_model(network: Network, weights: Mapping[str, NDArray[np.generic]]) -> onnx.ModelProto:
    """The inference graph, from `input` float32 [N, channels, height, width] to `logits` float32 [N, classes].

    N is symbolic. Dropout does nothing in inference and is left out; there is no softmax. LRN per tower is one LRN
    node between two Reshape nodes. The producer carries neither version nor date: the bytes depend on the network and
    the weights alone.

    Args:
        network: the network.
        weights: tensor name -> array, as `initialise` or `load_weights` give them.

    Raises:
        WeightsError: the weights do not fit the network.
    """
    fitted = fit(network, weights, origin="the set of weights")
    model = _without_weights(network)
    # Into the finished message: the helpers copy what they are given, and this is a quarter of a gigabyte.
    for name, array in fitted.items():
        model.graph.initializer.add(
            name=name, data_type=TensorProto.FLOAT, dims=array.shape, raw_data=array.astype("<f4", copy=False).tobytes()
        )
    return model


def is_export(model: onnx.ModelProto, network: Network, left_out: int) -> bool:
    """Whether a model is what `build_model` makes of a network, as far as can be said without its weights' values.

    Args:
        model: that was read, with or without the data of its weights.
        network: the network.
        left_out: bytes of data that the model's file has and `model` lacks.
    """
    shapes = tensor_shapes(network)
    expected, found, held = _without_weights(network), onnx.ModelProto(), left_out
    for name, shape in shapes.items():
        expected.graph.initializer.add(name=name, data_type=TensorProto.FLOAT, dims=shape)
    found.CopyFrom(model)
    for tensor in found.graph.initializer:
        if tensor.name in shapes:
            held += len(tensor.raw_data)
            tensor.ClearField("raw_data")
    return bool(found == expected) and held == 4 * sum(map(math.prod, shapes.values()))


def _without_weights(network: Network) -> onnx.ModelProto:
    nodes, constants = _graph(network)
    inputs = [_value(INPUT, network.input_shape)]
    outputs = [_value(OUTPUT, place(network)[-1].output_shape)]
    return helper.make_model(
        helper.make_graph(nodes, network.name, inputs, outputs, constants),
        producer_name="alexnet-bench",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )


def _graph(network: Network) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """The nodes in order, and the constants that belong to the graph rather than to the weights."""
    layers = [placed for placed in place(network) if not isinstance(placed.layer, Dropout)]
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []
    source = INPUT
    for placed in layers:
        target = OUTPUT if placed is layers[-1] else placed.layer.name
        if isinstance(placed.layer, LRN) and placed.layer.towers > 1:
            nodes += _lrn_per_tower(placed, source, target)
            constants += _tower_shapes(placed.layer, placed.input_shape)
        else:
            nodes.append(_node(placed, source, target))
        source = target
    return nodes, constants


def _node(placed: PlacedLayer, source: str, target: str) -> onnx.NodeProto:
    """One layer as one node that carries its name."""
    layer = placed.layer
    node = helper.make_node(_OPERATORS[type(layer)], [source, *layer_tensors(placed)], [target], layer.name)
    node.attribute.extend(helper.make_attribute(name, value) for name, value in _attributes(layer).items())
    return node


_OPERATORS: dict[type[Layer], str] = {
    AvgPool: "AveragePool",
    BatchNorm: "BatchNormalization",
    Conv: "Conv",
    Flatten: "Flatten",
    FullyConnected: "Gemm",
    LRN: "LRN",
    MaxPool: "MaxPool",
    ReLU: "Relu",
    Tanh: "Tanh",
}


def _attributes(layer: Layer) -> dict[str, int | float | list[int]]:
    match layer:
        case Conv():
            return {**_window(layer.kernel, layer.stride, layer.pad), "group": layer.groups}
        case MaxPool() | AvgPool():
            return {**_window(layer.kernel, layer.stride, 0)}
        case FullyConnected():
            return {"transB": 1}
        case BatchNorm():
            return {"epsilon": layer.epsilon}
        case LRN():  # ONNX divides alpha by the window, as `spec.LRN` does
            return {"size": layer.size, "alpha": layer.alpha, "beta": layer.beta, "bias": layer.k}
        case _:
            return {}


def _window(kernel: int, stride: int, pad: int) -> dict[str, list[int]]:
    return {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [pad] * 4}


def _lrn_per_tower(placed: PlacedLayer, source: str, target: str) -> list[onnx.NodeProto]:
    """[N, C, H, W] -> [N·towers, C/towers, H, W] -> LRN -> back.

    In C order the channels of a tower are adjacent, so moving the towers into the batch moves no data, and no window
    reaches across the seam.
    """
    name = placed.layer.name
    split, apart, join = f"{name}/split_towers", f"{name}/towers", f"{name}/join_towers"
    return [
        helper.make_node("Reshape", [source, f"{split}.shape"], [split], split),
        _node(placed, split, apart),
        helper.make_node("Reshape", [apart, f"{join}.shape"], [target], join),
    ]


def _tower_shapes(layer: LRN, shape: Shape) -> list[onnx.TensorProto]:
    """The constants of the two Reshape nodes; -1 leaves the batch dynamic."""
    channels, *size = shape
    wanted = {"split_towers": channels // layer.towers, "join_towers": channels}
    return [
        helper.make_tensor(f"{layer.name}/{part}.shape", TensorProto.INT64, [4], [-1, width, *size])
        for part, width in wanted.items()
    ]


def _value(name: str, shape: Shape) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH, *shape])
