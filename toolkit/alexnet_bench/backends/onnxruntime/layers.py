"""What ONNX Runtime executed, from its trace and the optimised model that the same session wrote.

The join key is the node name of the optimised model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet_bench.backends.onnxruntime.bytes import moved_bytes
from alexnet_bench.backends.onnxruntime.names import UserNames
from alexnet_bench.backends.onnxruntime.readers import COPIES
from alexnet_bench.backends.onnxruntime.session import OPTIMISED_MODEL
from alexnet_bench.backends.onnxruntime.sizes import sizes_seen
from alexnet_bench.backends.onnxruntime.tensors import Meanings
from alexnet_bench.backends.onnxruntime.trace import Args, Trace, read_trace
from alexnet_bench.backends.onnxruntime.types import multiplying_bytes, weights_read, with_types
from alexnet_bench.core.engine_layers import EngineLayer, LayerTimes
from alexnet_bench.core.errors import BackendCrash
from alexnet_bench.core.graph import Graph
from alexnet_bench.graph.convert import captured_names
from alexnet_bench.graph.walk import subgraphs

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto


def read_layers(folder: Path, graph: Graph, *, timed_runs: int, wall_s: tuple[float, ...]) -> LayerTimes:
    """Layers in terms of the user's tensors, with the times of the last `timed_runs` runs.

    Args:
        folder: where the session left its trace and its optimised model.
        graph: the user's graph.
        timed_runs: how many runs at the end of the trace count; the ones before warmed up.
        wall_s: wall time of all runs as the caller saw it.

    Raises:
        BackendCrash: the files are not there, or not what ONNX Runtime writes.
    """
    optimised = _optimised(folder)
    nested = set(_nested_names(optimised.graph)) - {node.name for node in optimised.graph.node}
    trace = read_trace(folder, timed_runs=timed_runs, wall_s=wall_s, nested=nested)
    _name_like(optimised.graph.node, trace)
    return layer_times(optimised, trace, graph)


def layer_times(executed: ModelProto, trace: Trace, graph: Graph) -> LayerTimes:
    """The kernels of a trace in terms of the user's tensors.

    Args:
        executed: the nodes that ran, under the names that the trace has for them; kernels that it lacks are unmatched.
        trace: with the times.
        graph: the user's graph.
    """
    in_bytes, weights, moved = multiplying_bytes(executed), weights_read(executed), moved_bytes(executed, trace.shown)
    layers = tuple(
        replace(
            with_types(layer, trace.shown[layer.name], in_bytes, weights[layer.name]),
            moved_bytes=moved.get(layer.name),
        )
        for layer in engine_layers(executed, graph)
        if layer.name in trace.samples_s
    )
    known = {layer.name for layer in layers}
    strangers = tuple(_stranger(name, shown) for name, shown in trace.shown.items() if name not in known)
    return LayerTimes(
        layers=layers + strangers,
        samples_s=trace.samples_s,
        run_s=trace.run_s,
        wall_s=trace.wall_s,
        recorded_kernels=trace.recorded,
        arena_peak_bytes=trace.arena_peak_bytes,
        arena=trace.arena,
        seen=sizes_seen(executed.graph.node, trace.shown, graph),
    )


def _stranger(name: str, shown: Args) -> EngineLayer:
    """A kernel that stands for no known node; what copies to and from a device was asked for by none."""
    is_copy = shown.op_name in COPIES
    layer = EngineLayer(name, shown.op_name, (), (), is_overhead=is_copy, is_unmatched=not is_copy)
    return with_types(layer, shown, multiplying_bytes=())


def _name_like(nodes: Sequence[NodeProto], trace: Trace) -> None:
    """Gives nodes without a name (of functions that ONNX Runtime expands) the one that the trace made up for them.

    Only where the run followed the order of the file, which every operator and every name there is must confirm.
    """
    if all(node.name for node in nodes) or len(nodes) != len(trace.order):
        return
    if all(
        node.op_type == trace.shown[name].op_name and node.name in ("", name)
        for node, name in zip(nodes, trace.order, strict=True)
    ):
        for node, name in zip(nodes, trace.order, strict=True):
            node.name = name


def engine_layers(optimised: ModelProto, graph: Graph) -> list[EngineLayer]:
    """The nodes of an optimised model, each with the user's tensors that it reads and makes.

    Where several nodes together compute one of the user's tensors (a function that ONNX Runtime expanded), each of them
    reads what all of them read and makes what all of them make.
    """
    nodes = optimised.graph.node
    meanings = Meanings(optimised, UserNames(graph))
    reads = _reads(nodes, meanings)
    makes = _makes(nodes, meanings)
    layers = [
        _layer(node, meanings, tuple(read), tuple(made)) for node, read, made in zip(nodes, reads, makes, strict=True)
    ]
    _give_endings(nodes, layers, meanings)
    return layers


def _give_endings(nodes: Sequence[NodeProto], layers: list[EngineLayer], meanings: Meanings) -> None:
    """A kernel that only ends what another one stands for belongs to that, which moves the data."""
    makers = {name: number for number, node in enumerate(nodes) for name in node.output}
    for number, node in enumerate(nodes):
        mover = makers.get(node.input[0]) if node.input else None
        if mover is not None and meanings.only_ends(node, nodes[mover]):
            layers[number] = replace(layers[number], reads=layers[mover].reads, is_overhead=False, is_view=True)


def _layer(node: NodeProto, meanings: Meanings, reads: tuple[str, ...], makes: tuple[str, ...]) -> EngineLayer:
    # What no input can change is computed in every run nevertheless; no live node of the user asks for that.
    is_constant = meanings.constants.issuperset(filter(None, node.output))
    serves_conversion = bool(makes) and set(makes) <= set(reads)  # such as the shape that a Reshape is given
    is_overhead = is_constant or serves_conversion or meanings.is_conversion(node)
    if is_constant:  # what it reads was folded while loading, or is a weight
        reads = tuple(tensor for name in node.input if name and (tensor := meanings.of(name)) is not None)
    equals = [equal for tensor in makes for equal in meanings.merged_into(tensor) if equal not in makes]
    return EngineLayer(
        name=node.name,
        op=node.op_type,
        reads=reads,
        makes=makes,
        inner=tuple(inner for tensor in makes for inner in meanings.inside(tensor)),
        equals=tuple(dict.fromkeys((*equals, *meanings.folded(_read_by(node))))),
        is_overhead=is_overhead,
        is_unmatched=not makes and not is_overhead,
        is_constant=is_constant and not meanings.is_conversion(node),
    )


def _reads(nodes: Sequence[NodeProto], meanings: Meanings) -> list[list[str]]:
    """The user's tensors that each node reads; behind a tensor that stands for none, what that is computed from."""
    behind: dict[str, list[str]] = {}
    found = []
    for node in nodes:
        reads: list[str] = []
        for name in _read_by(node):
            if name and name not in meanings.constants:
                tensor = meanings.of(name)
                reads += behind.get(name, []) if tensor is None else [tensor]
        found.append(list(dict.fromkeys(reads)))
        behind |= {name: found[-1] for name in node.output if meanings.of(name) is None}
    return found


def _read_by(node: NodeProto) -> tuple[str, ...]:
    """What a node reads, and graphs inside it from around them; "" for an input that it is not given."""
    return (*node.input, *sorted({name for body in subgraphs(node) for name in captured_names(body)}))


def _makes(nodes: Sequence[NodeProto], meanings: Meanings) -> list[list[str]]:
    """The user's tensors that each node makes; where it makes none, those that are computed from it."""
    ahead: dict[str, list[str]] = {}
    found: list[list[str]] = []
    for node in reversed(nodes):
        made = [tensor for name in node.output if name and (tensor := meanings.of(name)) is not None]
        makes = made or [tensor for name in node.output for tensor in ahead.get(name, [])]
        found.append(list(dict.fromkeys(makes)))
        for name in node.input:
            if name not in meanings.constants and meanings.of(name) is None:
                ahead.setdefault(name, []).extend(found[-1])
    return found[::-1]


def _nested_names(graph: GraphProto) -> Iterator[str]:
    """Names of the nodes in all subgraphs."""
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from (item.name for item in inner.node)
                yield from _nested_names(inner)


def _optimised(folder: Path) -> ModelProto:
    import onnx
    from google.protobuf.message import DecodeError

    path = folder / OPTIMISED_MODEL
    if not path.is_file():
        raise BackendCrash("onnxruntime did not write its optimised model", "is the disk full?")
    try:
        return onnx.load(path, load_external_data=False)
    except DecodeError as error:
        raise BackendCrash(f"onnxruntime's optimised model cannot be read: {error}", "is the disk full?") from None
