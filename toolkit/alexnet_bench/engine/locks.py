"""One builder for each key, over processes: a lock that the system gives back when its holder dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from alexnet_bench.core.errors import OutputError
from alexnet_bench.core.file_locks import is_there, lock_alone, open_lock
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
        OutputError: the folder takes no files, its file system has no locks, or the file is another user's own.
    """
    path = lock_path(root, key)
    lock = _acquire(path, busy)
    try:
        yield lock is not None
    finally:
        if lock is not None:
            with suppress(OSError):  # a folder where only its owner removes a file
                path.unlink()  # whoever waits for this file finds that it is gone, and opens the next one
            os.close(lock)


def _acquire(path: Path, busy: Callable[[], None] | None) -> int | None:
    while True:
        try:
            lock = open_lock(path)
        except OSError as error:
            raise _refused(path, error) from None
        try:
            if not _flock(lock, path, busy):
                os.close(lock)
                return None
            if is_there(lock, path):
                return lock
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)


def _flock(lock: int, path: Path, busy: Callable[[], None] | None) -> bool:
    try:
        if lock_alone(lock):
            return True
    except OSError as error:
        raise _refused(path, error) from None
    if busy is None:
        return False
    busy()
    fcntl.flock(lock, fcntl.LOCK_EX)
    return True


def _refused(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"the engine cache {printable(str(path.parent), 200)} cannot be locked: {error.strerror}",
        "set XDG_CACHE_HOME to a writable folder on a local disk",
    )
