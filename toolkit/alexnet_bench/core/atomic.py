"""Writing files so that a killed run leaves the last good one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from alexnet_bench.core.errors import OutputError


def check_writable(path: Path) -> None:
    """Raises OutputError when `path` cannot be written, before minutes of work are spent on its content."""
    if path.is_dir():
        raise OutputError(f"{path} is a folder", "give the name of a file")
    if not path.parent.is_dir():
        raise OutputError(f"the folder {path.parent} does not exist", f"mkdir -p {path.parent}")
    target = path if path.exists() else path.parent
    if not os.access(target, os.W_OK):
        raise OutputError(f"{target} is not writable", "choose another place for the output")


def write_bytes(path: Path, content: bytes) -> None:
    """Replaces `path` by `content` in one step.

    Raises:
        OutputError: the place cannot be written.
    """
    if path.exists() and not path.is_file():
        _write_special(path, content)
        return
    check_writable(path)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        Path(temporary).unlink(missing_ok=True)


def write_text(path: Path, content: str) -> None:
    """As `write_bytes`, for text in UTF-8."""
    write_bytes(path, content.encode())


def _write_special(path: Path, content: bytes) -> None:
    """Devices and pipes (/dev/stdout, /dev/null) cannot be replaced, only written to."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from error


def _umask() -> int:
    """The process's umask, which mkstemp does not follow; Linux gives no way to read it without setting it."""
    current = os.umask(0o077)
    os.umask(current)
    return current
