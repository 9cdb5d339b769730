"""ONNX files: opened, checked and turned into a Graph, without reading the data of their weights."""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet_bench.core.errors import ModelError
from alexnet_bench.core.graph import Graph
from alexnet_bench.graph import external, liveness, naming, shapes, wire
from alexnet_bench.graph.convert import graph_outputs, integer_values, node_from_proto, required_inputs, tensors_of

if TYPE_CHECKING:
    from onnx import ModelProto

_WHAT_TO_GIVE = "give an .onnx file, or a name that `alexnet-bench models` lists"


@dataclass(frozen=True)
class ModelFile:
    """An ONNX file that was looked at, but whose weights were not loaded.

    Attributes:
        path: of the file.
        proto: the model without the data of its large tensors.
        sha256: of that.
        data_spans: where the data left out lies in the file, as (start, end).
    """

    path: Path
    proto: ModelProto
    sha256: str
    data_spans: tuple[tuple[int, int], ...]


def open_model(path: Path) -> ModelFile:
    """Reads a model file without its weights.

    Raises:
        ModelError: it is missing, a folder, empty, truncated, not ONNX, or names a file outside its folder.
    """
    with _mapped(path) as buffer:
        try:
            stripped = wire.strip_tensor_data(buffer)
        except wire.WireError as error:
            if _starts_like_onnx(buffer):
                raise ModelError(f"{path} is truncated or damaged: {error}", "copy or export the model again") from None
            raise _not_a_model(path, str(error)) from None
    proto = _decode(path, stripped.content)
    external.check_locations(path, proto)
    return ModelFile(path, proto, hashlib.sha256(stripped.content).hexdigest(), tuple(stripped.data_spans))


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
        ShapeError: a dimension is needed and not known, or the shapes given do not fit.
        ModelError: the graph has a cycle, or a node reads what nothing makes.
    """
    inferred = shapes.infer(model.proto, batch=batch, given=given_shapes or {})
    proto = inferred.graph
    names = naming.identities(proto)
    nodes = tuple(node_from_proto(item, identity) for item, identity in zip(proto.node, names, strict=True))
    initialisers = frozenset(item.name for item in proto.initializer)
    initialisers |= frozenset(item.values.name for item in proto.sparse_initializer)
    inputs = required_inputs(proto, initialisers)
    ordered = liveness.topological_order(nodes, known=initialisers | frozenset(inputs))
    constants = liveness.constant_tensors(ordered, initialisers)
    outputs = graph_outputs(proto)
    return Graph(
        name=name,
        nodes=ordered,
        inputs=inputs,
        outputs=outputs,
        tensors=tensors_of(proto),
        constants=constants,
        integers=integer_values(proto),
        live=liveness.live_nodes(ordered, outputs, constants),
        opset=next((item.version for item in inferred.opset_import if item.domain in ("", "ai.onnx")), 0),
        ir_version=inferred.ir_version,
        sha256=model.sha256,
    )


def weights_sha256(model: ModelFile) -> str:
    """Hash of all tensor data that `open_model` left out, external files included; reads every byte of it."""
    digest = hashlib.sha256()
    with _mapped(model.path) as buffer:
        for start, end in model.data_spans:
            digest.update(buffer[start:end])
    for location in sorted({location for _, location in external.external_tensors(model.proto)}):
        with (model.path.parent / location).open("rb") as stream:
            while chunk := stream.read(1 << 22):
                digest.update(chunk)
    return digest.hexdigest()


def named_copy(model: ModelFile) -> bytes | None:
    """The whole model with a unique name for every node of its main graph, or None when the file has that already.

    Runtimes report times by node name, so names have to be unique while layers are timed; nothing else changes.
    """
    names = naming.identities(model.proto.graph)
    if all(node.name == name for node, name in zip(model.proto.graph.node, names, strict=True)):
        return None
    with _mapped(model.path) as buffer:
        return wire.rename_nodes(buffer, names)


@contextmanager
def _mapped(path: Path) -> Iterator[memoryview]:
    if path.is_dir():
        raise ModelError(f"{path} is a folder", _WHAT_TO_GIVE)
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        raise ModelError(f"{path} does not exist", _WHAT_TO_GIVE) from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}", _WHAT_TO_GIVE) from None
    with stream:
        if not path.is_file():
            raise ModelError(f"{path} is not a regular file", _WHAT_TO_GIVE)
        if path.stat().st_size == 0:
            raise ModelError(f"{path} is empty", "copy or export the model again")
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as buffer:
            yield buffer


def _decode(path: Path, content: bytes) -> ModelProto:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        proto: ModelProto = onnx.ModelProto.FromString(content)
    except (DecodeError, RecursionError) as error:
        raise _not_a_model(path, str(error)) from None
    if not proto.ir_version or not proto.HasField("graph"):
        raise _not_a_model(path, "it holds no graph")
    if not proto.graph.output:
        raise ModelError(f"{path}: the graph has no outputs, so no node of it does anything", "export the model again")
    return proto


def _not_a_model(path: Path, reason: str) -> ModelError:
    return ModelError(
        f"{path} is not an ONNX model: {reason}",
        "give an .onnx file; models of other formats have to be exported first",
    )


def _starts_like_onnx(buffer: memoryview) -> bool:
    """Every exporter writes ir_version, field 1, first: tag 8 and a small number."""
    return len(buffer) > 1 and buffer[0] == 8 and 1 <= buffer[1] <= 64
