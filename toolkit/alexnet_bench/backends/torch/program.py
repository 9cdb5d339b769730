"""What the torch backend runs: a reference network, or one of the small models behind the ceilings, as steps.

torch reads no ONNX. A reference network's file names its network, and carries its weights; the same table then gives
the torch module. Importing this module does not import torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alexnet_bench.backends.ceiling_models import PRODUCT
from alexnet_bench.core.errors import BackendRefusal
from alexnet_bench.core.text import printable
from alexnet_bench.graph.onnx_io import open_model

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto

    from alexnet_bench.network.spec import Network

_CEILING = "ceiling"
_NO_OPERATION = "Dropout"


@dataclass(frozen=True)
class Step:
    """One call.

    Attributes:
        name: of the layer.
        op: torch's class, or the operator.
        reads: the model's tensors that it takes, in order.
        makes: the model's tensor that it gives; the one that it takes when it does nothing.
        call: tensors to tensor.
    """

    name: str
    op: str
    reads: tuple[str, ...]
    makes: str
    call: Callable[..., Any]


@dataclass(frozen=True)
class Program:
    """Steps in order.

    Attributes:
        steps: what is called.
        inputs: the model's inputs.
        output: the model's output.
        module: the same in one call on one tensor, for a network.
    """

    steps: tuple[Step, ...]
    inputs: tuple[str, ...]
    output: str
    module: Any = None


def read_program(path: Path, *, dtype: Any, device: str) -> Program:
    """The program of a model file, its weights of a type and on a device of torch.

    Raises:
        BackendRefusal: it is neither a reference network as this tool writes it, nor a model behind the ceilings.
    """
    proto = open_model(path).proto
    if proto.graph.name == _CEILING and any(PRODUCT in node.output for node in proto.graph.node):
        return _ceiling(proto, device)
    network = _network(proto)
    from alexnet_bench.network.torch_module import build_module
    from alexnet_bench.network.weights import load_weights

    module = build_module(network, load_weights(path, network)).to(device=device, dtype=dtype)
    source, target = (item[0].name for item in (proto.graph.input, proto.graph.output))
    return Program(tuple(_steps(module, source, target)), (source,), target, module)


def _network(proto: ModelProto) -> Network:
    """The reference network that a file holds, node for node."""
    import numpy as np

    from alexnet_bench.network import architectures
    from alexnet_bench.network.onnx_export import build_model
    from alexnet_bench.network.shapes import tensor_shapes

    if proto.graph.name in architectures.names():
        network = architectures.get(proto.graph.name)
        zeros = {name: np.zeros(shape, np.float32) for name, shape in tensor_shapes(network).items()}
        if _described(build_model(network, zeros).graph) == _described(proto.graph):
            return network
    raise BackendRefusal(
        "torch runs no ONNX files but those of the reference networks, which this is none of",
        "`alexnet-bench models` lists them; other models run on onnxruntime-cpu or openvino",
    )


def _described(graph: GraphProto) -> list[object]:
    weights = [(item.name, tuple(item.dims)) for item in graph.initializer]
    return [sorted(weights), [node.SerializeToString(deterministic=True) for node in graph.node]]


def _steps(module: Any, source: str, target: str) -> Iterator[Step]:
    """The children of a network's module; each makes the tensor of its own name, the last the model's output."""
    children = list(module.named_children())
    last = [name for name, child in children if type(child).__name__ != _NO_OPERATION][-1]
    for name, child in children:
        op = type(child).__name__
        makes = source if op == _NO_OPERATION else target if name == last else name
        yield Step(name, op, (source,), makes, child)
        source = makes


def _ceiling(proto: ModelProto, device: str) -> Program:
    """A product, a stream or a sum of `ceiling_models`; the last steps take one element."""
    values = _constants(proto, device)
    steps = []
    for node in proto.graph.node:
        if node.op_type == "ConstantOfShape":
            continue
        call = _calls().get(node.op_type)
        if call is None:
            raise BackendRefusal(f"torch has no {printable(node.op_type)} for whole numbers of one byte here")
        if values.keys() >= set(node.input):  # of weights alone, and so done once
            values[node.output[0]] = call(node)(*(values[name] for name in node.input))
        else:
            steps.append(_bound(node.name, node.op_type, tuple(node.input), node.output[0], call(node), values))
    return Program(tuple(steps), tuple(item.name for item in proto.graph.input), proto.graph.output[0].name)


def _bound(
    name: str, op: str, inputs: Sequence[str], makes: str, call: Callable[..., Any], values: Mapping[str, Any]
) -> Step:
    """A step that is given what it reads and finds its constants by itself."""
    reads = tuple(item for item in inputs if item not in values)

    def with_constants(*given: Any) -> Any:
        fed = dict(zip(reads, given, strict=True))
        return call(*(fed[item] if item in fed else values[item] for item in inputs))

    return Step(name, op, reads, makes, with_constants)


def _calls() -> dict[str, Callable[[Any], Callable[..., Any]]]:
    """For each operator of the models behind the ceilings, what a node of it does."""
    import torch
    from onnx import TensorProto

    casts = {TensorProto.BFLOAT16: torch.bfloat16, TensorProto.FLOAT: torch.float32}
    return {
        "MatMul": lambda _: torch.matmul,
        "Add": lambda _: torch.add,
        "Cast": lambda node: lambda tensor: tensor.to(casts[node.attribute[0].i]),
        "Slice": lambda _: lambda tensor, *_bounds: tensor[(slice(0, 1),) * tensor.dim()],
    }


def _constants(proto: ModelProto, device: str) -> dict[str, Any]:
    """Initialisers, and what ConstantOfShape makes of them, as tensors."""
    import torch
    from onnx import numpy_helper

    values: dict[str, Any] = {
        item.name: torch.from_numpy(numpy_helper.to_array(item).copy()) for item in proto.graph.initializer
    }
    for node in proto.graph.node:
        if node.op_type == "ConstantOfShape":
            filling = torch.from_numpy(numpy_helper.to_array(node.attribute[0].t).copy())
            values[node.output[0]] = filling.expand(values[node.input[0]].tolist()).contiguous().to(device)
    return values
