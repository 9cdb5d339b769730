"""One builder for each key, over processes: a lock that the system gives back when its holder dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from alexnet_bench.core.errors import OutputError
from alexnet_bench.core.text import printable


def lock_path(root: Path, key: str) -> Path:
    """The file that stands for the lock of a key."""
    return root / f".{key}.lock"


@contextmanager
def locked(root: Path, key: str, *, busy: Callable[[], None] | None) -> Iterator[bool]:
    """Holds the lock of a key; gives whether it could.

    Args:
        root: the folder of the cache.
        key: of the engine.
        busy: called before waiting for another process; None does not wait, and gives False.

    Raises:
        OutputError: the folder takes no files, or its file system no locks.
    """
    path = lock_path(root, key)
    stream = _acquire(path, busy)
    try:
        yield stream is not None
    finally:
        if stream is not None:
            path.unlink(missing_ok=True)  # whoever waits for this file finds that it is gone, and opens the next one
            stream.close()


def _acquire(path: Path, busy: Callable[[], None] | None) -> BinaryIO | None:
    while True:
        try:
            stream = path.open("ab")
        except OSError as error:
            raise _refused(path, error) from None
        try:
            if not _flock(stream, path, busy):
                stream.close()
                return None
            if _is_there(stream, path):
                return stream
        except BaseException:
            stream.close()
            raise
        stream.close()


def _flock(stream: BinaryIO, path: Path, busy: Callable[[], None] | None) -> bool:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if busy is None:
            return False
        busy()
        fcntl.flock(stream, fcntl.LOCK_EX)
    except OSError as error:
        raise _refused(path, error) from None
    return True


def _is_there(stream: BinaryIO, path: Path) -> bool:
    """Whether the file that was locked is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _refused(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"the engine cache {printable(str(path.parent), 200)} cannot be locked: {error.strerror}",
        "set XDG_CACHE_HOME to a writable folder on a local disk",
    )
