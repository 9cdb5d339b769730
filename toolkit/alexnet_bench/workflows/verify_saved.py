"""Where `verify` may write: no model, and each file once; nor what it reads (`core.places`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from alexnet_bench.core import atomic
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.places import check_different
from alexnet_bench.core.text import printable
from alexnet_bench.engine.loading import PLAN_SUFFIXES

_MODELS = (".onnx", *PLAN_SUFFIXES)

Saved = Mapping[str, Path]
"""Files to write, by the option that names them."""


def check_places(saved: Saved) -> None:
    """Refuses what no model has to be opened for.

    Raises:
        UsageError: a file is called like a model, or two options name one file.
        OutputError: a file cannot be written.
    """
    for option, path in saved.items():
        if path.suffix in _MODELS:
            raise UsageError(f"{_shown(path)} is a model, and would be replaced", f"give {option} FILE.json")
        atomic.check_writable(path)
    check_different(saved)


def _shown(path: Path) -> str:
    return printable(str(path), 200)
