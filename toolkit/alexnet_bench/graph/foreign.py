"""Files that people take for ONNX models, told by how they begin."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alexnet_bench.graph.file_bytes import Bytes

_EXPORT = "export it as ONNX first"
_INSPECT = "give the .onnx file that it was built from; alexnet-bench inspect FILE shows the engine's layers"

_KINDS: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"version https://git-lfs", "a Git LFS pointer, and not the file that it stands for", "run `git lfs pull`"),
    (0, b"\x1f\x8b", "compressed with gzip", "unpack it by `gunzip`"),
    (0, b"\x28\xb5\x2f\xfd", "compressed with zstd", "unpack it by `unzstd`"),
    (0, b"PK\x03\x04", "a zip archive: a packed model, or weights of PyTorch", f"unpack it, or {_EXPORT}"),
    (0, b"\x80\x02", "a pickle, as of PyTorch", _EXPORT),
    (0, b"\x80\x04", "a pickle, as of PyTorch", _EXPORT),
    (0, b"\x89HDF", "an HDF5 file, as of Keras", _EXPORT),
    (4, b"TFL3", "a TensorFlow Lite model", "convert it by tf2onnx"),
    (4, b"ORTM", "in ONNX Runtime's own format", "give the .onnx file that it was made from"),
    (0, b"vtrt", "an engine of TensorRT-RTX", _INSPECT),
    (0, b"ftrt", "an engine of TensorRT", _INSPECT),
    (0, b"GGUF", "a GGUF file", _EXPORT),
    (4, b"\0\0\0\0{", "a safetensors file: weights without a graph", _EXPORT),
    (257, b"ustar", "a tar archive", "unpack it by `tar xf`"),
    (0, b"ir_version:", "an ONNX model as text", "convert it by onnx.load(..., format='textproto') and onnx.save"),
)  # fmt: skip
"""Where the mark stands, the mark, what the file is, what to do."""

_MARKUP = (
    (b"<!doctype html", b"<html"),
    "a web page: the download failed, or needs a login",
    "download the file again",
)
_TEXT = ("a text file", "give the .onnx file, not the code or the notes beside it")
_HEAD_BYTES = 512
_MOST_UTF8_BYTES = 4


def begins_like_onnx(content: bytes | Bytes) -> bool:
    """Every exporter writes ir_version, field 1, first: tag 8 and a small number."""
    return len(content) > 1 and content[0] == 8 and 1 <= content[1] <= 64


def describe(path: Path) -> tuple[str, str] | None:
    """What a file is that is no ONNX model, and what to do with it; None when that is not known."""
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except OSError:
        return None
    for at, mark, what, hint in _KINDS:
        if head[at : at + len(mark)] == mark:
            return what, hint
    tags, what, hint = _MARKUP
    if head.lstrip().lower().startswith(tags):
        return what, hint
    return _TEXT if _is_text(head) else None


def _is_text(head: bytes) -> bool:
    """Whether these bytes can be read by people; an ONNX model holds numbers below 32 in its first few."""
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - _MOST_UTF8_BYTES:  # a character may be cut at the end
            return False
        text = head[: error.start].decode()
    return bool(text.strip()) and all(character.isprintable() or character.isspace() for character in text)
