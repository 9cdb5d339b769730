"""Files as they were when they were looked at, so that numbers of two different files are never put together.

Two states are equal by size and time of modification, which every write and most replacements change: what must not be
taken for a change by mistake goes by these. Where a mistake only costs time, all that the system says of a file counts:
a link to it changes its time of change, and some file systems make up numbers of inodes anew at each look.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from pathlib import Path

from alexnet_bench.core.errors import ModelError
from alexnet_bench.core.text import printable


@dataclass(frozen=True)
class FileState:
    """A file as it was; numbers are -1 where there was none. Times in nanoseconds since 1970.

    Attributes:
        path: as it was named; links are followed at each look.
        size: in bytes.
        modified_ns: when it was written last.
        changed_ns: when anything of it changed last, which no program can set back.
        device: that it lies on.
        inode: its number there.
    """

    path: str
    size: int = -1
    modified_ns: int = -1
    changed_ns: int = field(default=-1, compare=False)
    device: int = field(default=-1, compare=False)
    inode: int = field(default=-1, compare=False)

    @property
    def is_untouched(self) -> bool:
        """Whether the file is as it was in all that the system says of it."""
        return astuple(state_of(Path(self.path))) == astuple(self)


def state_of(path: Path) -> FileState:
    """How a file is now, which need not be there."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return FileState(str(path))
    return FileState(
        str(path), found.st_size, found.st_mtime_ns, found.st_ctime_ns, device=found.st_dev, inode=found.st_ino
    )


def states_of(paths: Iterable[Path]) -> tuple[FileState, ...]:
    """How files are now, which need not be there."""
    return tuple(state_of(path) for path in paths)


def check_unchanged(states: Iterable[FileState]) -> None:
    """Raises ModelError when a file is not as it was."""
    for state in states:
        if state_of(Path(state.path)) != state:
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
