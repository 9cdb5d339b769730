"""Tensor data in files beside the model: where it lies, and whether it is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet_bench.core.errors import ModelError
from alexnet_bench.core.file_states import FileState, state_of
from alexnet_bench.core.text import printable
from alexnet_bench.graph.convert import tensor_from_initialiser
from alexnet_bench.graph.file_bytes import blocks
from alexnet_bench.graph.walk import all_tensors
from alexnet_bench.graph.wire import KEEP_BYTES

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto

LOCATION = "location"
"""The key under which a tensor names the file of its data (onnx.proto, TensorProto.external_data)."""

_MAX_DIGITS = 19
"""Of an offset or a length: no file is longer than 2^63 bytes."""


@dataclass(frozen=True)
class ExternalFile:
    """A file that holds the data of tensors.

    Attributes:
        location: as the tensors write it.
        path: of the file, which may not be there.
        needed_bytes: how long it has to be for the tensor that reaches the farthest.
        tensor: that tensor's name.
        state: of what the model names, as it was before `path` was found behind any links.
    """

    location: str
    path: Path
    needed_bytes: int
    tensor: str
    state: FileState


def external_tensors(model: ModelProto) -> Iterator[tuple[TensorProto, str]]:
    """Every tensor whose data lies in another file, with that file's name as written."""
    for tensor in all_tensors(model):
        if tensor.data_location == tensor.EXTERNAL:
            yield tensor, _fields(tensor).get(LOCATION, "")


def external_files(model_path: Path, model: ModelProto) -> tuple[ExternalFile, ...]:
    """The files that hold external data, by location.

    Raises:
        ModelError: a file lies outside the model's folder, by an absolute path, by "..", or by a symbolic link.
    """
    farthest: dict[str, tuple[int, str]] = {}
    paths: dict[str, Path] = {}
    states: dict[str, FileState] = {}
    for tensor, location in external_tensors(model):
        if location not in paths:
            states[location] = state_of(model_path.parent / location)
            paths[location] = _external_file(model_path, tensor, location)
        _, end = _place(tensor) or (0, 0)
        farthest[location] = max(farthest.get(location, (-1, "")), (end, tensor.name))
    return tuple(
        ExternalFile(location, paths[location], *farthest[location], states[location]) for location in sorted(paths)
    )


def check_present(model_path: Path, files: Iterable[ExternalFile]) -> None:
    """Raises ModelError when an external file is missing, or shorter than its tensors say."""
    for file in files:
        size = _file_size(file.path)
        if size is None:
            raise ModelError(
                f"{model_path}: {printable(file.location)}, the data of tensor {printable(file.tensor)}, is missing",
                f"put it into {model_path.parent}, or count without running: profile --static",
            )
        if size < file.needed_bytes:
            raise ModelError(
                f"{model_path}: the external data file {printable(file.location)} is cut short: "
                f"{size:,} bytes, tensor {printable(file.tensor)} needs {file.needed_bytes:,}",
                "copy or export the file again",
            )


def take_small(model: ModelProto, files: Iterable[ExternalFile]) -> None:
    """Puts the data of small tensors into the model, as far as their files hold it: shapes, axes and scales count.

    A tensor whose place in the file is not understood stays there, unknown as large ones are; so do those of a file
    that cannot be read, which counting does not need.
    """
    small: dict[str, list[tuple[TensorProto, int, int]]] = {}
    for tensor, location in external_tensors(model):
        start, end = _place(tensor) or (0, 0)
        if 0 < end - start <= KEEP_BYTES:
            small.setdefault(location, []).append((tensor, start, end))
    for file in files:
        size = _file_size(file.path)
        if not size or file.location not in small:
            continue
        with suppress(ModelError), blocks(file.path) as content:
            for tensor, start, end in small[file.location]:
                if end <= size:
                    tensor.raw_data = bytes(content[start:end])
                    tensor.ClearField("external_data")
                    tensor.ClearField("data_location")


def _external_file(model_path: Path, tensor: TensorProto, location: str) -> Path:
    try:
        folder = model_path.parent.resolve()
        path = (folder / location).resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links, a name too long, or one with a zero byte
        folder = path = model_path.parent
    if path == folder or not path.is_relative_to(folder):
        raise ModelError(
            f"{model_path}: tensor {printable(tensor.name)} wants its data from outside the model's folder: "
            f"{printable(location)!r}",
            "a model may only name files beside itself; do not run it unless you know who made it",
        )
    return path


def _file_size(path: Path) -> int | None:
    """Bytes of a regular file, None for anything else."""
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return None


def _place(tensor: TensorProto) -> tuple[int, int] | None:
    """Where a tensor's data begins and ends in its file, None where the file of the model does not say it in digits.

    Without a length, or with one of 0, it is as long as its shape and type say.
    """
    fields = _fields(tensor)
    start, length = _number(fields.get("offset", "0")), _number(fields.get("length", "0"))
    if start is None or length is None:
        return None
    return start, start + (length or tensor_from_initialiser(tensor).size_bytes or 0)


def _fields(tensor: TensorProto) -> dict[str, str]:
    """Where and how long the data is. Protobuf hands over text that is not UTF-8 as bytes, which say nothing: ""."""
    return {item.key: item.value if isinstance(item.value, str) else "" for item in tensor.external_data}


def _number(text: str) -> int | None:
    return int(text) if len(text) <= _MAX_DIGITS and text.isascii() and text.isdecimal() else None
