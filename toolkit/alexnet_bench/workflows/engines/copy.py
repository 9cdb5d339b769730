"""An engine copied out of the cache, its passport beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from alexnet_bench.backends.registry import get_backend
from alexnet_bench.core import atomic
from alexnet_bench.core.errors import EngineError, UsageError
from alexnet_bench.core.passport import Passport, encode_passport, read_passport, says_passport
from alexnet_bench.core.places import check_ours
from alexnet_bench.core.text import printable
from alexnet_bench.engine.loading import BESIDE, PLAN_SUFFIXES, engine_files, graph_file, is_plan

_SUFFIX = ".onnx"


def check_target(target: Path) -> Path:
    """Refuses a place that cannot be written before minutes are spent; gives it back.

    Raises:
        OutputError: the file, or its passport, cannot be written.
    """
    atomic.check_writable(target)
    atomic.check_writable(passport_path(target))
    return target


def check_suffix(target: Path, backend: str) -> None:
    """Raises UsageError when a name is not that of an engine in the backend's format."""
    suffixes = PLAN_SUFFIXES if get_backend(backend).planner else (_SUFFIX,)
    if target.suffix not in suffixes:
        raise UsageError(
            f"{printable(str(target), 200)} is not the name of an engine of {backend}",
            f"end its name in {suffixes[0]}: -o FILE{suffixes[0]}",
        )


def check_other(target: Path, model: Path) -> None:
    """Refuses to replace the model, or anything but an engine of ours and what lies beside one.

    Raises:
        UsageError: a file is there already that this tool did not write.
    """
    if target.exists() and target.samefile(model):
        raise UsageError(
            f"{printable(str(target), 200)} is the model itself, and would be replaced", "name another file"
        )
    check_ours(target, "engine", _is_ours)
    check_ours(passport_path(target), "passport", says_passport)
    if is_plan(target):
        check_ours(graph_file(target), "graph", _says_built_here)


def _is_ours(file: Path) -> bool:
    """Whether a file is an engine that this tool wrote, by its passport, or by what the file says itself.

    It need not be whole: the copy of a damaged engine is written anew.
    """
    try:
        read_passport(passport_path(file))
    except EngineError:
        return not is_plan(file) and _says_built_here(file)
    return True


def _says_built_here(file: Path) -> bool:
    from alexnet_bench.engine.build import says_built_here  # seldom needed, and takes a while to import

    return says_built_here(file)


def passport_path(target: Path) -> Path:
    """Where the passport of an engine's file lies."""
    return target.with_name(target.name + BESIDE)


def copy_out(passport: Passport, target: Path) -> Passport:
    """Copies an engine from the cache; gives its passport with the new path.

    The passport comes last: a copy that was cut short has none, or one that it does not fit.

    Raises:
        OutputError: a file cannot be written.
    """
    engine, *data = engine_files(Path(passport.path), passport.key)
    beside = [(graph_file(engine), graph_file(target))] if is_plan(engine) else []
    for source, copy in ((engine, target), *beside, *((path, target.with_name(path.name)) for path in data)):
        atomic.copy_file(source, copy)
    moved = replace(passport, path=str(target.resolve()))
    atomic.write_bytes(passport_path(target), encode_passport(moved))
    return moved
