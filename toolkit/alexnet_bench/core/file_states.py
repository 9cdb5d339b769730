"""Files as they were when they were looked at, so that numbers of two different files are never put together.

A state is the size and the time of modification, which every write and most replacements change. Numbers of inodes are
left out: some file systems make them up anew at each look.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from alexnet_bench.core.errors import ModelError
from alexnet_bench.core.text import printable


@dataclass(frozen=True)
class FileState:
    """A file as it was; both numbers are -1 where there was none. Time in nanoseconds since 1970."""

    path: str
    size: int = -1
    modified_ns: int = -1


def states_of(paths: Iterable[Path]) -> tuple[FileState, ...]:
    """How files are now, which need not be there."""
    return tuple(_state_of(str(path)) for path in paths)


def check_unchanged(states: Iterable[FileState]) -> None:
    """Raises ModelError when a file is not as it was."""
    for state in states:
        if _state_of(state.path) != state:
            raise ModelError(f"{printable(state.path, 1000)} changed while it was read", "run the command again")


@contextmanager
def unchanged(states: Sequence[FileState]) -> Iterator[None]:
    """What is done with files inside is done with them as they were; an error is put down to their change, if any.

    Raises:
        ModelError: at the end, when a file is not as it was.
    """
    try:
        yield
    except Exception:
        check_unchanged(states)
        raise
    check_unchanged(states)


def _state_of(path: str) -> FileState:
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return FileState(path)
    return FileState(path, found.st_size, found.st_mtime_ns)
