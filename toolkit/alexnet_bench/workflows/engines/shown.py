"""What a build says of its progress, as it goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from alexnet_bench.core.text import printable

_LOOKS_EVERY_S = 0.2


@contextmanager
def shown(path: Path, progress: Callable[[str], None]) -> Iterator[None]:
    """Tells of the last line that is written to a file meanwhile, whenever there is a new one."""
    over = threading.Event()

    def look() -> None:
        seen = 0
        while not over.wait(_LOOKS_EVERY_S):
            content = path.read_bytes() if path.is_file() else b""
            written = content[: content.rfind(b"\n") + 1]  # the line after it may end within a character still
            lines = written.decode(errors="replace").splitlines()
            if lines[seen:]:
                progress(f"building: {printable(lines[-1], 100)}")
            seen = len(lines)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
