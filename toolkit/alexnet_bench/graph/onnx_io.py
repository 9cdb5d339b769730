"""ONNX files: opened, checked and turned into a Graph, without reading the data of their weights."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet_bench.core.errors import ModelError, ShapeError
from alexnet_bench.core.file_states import FileState, states_of
from alexnet_bench.core.graph import Graph, Node
from alexnet_bench.core.text import printable
from alexnet_bench.graph import (
    blocked,
    bodies,
    contradictions,
    external,
    foreign,
    functions,
    liveness,
    naming,
    node_weights,
    shapes,
    wire,
)
from alexnet_bench.graph.convert import (
    graph_outputs,
    initialisers_of,
    integer_values,
    node_from_proto,
    required_inputs,
    sparse_parts,
)
from alexnet_bench.graph.file_bytes import blocks, shown
from alexnet_bench.graph.walk import names_are_text

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto


@dataclass(frozen=True)
class ModelFile:
    """An ONNX file that was looked at, but whose weights were not loaded.

    Attributes:
        path: of the file.
        proto: the model without the data of its large tensors, its functions inlined.
        sha256: of the file without that data.
        data_spans: where the data left out lies in the file, as (start, end).
        data_files: the files that hold its external data, which need not be there.
        states: of the file and of those, as they were when they were looked at.
        has_functions: whether functions were inlined.
    """

    path: Path
    proto: ModelProto
    sha256: str
    data_spans: tuple[tuple[int, int], ...]
    data_files: tuple[external.ExternalFile, ...] = ()
    has_functions: bool = False
    states: tuple[FileState, ...] = ()


def open_model(path: Path) -> ModelFile:
    """Reads a model file without its weights; small tensors are read wherever their data lies.

    Raises:
        ModelError: it is missing, a folder, empty, truncated, not ONNX, or names a file outside its folder.
    """
    states = states_of([path])  # before a byte is read: what replaces the file meanwhile is then seen later
    with blocks(path) as content:
        try:
            stripped = wire.strip_tensor_data(content)
        except wire.WireError as error:
            if foreign.begins_like_onnx(content):
                raise ModelError(
                    f"{shown(path)} is truncated or damaged: {error}", "copy or export the model again"
                ) from None
            raise _not_a_model(path, str(error)) from None
    proto = _decode(path, stripped.content)
    files: tuple[external.ExternalFile, ...] = ()
    if external.LOCATION.encode() in stripped.content:  # the rest is spared a walk over all nodes
        files = external.external_files(path, proto)
        states += tuple(file.state for file in files)
        external.take_small(proto, files)
    declared = len(proto.functions)
    try:
        inlined = functions.inline(proto)
    except ModelError as error:
        raise ModelError(f"{shown(path)}: {error.message}", error.hint) from None
    functions.explain_calls(inlined)
    return ModelFile(
        path,
        inlined,
        hashlib.sha256(stripped.content).hexdigest(),
        tuple(stripped.data_spans),
        files,
        len(inlined.functions) < declared,
        states,
    )


def build_graph(
    model: ModelFile, *, name: str, batch: int | None = None, given_shapes: Mapping[str, Sequence[int]] | None = None
) -> Graph:
    """The model's main graph, with shapes inferred for one case.

    Args:
        model: as `open_model` returns it.
        name: for people.
        batch: size of a lone symbolic first dimension; None takes 1.
        given_shapes: sizes by input name, where the user gave them.

    Raises:
        ShapeError: a dimension is needed and not known, the shapes given do not fit, or those of a node do not.
        ModelError: the graph has a cycle, or a node reads what nothing makes.
    """
    try:
        proto = model.proto.graph
        names = naming.identities(proto)
        nodes = _ordered_nodes(proto, names)
        positions = {identity: position for position, identity in enumerate(names)}
        order = [positions[node.name] for node in nodes]
        inferred = shapes.infer(model.proto, order=order, batch=batch, given=given_shapes or {})
        written = integer_values(proto)
        sparse = sparse_parts(proto)
        parts = {part.name: part for held in sparse.values() for part in held}
        defaults = {info.name for info in proto.input}  # of inputs, which a caller may give other values
        fixed = {name: value for name, value in written.items() if name not in defaults}
        contradictions.check(nodes, replace(inferred.followed, integers={**inferred.followed.integers, **fixed}))
        constants = liveness.constant_tensors(nodes, initialisers_of(proto)).union(parts)
        outputs = graph_outputs(proto)
        graph = Graph(
            name=name,
            nodes=nodes,
            inputs=required_inputs(proto),
            outputs=outputs,
            tensors={**inferred.tensors, **parts},
            constants=constants,
            integers={**inferred.values.integers, **written},
            live=liveness.live_nodes(nodes, outputs, constants),
            opset=next((item.version for item in model.proto.opset_import if item.domain in ("", "ai.onnx")), 0),
            ir_version=model.proto.ir_version,
            sha256=model.sha256,
            sparse=sparse,
            assumed=inferred.assumed,
        )
        protos = dict(zip((node.name for node in nodes), inferred.nodes, strict=True))
        return bodies.attach(blocked.with_unfilled(node_weights.attach(graph, protos)), protos, inferred.values)
    except (ModelError, ShapeError) as error:
        raise type(error)(f"{shown(model.path)}: {error.message}", error.hint) from None


def _ordered_nodes(graph: GraphProto, names: Sequence[str]) -> tuple[Node, ...]:
    nodes = [node_from_proto(item, identity) for item, identity in zip(graph.node, names, strict=True)]
    fed = initialisers_of(graph).union(required_inputs(graph))
    return liveness.topological_order(nodes, known=fed, outputs=graph_outputs(graph))


def _decode(path: Path, content: bytes) -> ModelProto:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        proto: ModelProto = onnx.ModelProto.FromString(content)
    except (DecodeError, RecursionError) as error:
        raise _not_a_model(path, str(error)) from None
    if not proto.ir_version or not proto.HasField("graph"):
        raise _not_a_model(path, "it holds no graph" if proto.ir_version else "it names no version of ONNX")
    if not proto.graph.output:
        raise ModelError(
            f"{shown(path)}: the graph has no outputs, so no node of it does anything", "export the model again"
        )
    if not all(info.name for info in proto.graph.input):
        raise ModelError(f"{shown(path)}: an input of the graph has no name", "export the model again")
    # Protobuf hands over a name that is not UTF-8 as bytes.
    if not names_are_text(proto):
        raise ModelError(f"{shown(path)} is damaged: a name in it is not UTF-8", "copy or export the model again")
    return proto


def _not_a_model(path: Path, reason: str) -> ModelError:
    known = foreign.describe(path)
    if known is not None:
        return ModelError(f"{shown(path)} is not an ONNX model: it is {known[0]}", known[1])
    return ModelError(
        f"{shown(path)} is not an ONNX model: {printable(reason)}",
        "give an .onnx file; models of other formats have to be exported first",
    )
