"""Weights of an ONNX model, matched to a network by the order of its layers.

Names in a foreign model mean nothing here. What is matched is the n-th convolution of the graph with the n-th of the
network, and the same for dense layers (Gemm, or MatMul with an Add behind it) and for BatchNormalization; whether the
shapes agree is then checked as for every other file.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import external_data_helper

from alexnet_bench.core.errors import WeightsError
from alexnet_bench.network.onnx_constants import Array, Constants, UnreadableTensorError
from alexnet_bench.network.spec import BatchNorm, Conv, FullyConnected, Network

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Layer = type[Conv | FullyConnected | BatchNorm]


def read_onnx(path: Path, network: Network) -> dict[str, Array]:
    """Tensor name of the network -> array; layers beyond the network's own keep the names of their ONNX nodes.

    A bias that the graph leaves out is zero, which is what ONNX computes.

    Raises:
        WeightsError: not ONNX, truncated, or external data that is missing or outside the model's folder.
    """
    model = _load(path)
    try:
        return _match(model.graph, network)
    except (UnreadableTensorError, ValueError, TypeError, IndexError, RecursionError) as error:
        # A graph that breaks the rules of ONNX: too few inputs, a cycle, a shape that does not fit its data.
        raise WeightsError(f"{path}: {error}", "export the model again, with its weights as initialisers") from error


def _load(path: Path) -> onnx.ModelProto:
    try:
        model = onnx.load(str(path), format="protobuf", load_external_data=False)
    except (DecodeError, OSError, ValueError) as error:
        raise WeightsError(f"{path} is not a whole ONNX file: {error}", "fetch or export it again") from error
    if not model.graph.node:
        raise WeightsError(f"{path} is not an ONNX model: it has no nodes", "give a model, not a single tensor")
    _load_external(model, path)
    return model


def _load_external(model: onnx.ModelProto, path: Path) -> None:
    """Reads tensors that lie in files of their own, which a model may only keep in its own folder."""
    folder = path.resolve().parent
    for tensor in _tensors(model):
        if not external_data_helper.uses_external_data(tensor):
            continue
        location = external_data_helper.ExternalDataInfo(tensor).location
        target = (folder / location).resolve()
        if not target.is_relative_to(folder):
            raise WeightsError(f"{path}: {tensor.name} lies outside the model's folder: {location}", _EXTERNAL_HINT)
        if not target.is_file():
            raise WeightsError(f"{path}: {tensor.name} lies in {location}, which is not there", _EXTERNAL_HINT)
        try:
            external_data_helper.load_external_data_for_tensor(tensor, str(folder))
        except (OSError, ValueError, onnx.checker.ValidationError) as error:
            raise WeightsError(
                f"{path}: {tensor.name} cannot be read from {location}: {error}", _EXTERNAL_HINT
            ) from error


_EXTERNAL_HINT = "put the data file beside the model, or export the model as one file"


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    yield from model.graph.initializer
    for node in model.graph.node:
        yield from (attribute.t for attribute in node.attribute if attribute.HasField("t"))


def _match(graph: onnx.GraphProto, network: Network) -> dict[str, Array]:
    constants = Constants(graph)
    biases = _biases_behind_matmul(graph, constants)
    names = _layer_names(network)
    found: dict[str, Array] = {}
    seen: Counter[Layer] = Counter()
    for node in graph.node:
        layer, tensors = _layer_of(node, constants, biases)
        if layer is None:
            continue
        index, own = seen[layer], names[layer]
        seen[layer] += 1
        name = own[index] if index < len(own) else node.name or node.output[0]
        found |= {f"{name}.{part}": array for part, array in tensors.items()}
    return found


def _layer_names(network: Network) -> Mapping[Layer, list[str]]:
    kinds: tuple[Layer, ...] = (Conv, FullyConnected, BatchNorm)
    return {kind: [layer.name for layer in network.layers if isinstance(layer, kind)] for kind in kinds}


def _layer_of(
    node: onnx.NodeProto, constants: Constants, biases: Mapping[str, Array]
) -> tuple[Layer | None, dict[str, Array]]:
    """The kind of layer that a node is, and its tensors by our names; None for a node without weights."""
    if node.op_type == "BatchNormalization":
        parts = ("weight", "bias", "running_mean", "running_var")
        return BatchNorm, {part: constants.get(name) for part, name in zip(parts, node.input[1:5], strict=True)}
    if node.op_type == "Conv":
        weight = constants.get(node.input[1])
        bias = constants.get(node.input[2]) if _has_input(node, 2) else _zeros(weight)
        return Conv, {"weight": weight, "bias": bias}
    if node.op_type == "Gemm":
        return FullyConnected, _gemm(node, constants)
    if node.op_type == "MatMul" and constants.has(node.input[1]):
        weight = constants.get(node.input[1]).T
        return FullyConnected, {"weight": weight, "bias": biases.get(node.output[0], _zeros(weight))}
    return None, {}


def _gemm(node: onnx.NodeProto, constants: Constants) -> dict[str, Array]:
    """Gemm computes alpha · A · B + beta · C, with B as [in, out] unless it is transposed."""
    settings = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    weight = constants.get(node.input[1])
    if not settings.get("transB", 0):
        weight = weight.T
    bias = constants.get(node.input[2]) if _has_input(node, 2) else _zeros(weight)
    return {
        "weight": _scaled(weight, settings.get("alpha", 1.0)),
        "bias": _as_bias(_scaled(bias, settings.get("beta", 1.0)), weight),
    }


def _biases_behind_matmul(graph: onnx.GraphProto, constants: Constants) -> dict[str, Array]:
    """Output of a MatMul -> the constant that an Add puts onto it."""
    weights = {
        node.output[0]: constants.get(node.input[1]).T
        for node in graph.node
        if node.op_type == "MatMul" and constants.has(node.input[1])
    }
    biases: dict[str, Array] = {}
    for node in graph.node:
        if node.op_type != "Add":
            continue
        for product, addend in (tuple(node.input), tuple(reversed(node.input))):
            if product in weights and constants.has(addend):
                biases[product] = _as_bias(constants.get(addend), weights[product])
    return biases


def _has_input(node: onnx.NodeProto, index: int) -> bool:
    """ONNX marks an optional input that is left out by an empty name, or ends the list before it."""
    return len(node.input) > index and bool(node.input[index])


def _zeros(weight: Array) -> Array:
    return np.zeros(weight.shape[:1], np.float32)


def _as_bias(array: Array, weight: Array) -> Array:
    """One value per output: Gemm and Add also take a scalar or a row. Other shapes are left for the check to name."""
    if array.size in (1, *weight.shape[:1]):
        return np.broadcast_to(array.reshape(-1), weight.shape[:1])
    return array


def _scaled(array: Array, factor: float) -> Array:
    if factor == 1.0:
        return array
    return np.asarray(array, np.float32) * np.float32(factor)
