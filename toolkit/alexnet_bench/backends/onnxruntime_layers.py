"""What ONNX Runtime executed, from its trace and the optimised model that the same session wrote.

The join key is the node name of the optimised model. Which of the user's tensors a layer makes follows from what ONNX
Runtime itself reports: fusions keep the name of the last tensor; the NCHWc transformer names a node after the tensor it
made before ("r5_nchwc"), and says by an attribute and a fourth input what it fused afterwards
(onnxruntime/core/optimizer/nchwc_transformer.cc); layout changes and casts that it adds leave a tensor's meaning as it
was. Nothing is matched by position.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from alexnet_bench.backends.onnxruntime_cpu import OPTIMISED_MODEL, TRACE_PREFIX
from alexnet_bench.core.engine_layers import EngineLayer, LayerTimes
from alexnet_bench.core.errors import BackendCrash
from alexnet_bench.core.graph import Graph, Node

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

_NCHWC = "com.microsoft.nchwc"
_NCHWC_NAME = re.compile(r"(?P<tensor>.+)_nchwc(_token_\d+)?")
_KERNEL_SUFFIX = "_kernel_time"
_INSERTED = "Inserted"
"""How the names begin of casts that ONNX Runtime adds (insert_cast_transformer.cc)."""
_CONV_SUM_INPUT = 3
_SKIPPED = frozenset({"Identity", "Dropout", "Cast"})
"""Operators that ONNX Runtime removes where they change nothing, so that a fusion may reach across them."""

_DTYPES = {"float": "float32", "double": "float64", "MLFloat16": "float16"}


class _Args(msgspec.Struct):
    op_name: str = ""
    input_type_shape: list[dict[str, list[int]]] = []
    output_type_shape: list[dict[str, list[int]]] = []
    mem_in_use_peak: str = ""


class _Event(msgspec.Struct):
    name: str
    ts: int
    dur: int
    cat: str = ""
    args: _Args = msgspec.field(default_factory=_Args)


def read_layers(folder: Path, graph: Graph, *, timed_runs: int, wall_s: tuple[float, ...]) -> LayerTimes:
    """Layers in terms of the user's tensors, with the times of the last `timed_runs` runs.

    Args:
        folder: where the session left its trace and its optimised model.
        graph: the user's graph.
        timed_runs: how many runs at the end of the trace count; the ones before warmed up.
        wall_s: wall time of those runs as the caller saw it.

    Raises:
        BackendCrash: the files are not there, or not what ONNX Runtime writes.
    """
    events = _read_trace(folder)
    runs = [event for event in events if event.name == "model_run"][-timed_runs:]
    samples, shown = _kernel_samples(events, runs)
    layers = tuple(
        _with_types(layer, shown[layer.name])
        for layer in engine_layers(_optimised(folder), graph)
        if layer.name in samples
    )
    known = {layer.name for layer in layers}
    strangers = tuple(
        _with_types(EngineLayer(name, shown[name].op_name, (), (), is_unmatched=True), shown[name])
        for name in samples
        if name not in known
    )
    peaks = [int(event.args.mem_in_use_peak) for event in events if event.args.mem_in_use_peak.isdecimal()]
    return LayerTimes(
        layers=layers + strangers,
        samples_s=samples,
        run_s=tuple(run.dur * 1e-6 for run in runs),
        wall_s=wall_s,
        arena_peak_bytes=max(peaks, default=None),
    )


def engine_layers(optimised: ModelProto, graph: Graph) -> list[EngineLayer]:
    """The nodes of an optimised model, each with the user's tensors that it reads and makes."""
    names = _Names(graph)
    nodes = optimised.graph.node
    weights = {item.name for item in optimised.graph.initializer} | graph.constants
    stands_for: dict[str, str] = {name: name for name in graph.inputs} | _behind_conversions(nodes, names)
    layers = []
    for node in nodes:
        activations = [name for name in node.input if name and name not in weights]
        reads = [stands_for.get(name) for name in activations]
        makes = _makes(node, names, stands_for)
        stands_for |= {name: tensor for name, tensor in zip(node.output, makes, strict=True) if tensor is not None}
        layers.append(
            EngineLayer(
                name=node.name,
                op=node.op_type,
                reads=tuple(name for name in reads if name is not None),
                makes=tuple(name for name in makes if name is not None),
                is_overhead=_is_conversion(node, names),
                is_unmatched=None in reads or all(tensor is None for tensor in makes),
            )
        )
    return layers


def _is_conversion(node: NodeProto, names: _Names) -> bool:
    """Whether ONNX Runtime added the node to change a tensor's layout or type, not its meaning."""
    if node.domain == _NCHWC:
        return node.op_type in ("ReorderInput", "ReorderOutput")
    return node.op_type == "Cast" and node.name.startswith(_INSERTED) and node.name not in names.nodes


def _behind_conversions(nodes: Sequence[NodeProto], names: _Names) -> dict[str, str]:
    """For each tensor that a conversion turns into one of the user's: that one."""
    found: dict[str, str] = {}
    for node in reversed(nodes):
        if _is_conversion(node, names):
            made = node.output[0]
            tensor = made if made in names.tensors else found.get(made)
            if tensor is not None and node.input[0] not in names.tensors:
                found[node.input[0]] = tensor
    return found


class _Names:
    """The user's graph by tensor and by node name."""

    def __init__(self, graph: Graph) -> None:
        self.nodes: Mapping[str, Node] = {node.name: node for node in graph.nodes}
        self.producer: dict[str, Node] = {name: node for node in graph.nodes for name in node.writes}
        self.tensors = self.producer.keys() | set(graph.inputs)
        self._readers: dict[str, list[Node]] = {}
        for node in graph.live_nodes:
            for name in dict.fromkeys(node.reads):
                self._readers.setdefault(name, []).append(node)

    def after(self, tensor: str, op_types: frozenset[str], also_reading: str | None = None) -> str | None:
        """What the reader of `tensor` with one of those operators makes, looking across operators that vanish."""
        for reader in self._readers.get(tensor, ()):
            if reader.op_type in op_types and (also_reading is None or self._reads(reader, also_reading)):
                return reader.writes[0]
        for reader in self._readers.get(tensor, ()):
            if reader.op_type in _SKIPPED:
                found = self.after(reader.writes[0], op_types, also_reading)
                if found is not None:
                    return found
        return None

    def _reads(self, node: Node, tensor: str) -> bool:
        return any(name == tensor or self._behind(name) == tensor for name in node.reads)

    def _behind(self, tensor: str) -> str:
        """The tensor in front of operators that vanish."""
        producer = self.producer.get(tensor)
        while producer is not None and producer.op_type in _SKIPPED and producer.reads:
            tensor = producer.reads[0]
            producer = self.producer.get(tensor)
        return tensor


def _makes(node: NodeProto, names: _Names, stands_for: Mapping[str, str]) -> list[str | None]:
    """The user's tensor that each output stands for, None where that cannot be told."""
    made = [name if name in names.tensors else stands_for.get(name) for name in node.output]
    if made and made[0] is None:
        if _is_conversion(node, names):
            made[0] = stands_for.get(node.input[0])
        else:
            made[0] = _nchwc_tensor(node, names, stands_for) or _by_node_name(node, names)
    return made


def _by_node_name(node: NodeProto, names: _Names) -> str | None:
    """A node that kept its name and operator makes what it made before, in another layout."""
    original = names.nodes.get(node.name)
    return original.writes[0] if original is not None and original.op_type == node.op_type else None


def _nchwc_tensor(node: NodeProto, names: _Names, stands_for: Mapping[str, str]) -> str | None:
    """The tensor in a node's name, and behind it what the node says it fused: a sum, then an activation."""
    found = _NCHWC_NAME.fullmatch(node.name)
    if node.domain != _NCHWC or found is None:
        return None
    candidates = (found["tensor"], found["tensor"].removesuffix("_bn").removesuffix("_mul"))
    tensor: str | None = next((name for name in candidates if name in names.tensors), None)
    if (
        tensor is not None
        and node.op_type == "Conv"
        and len(node.input) > _CONV_SUM_INPUT
        and node.input[_CONV_SUM_INPUT]
    ):
        tensor = names.after(tensor, frozenset({"Add", "Sum"}), stands_for.get(node.input[_CONV_SUM_INPUT]))
    activation = next((item.s.decode() for item in node.attribute if item.name == "activation"), "")
    if tensor is not None and activation:
        producer = names.producer.get(tensor)
        if producer is None or producer.op_type != activation:
            tensor = names.after(tensor, frozenset({activation}))
    return tensor


def _kernel_samples(events: list[_Event], runs: list[_Event]) -> tuple[dict[str, tuple[float, ...]], dict[str, _Args]]:
    """Seconds per kernel and run, and what the trace says of each kernel."""
    totals: dict[str, list[int]] = {}
    shown: dict[str, _Args] = {}
    kernels = _outermost([event for event in events if event.cat == "Node" and event.name.endswith(_KERNEL_SUFFIX)])
    at = 0
    for index, run in enumerate(sorted(runs, key=_start)):
        while at < len(kernels) and kernels[at].ts < run.ts:
            at += 1
        while at < len(kernels) and kernels[at].ts <= run.ts + run.dur:
            name = kernels[at].name.removesuffix(_KERNEL_SUFFIX)
            totals.setdefault(name, [0] * len(runs))[index] += kernels[at].dur
            shown.setdefault(name, kernels[at].args)
            at += 1
    return {name: tuple(value * 1e-6 for value in values) for name, values in totals.items()}, shown


def _outermost(kernels: list[_Event]) -> list[_Event]:
    """Kernels that run inside no other, in order: a node with a subgraph contains the time of that subgraph's nodes."""
    kept: list[_Event] = []
    end = -1
    for event in sorted(kernels, key=lambda event: (event.ts, -event.dur)):
        if event.ts >= end:
            kept.append(event)
            end = event.ts + event.dur
    return kept


def _start(event: _Event) -> int:
    return event.ts


def _with_types(layer: EngineLayer, args: _Args) -> EngineLayer:
    inputs, outputs = tuple(_types(args.input_type_shape)), tuple(_types(args.output_type_shape))
    floats = [name for name in (*inputs[:1], *outputs[:1]) if name.startswith(("float", "bfloat", "int8", "uint8"))]
    return replace(
        layer,
        compute_dtype=floats[0] if floats else "",
        input_dtypes=tuple(dict.fromkeys(inputs)),
        output_dtypes=tuple(dict.fromkeys(outputs)),
    )


def _types(described: list[dict[str, list[int]]]) -> Iterator[str]:
    for item in described:
        for name in item:
            yield _DTYPES.get(name, name)


def _read_trace(folder: Path) -> list[_Event]:
    traces = sorted(folder.glob(f"{TRACE_PREFIX}*.json"))
    if not traces:
        raise BackendCrash("onnxruntime left no trace of the layer run", "is the disk full?")
    try:
        return msgspec.json.decode(traces[-1].read_bytes(), type=list[_Event])
    except msgspec.DecodeError as error:
        raise BackendCrash(f"onnxruntime's trace cannot be read: {error}") from None


def _optimised(folder: Path) -> ModelProto:
    import onnx

    path = folder / OPTIMISED_MODEL
    if not path.is_file():
        raise BackendCrash("onnxruntime did not write its optimised model", "is the disk full?")
    return onnx.load(path, load_external_data=False)
