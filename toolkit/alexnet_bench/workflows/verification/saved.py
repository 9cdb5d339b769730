"""Where `verify` may write: no model, and each file once; nor what it reads (`core.places`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from alexnet_bench.core import atomic
from alexnet_bench.core.places import check_different, check_names

Saved = Mapping[str, Path]
"""Files to write, by the option that names them."""


def check_places(saved: Saved) -> None:
    """Refuses what no model has to be opened for.

    Raises:
        UsageError: a file is called like a model, or two options name one file.
        OutputError: a file cannot be written.
    """
    check_names(saved)
    for path in saved.values():
        atomic.check_writable(path)
    check_different(saved)
