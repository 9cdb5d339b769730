"""Folders for files in passing, which do not outlive the process by long: not even one that was killed.

Each holds a lock that the system gives back when its holder dies. Whoever makes the next one removes those that nobody
holds any more.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import shutil
import tempfile
import time
from functools import cache
from pathlib import Path
from types import TracebackType

from alexnet_bench.core.errors import BackendCrash, BackendRefusal, OutputError, is_want_of_room
from alexnet_bench.core.file_locks import lock_alone
from alexnet_bench.core.text import printable

_PREFIX = "alexnet-bench-"
_LOCK = ".in-use"
_YOUNG_S = 60.0
"""A folder of this age may be one that is being made, and not locked yet."""
_NO_ROOM_BYTES = 1 << 20
"""Where not even that much can be written, whatever was written before did not fit either."""


class ScratchFolder(tempfile.TemporaryDirectory[str]):
    """A new folder in the system's place for temporary files; removed by `cleanup`, or at the end of a `with`."""

    def __init__(self) -> None:
        _sweep()
        super().__init__(prefix=_PREFIX)
        self._lock = os.open(Path(self.name, _LOCK), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        _try_lock(self._lock)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        full = self.full(error)
        super().__exit__(kind, error, trace)
        if full is not None:
            raise full from error

    def full(self, error: BaseException | None) -> OutputError | None:
        """What a user is told where an error came about since this folder could not be written to; None for others.

        What failed for want of room has left its part here, so that it has to be asked before the folder is removed.
        A runtime has words of its own for a full disk, or none, so that what it says is not looked at.
        """
        if not (isinstance(error, BackendCrash | BackendRefusal | OutputError) or is_want_of_room(error)):
            return None
        folder = Path(self.name)
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
        if limit != resource.RLIM_INFINITY and max(_NO_ROOM_BYTES, _largest_bytes(folder)) >= limit:
            return OutputError(
                f"files may not become larger than {limit:,} bytes here, which is too little for temporary ones",
                "raise the limit: ulimit -f unlimited",
            )
        if _has_room(folder):
            return None
        place = printable(str(folder.parent), 200)
        return OutputError(f"the temporary folder {place} is full", "make room, or set TMPDIR to a folder with room")

    def cleanup(self) -> None:
        """Removes the folder with all that is in it."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        super().cleanup()


def _has_room(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as stream:
            return stream.write(bytes(_NO_ROOM_BYTES)) == _NO_ROOM_BYTES
    except OSError as error:
        return error.errno not in (errno.ENOSPC, errno.EDQUOT)


def _largest_bytes(folder: Path) -> int:
    largest = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # gone meanwhile
            largest = max(largest, path.lstat().st_size)
    return largest


@cache
def _sweep() -> None:
    """Once for each process: removes what killed processes of this user left."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            if _is_left_over(folder):
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # gone meanwhile, or not ours to look at
            continue


def _is_left_over(folder: Path) -> bool:
    status = folder.lstat()
    if not folder.is_dir() or folder.is_symlink() or status.st_uid != os.getuid():
        return False
    if time.time() - status.st_mtime < _YOUNG_S:
        return False
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        return _try_lock(lock)
    finally:
        os.close(lock)


def _try_lock(lock: int) -> bool:
    """Takes the lock of an open file unless another process holds it; a file system without locks holds them all."""
    try:
        return lock_alone(lock)
    except OSError:
        return False
