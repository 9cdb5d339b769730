"""Outputs that must not take the place of what is read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.text import printable

READ_FROM = "trtexec:"
"""Before a folder with files of trtexec, where a profile reads those in place of a run."""
_OF_MODELS = (".onnx", ".plan", ".engine", ".trt", "passport.json")
"""How names of models, of engines and of their passports end."""
_KINDS = {"--markdown": "FILE.md"}
_READ_IN_FOLDERS = (".json", ".npy", ".npz")
"""Kinds of files that are looked for in a folder of inputs."""


def check_different(written: Mapping[str, Path]) -> None:
    """Raises UsageError where two options, by which the files are given here, name one file."""
    options = list(written)
    for at, option in enumerate(options):
        for other in options[:at]:
            if _is_same(written[option], written[other]):
                raise UsageError(f"{other} and {option} cannot both go to one file", "give each its own")


def check_places(written: Mapping[str, Path], read: Iterable[Path] = ()) -> None:
    """Refuses files that cannot be meant, by their names alone.

    Args:
        written: what is to be written, by the option that names it.
        read: as for `check_apart`.

    Raises:
        UsageError: two are one, or one is read, or called like a model.
    """
    check_different(written)
    check_apart(written, read)
    check_names(written)


def check_names(written: Mapping[str, Path]) -> None:
    """Raises UsageError for a file that is called like a model: it is one, or would be taken for one."""
    for option, target in written.items():
        if target.name.endswith(_OF_MODELS):
            what = "a model, an engine or its passport"
            is_there = os.path.exists(target)  # noqa: PTH110 - odd names raise nothing
            problem = f"is {what}, and would be replaced" if is_there else f"has the name of {what}"
            raise UsageError(
                f"{_shown(target)} {problem}",
                f"an output comes after its option: {option} {_KINDS.get(option, 'FILE.json')}",
            )


def check_apart(written: Mapping[str, Path], read: Iterable[Path]) -> None:
    """Refuses to replace what is read.

    Args:
        written: what is to be written, by the option that names it.
        read: files, and folders of which each file may be read.

    Raises:
        UsageError: a file is one of these, by whatever name, or lies or would lie among those of such a folder.
    """
    for path in read:
        for option, target in written.items():
            if _is_same(target, path) or _lies_in(target, path):
                what = "is read by this very command, and would be replaced"
                if not target.exists():
                    what = f"would lie in {_shown(path)}, of which every such file is read"
                raise UsageError(f"{_shown(target)} {what}", f"give {option} another file")


def check_ours(target: Path, what: str, is_ours: Callable[[Path], bool]) -> None:
    """Refuses to replace a file that somebody else wrote.

    Args:
        target: where something is to be written; an empty file holds nothing to lose.
        what: this tool writes there: "engine".
        is_ours: whether this tool wrote such a file.

    Raises:
        UsageError: it did not.
    """
    if target.is_file() and target.stat().st_size and not is_ours(target):
        raise UsageError(
            f"{_shown(target)} is there already, is no {what} of this tool, and would be replaced",
            "name another file, or remove that one first",
        )


def _lies_in(file: Path, folder: Path) -> bool:
    is_read = file.suffix in _READ_IN_FOLDERS or os.path.isfile(file)  # noqa: PTH113 - odd names raise nothing
    return is_read and any(_is_same(parent, folder) for parent in file.resolve().parents)


def _is_same(path: Path, other: Path) -> bool:
    """Whether both are one file or folder, by whatever names and links; a name that nothing can have is none."""
    try:
        return path.resolve() == other.resolve() or (path.exists() and other.exists() and path.samefile(other))
    except (OSError, RuntimeError, ValueError):
        return False


def _shown(path: Path) -> str:
    return printable(str(path), 200)
