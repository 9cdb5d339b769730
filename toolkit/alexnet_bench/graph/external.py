"""Tensor data in files beside the model: where it lies, and whether it is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet_bench.core.errors import ModelError
from alexnet_bench.core.text import printable

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, TensorProto


def external_tensors(model: ModelProto) -> Iterator[tuple[TensorProto, str]]:
    """Every tensor whose data lies in another file, with that file's name as written."""
    for tensor in _all_tensors(model.graph):
        if tensor.data_location == tensor.EXTERNAL:
            yield tensor, next((item.value for item in tensor.external_data if item.key == "location"), "")


def external_file(model_path: Path, tensor: TensorProto, location: str) -> Path:
    """Where a tensor's external data lies.

    Raises:
        ModelError: outside the model's folder, by an absolute path, by "..", or by a symbolic link.
    """
    folder = model_path.parent.resolve()
    path = folder if "\0" in location else (folder / location).resolve()
    if path == folder or not path.is_relative_to(folder):
        raise ModelError(
            f"{model_path}: tensor {printable(tensor.name)} wants its data from outside the model's folder: "
            f"{printable(location)!r}",
            "a model may only name files beside itself; do not run it unless you know who made it",
        )
    return path


def check_locations(model_path: Path, model: ModelProto) -> None:
    """Raises ModelError when a tensor names a file outside the model's folder."""
    for tensor, location in external_tensors(model):
        external_file(model_path, tensor, location)


def check_present(model_path: Path, model: ModelProto) -> None:
    """Raises ModelError when an external file is missing, or shorter than its tensors say."""
    for tensor, location in external_tensors(model):
        path = external_file(model_path, tensor, location)
        fields = {item.key: item.value for item in tensor.external_data}
        needed = _number(fields.get("offset")) + _number(fields.get("length"))
        if not path.is_file():
            raise ModelError(
                f"{model_path}: {printable(location)}, the data of tensor {printable(tensor.name)}, is missing",
                f"put it into {model_path.parent}, or count without running: --static",
            )
        if path.stat().st_size < needed:
            raise ModelError(
                f"{model_path}: the external data file {printable(location)} is cut short: "
                f"{path.stat().st_size:,} bytes, tensor {printable(tensor.name)} needs {needed:,}",
                "copy or export the file again",
            )


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0


def _all_tensors(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            if attribute.HasField("g"):
                yield from _all_tensors(attribute.g)
            for subgraph in attribute.graphs:
                yield from _all_tensors(subgraph)
