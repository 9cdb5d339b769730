"""Parts of the cache that are in use, over processes: a shared lock on each, which whoever prunes leaves alone.

A part is an engine's folder, a reference network's file, or a folder that a runtime fills. Its lock is a file beside
it, and another one than that of a build, which need not wait for those who use what it replaces. The system gives it
back when its holder dies. Where a cache takes no files, or its file system has no locks, parts are used without.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from pathlib import Path

from alexnet_bench.core.file_locks import is_there, lock_alone, open_lock

_PATIENCE_S = 1.0
"""For who holds the lock alone, which is for the time that it takes to rename or remove a part."""


class _Claims(ExitStack):
    """The locks that are held, and the files that they are on."""

    def __init__(self) -> None:
        super().__init__()
        self.paths: set[Path] = set()


_claims: ContextVar[_Claims | None] = ContextVar("claims", default=None)


@contextmanager
def in_use() -> Iterator[None]:
    """Parts that are claimed within stay in the cache until its end; within another one, until the end of that."""
    if _claims.get() is not None:
        yield
        return
    with _Claims() as claims:
        token = _claims.set(claims)
        try:
            yield
        finally:
            _claims.reset(token)


def claim(part: Path) -> None:
    """Keeps a part from being removed, within `in_use`; whether it is (still) there is to be asked after this."""
    claims = _claims.get()
    path, end = _path(part), time.monotonic() + _PATIENCE_S
    if claims is None or path in claims.paths:
        return
    while time.monotonic() < end:
        lock = _open(path)
        if lock is None:
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            time.sleep(0.01)
            continue
        except OSError:  # a file system without locks
            os.close(lock)
            return
        if is_there(lock, path):
            claims.callback(_release, lock, path)
            claims.paths.add(path)
            return
        os.close(lock)


@contextmanager
def unused(part: Path) -> Iterator[bool]:
    """Whether nobody uses a part; while it is so, nobody can claim it."""
    path = _path(part)
    lock = _open(path)
    try:
        is_free = lock is None or _alone(lock)
        yield is_free
    finally:
        if lock is not None:
            _release(lock, path)


def _path(part: Path) -> Path:
    return part.with_name(f".{part.name}.use")


def _open(path: Path) -> int | None:
    """The file of a lock; None where it cannot be made."""
    try:
        return open_lock(path)
    except OSError:
        return None


def _alone(lock: int) -> bool:
    try:
        return lock_alone(lock)
    except OSError:  # a file system without locks
        return True


def _release(lock: int, path: Path) -> None:
    """Gives a lock back; the last one takes the file away."""
    try:
        if _alone(lock) and is_there(lock, path):
            path.unlink()
    except OSError:  # a cache that may only be read
        pass
    finally:
        os.close(lock)
