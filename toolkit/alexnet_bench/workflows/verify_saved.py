"""Where `verify` may write: no place that it reads from, and no model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from alexnet_bench.core import atomic
from alexnet_bench.core.errors import UsageError
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


def check_different(saved: Saved) -> None:
    """Raises UsageError where two options name one file."""
    options = list(saved)
    for at, option in enumerate(options):
        for other in options[:at]:
            if _is_same(saved[option], saved[other]):
                raise UsageError(f"{other} and {option} cannot both go to one file", "give each its own")


def check_apart(saved: Saved, read: Iterable[Path]) -> None:
    """Refuses to replace what is compared.

    Args:
        saved: what is to be written.
        read: files that belong to either side, and the file or folder of the inputs.

    Raises:
        UsageError: a file is one of these, or lies in that folder already.
    """
    for path in read:
        for option, target in saved.items():
            if _is_same(target, path) or _lies_in(target, path):
                raise UsageError(
                    f"{_shown(target)} is read by this very verification, and would be replaced",
                    f"give {option} another file",
                )


def _lies_in(file: Path, folder: Path) -> bool:
    return file.is_file() and any(_is_same(parent, folder) for parent in file.resolve().parents)


def _is_same(path: Path, other: Path) -> bool:
    """Whether both are one file or folder, by whatever names and links; a name that nothing can have is none."""
    try:
        return path.resolve() == other.resolve() or (path.exists() and other.exists() and path.samefile(other))
    except (OSError, RuntimeError, ValueError):
        return False


def _shown(path: Path) -> str:
    return printable(str(path), 200)
