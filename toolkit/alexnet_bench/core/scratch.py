"""Folders for files in passing, which do not outlive the process by long: not even one that was killed.

Each holds a lock that the system gives back when its holder dies. Whoever makes the next one removes those that nobody
holds any more.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from functools import cache
from pathlib import Path

_PREFIX = "alexnet-bench-"
_LOCK = ".in-use"
_YOUNG_S = 60.0
"""A folder of this age may be one that is being made, and not locked yet."""


class ScratchFolder(tempfile.TemporaryDirectory[str]):
    """A new folder in the system's place for temporary files; removed by `cleanup`, or at the end of a `with`."""

    def __init__(self) -> None:
        _sweep()
        super().__init__(prefix=_PREFIX)
        self._lock = os.open(Path(self.name, _LOCK), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        _try_lock(self._lock)

    def cleanup(self) -> None:
        """Removes the folder with all that is in it."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        super().cleanup()


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
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
