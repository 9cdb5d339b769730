"""Profiles read from files, rendered again, and written; needs no runtime."""

from __future__ import annotations

from pathlib import Path

from alexnet_bench.core import atomic, document
from alexnet_bench.core.document import Document


def read_profile(path: str | Path) -> Document:
    """A profile, or a set of them, from the JSON that `profile --json` wrote.

    Raises:
        UsageError: not a profile, or of a version that this release does not know.
    """
    return document.read(Path(path))


def write_profile(profile: Document, path: str | Path) -> None:
    """Writes a profile as JSON, in one step.

    Raises:
        OutputError: the file cannot be written.
    """
    atomic.write_bytes(Path(path), document.encode(profile))
