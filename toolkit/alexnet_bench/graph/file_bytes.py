"""The bytes of a file: mapped as a whole, or read here and there."""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import BinaryIO, overload

from alexnet_bench.core.errors import ModelError, folder_gone
from alexnet_bench.core.text import printable

_WHAT_TO_GIVE = "give an .onnx file, or a name that `alexnet-bench models` lists"
_MAX_SHOWN_PATH = 1000
_BLOCK_BYTES = 4096
"""A page of memory."""
_WHOLE_BYTES = 16 << 20
"""Files up to this size are read as a whole, which takes milliseconds; asking for each byte takes longer."""


class Blocks:
    """The bytes of an open file, read as they are asked for; one block stays in memory.

    Hopping over 671 MB of weights reads a block at each end of a hop. A mapping would count all of them as memory of
    this process, since the system maps what it has in its cache around each page that is touched.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._length = os.fstat(stream.fileno()).st_size
        self._start, self._block = 0, b""

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, at: int, /) -> int: ...

    @overload
    def __getitem__(self, at: slice, /) -> bytes: ...

    def __getitem__(self, at: int | slice, /) -> int | bytes:
        """One byte, or those from `start` to `stop`. Raises OSError."""
        if isinstance(at, int):
            if not 0 <= at - self._start < len(self._block):
                self._start = at - at % _BLOCK_BYTES
                self._block = self._read(self._start, min(self._start + _BLOCK_BYTES, self._length))
            return self._block[at - self._start]
        start, end, _ = at.indices(self._length)
        if self._start <= start and end <= self._start + len(self._block):
            return self._block[start - self._start : end - self._start]
        return self._read(start, end)

    def _read(self, start: int, end: int) -> bytes:
        self._stream.seek(start)
        content = self._stream.read(end - start)
        if len(content) < end - start:
            raise OSError("it became shorter while it was read")
        return content


Bytes = memoryview | Blocks
"""What can be hopped through."""


@contextmanager
def blocks(path: Path) -> Iterator[Bytes]:
    """A file to hop through. Raises ModelError when it cannot be opened or read."""
    try:
        _check_readable(path)
        with path.open("rb", buffering=0) as stream:
            if hasattr(os, "posix_fadvise"):  # reading ahead takes ten times as long where weights are not in the cache
                os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
            found = Blocks(stream)
            yield memoryview(found[:]) if len(found) <= _WHOLE_BYTES else found
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def mapped(path: Path) -> memoryview:
    """The bytes of a file, unmapped once nobody holds a view of them; an error on its way up may well hold one.

    Raises:
        ModelError: it cannot be opened.
    """
    try:
        _check_readable(path)
        with path.open("rb") as stream:
            return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def shown(path: Path) -> str:
    """The path in a message."""
    return printable(str(path), _MAX_SHOWN_PATH)


def _unreadable(path: Path, error: Exception) -> ModelError:
    """What the system says of a file, or Python of its name."""
    gone = folder_gone(error)
    if gone is not None:
        return ModelError(gone.message, gone.hint)
    if isinstance(error, FileNotFoundError):
        return ModelError(f"{shown(path)} does not exist", _WHAT_TO_GIVE)
    reason = getattr(error, "strerror", None) or str(error)
    return ModelError(f"{shown(path)} cannot be read: {reason}", _WHAT_TO_GIVE)


def _models_in(folder: Path) -> str:
    """The one ONNX file in a folder, which is meant; "" where there is none, or several."""
    with suppress(OSError):
        found = list(islice(folder.glob("*.onnx"), 2))
        if len(found) == 1:
            return f"give the model in it: {shown(found[0])}"
    return ""


def _check_readable(path: Path) -> None:
    """Looked at before the file is opened: opening a pipe waits for its writer."""
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise ModelError(f"{shown(path)} is a folder", _models_in(path) or _WHAT_TO_GIVE)
    if not stat.S_ISREG(status.st_mode):
        raise ModelError(f"{shown(path)} is not a regular file", _WHAT_TO_GIVE)
    if status.st_size == 0:
        raise ModelError(f"{shown(path)} is empty", "copy or export the model again")
