"""The nodes that ran in a session of which a provider compiled parts: each part is one node, whatever it holds.

The trace names such a node and nothing of its tensors, and ONNX Runtime does not write the model of such a session.
TensorRT's provider writes each part on request, as an ONNX file under the name that the trace has for it: its inputs
and outputs are tensors of the user's, and what lies between them is the part's. A part without a file stands for
nothing, and stays unattributed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet_bench.backends.onnxruntime.trace import Args, Trace
from alexnet_bench.core.errors import BackendCrash, ModelError
from alexnet_bench.core.graph import Graph, is_float
from alexnet_bench.graph.convert import graph_outputs, required_inputs, tensors_of
from alexnet_bench.graph.onnx_io import open_model

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

_PRODUCTS = frozenset({"Conv", "ConvTranspose", "Einsum", "GRU", "Gemm", "LSTM", "MatMul", "RNN"})
"""Operators whose first input has the type of their multiply-adds."""
_DEQUANTISE = "DequantizeLinear"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the model that a provider compiled.

    Attributes:
        reads: its inputs, without weights.
        makes: its outputs.
        compute_dtype: type of its multiply-adds, "" where there are several, or it is not known.
    """

    reads: tuple[str, ...]
    makes: tuple[str, ...]
    compute_dtype: str


def parts(folder: Path, trace: Trace, provider: str) -> dict[str, Part]:
    """The compiled parts among the kernels of a trace, by name; those without a file are left out.

    Args:
        folder: where the provider wrote them.
        trace: of the same session.
        provider: that compiled them.

    Raises:
        BackendCrash: a file is damaged.
    """
    found = {}
    for name, shown in trace.shown.items():
        path = folder / f"{name}.onnx"
        # The name holds that of the user's graph, which may be the path of another file.
        if shown.provider == provider and path.parent == folder and path.is_file():
            found[name] = _part(path)
    return found


def executed_nodes(trace: Trace, graph: Graph, compiled: Mapping[str, Part]) -> ModelProto:
    """The compiled parts, and the user's nodes that ran as they are, as a model that has nothing else.

    Args:
        trace: what ran.
        graph: the user's, whose nodes have unique names in the trace.
        compiled: as `parts` gives it.
    """
    import onnx

    model = onnx.ModelProto()
    mine = {node.name: node for node in graph.nodes}
    for name, shown in trace.shown.items():
        if name in compiled:
            model.graph.node.append(_node(name, shown, compiled[name].reads, compiled[name].makes))
        elif name in mine and mine[name].op_type == shown.op_name:
            model.graph.node.append(_node(name, shown, mine[name].inputs, mine[name].outputs))
    return model


def _node(name: str, shown: Args, inputs: Iterable[str], outputs: Iterable[str]) -> NodeProto:
    from onnx import NodeProto

    return NodeProto(name=name, op_type=shown.op_name, input=inputs, output=outputs)


def _part(path: Path) -> Part:
    try:
        graph = open_model(path).proto.graph
    except ModelError as error:
        raise BackendCrash(
            f"a part that onnxruntime wrote cannot be read: {error.message}", "is the disk full?"
        ) from None
    return Part(required_inputs(graph), graph_outputs(graph), _computed_in(graph))


def _computed_in(graph: GraphProto) -> str:
    """The one type that the part's products read, or without any the first type of numbers that it makes.

    TensorRT takes the types of the graph as they are. What it makes of products of dequantised numbers is not said.
    """
    tensors, makers = tensors_of(graph), {name: node.op_type for node in graph.node for name in node.output}
    read = [node.input[0] for node in graph.node if node.op_type in _PRODUCTS and node.input]
    if any(makers.get(name) == _DEQUANTISE for name in read):
        return ""
    dtypes = {tensors[name].dtype if name in tensors else "" for name in read}
    if read:
        return dtypes.pop() if len(dtypes) == 1 else ""
    made = (tensors[name].dtype for name in graph_outputs(graph) if name in tensors)
    return next(filter(is_float, made), "")
