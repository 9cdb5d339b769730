"""An engine that was built, found by its file, its folder or its key."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from alexnet_bench.backends.tensorrt.plan_header import begins_like_a_plan
from alexnet_bench.core.errors import EngineError, UsageError
from alexnet_bench.core.passport import Passport, build_again, read_passport
from alexnet_bench.core.text import printable
from alexnet_bench.core.uses import claim
from alexnet_bench.core.workspace import KEY_START
from alexnet_bench.engine.cache import ENGINE_FILE, PASSPORT_FILE, PLAN_FILE

BESIDE = ".passport.json"
"""What is added to the name of an engine's file for that of its passport."""
PLAN_SUFFIXES = (".plan", ".engine", ".trt")
_GRAPH = ".graph.onnx"


@dataclass(frozen=True)
class Engine:
    """An engine's file with its passport.

    Attributes:
        file: the engine: an ONNX file, or one in the format of its runtime.
        passport: with `path` as it is now.
    """

    file: Path
    passport: Passport


def data_file(key: str) -> str:
    """Name of the file for weights that do not fit into the engine's own."""
    return f"{key[:16]}.data"


def engine_in(folder: Path) -> Path:
    """The engine's file in a folder of the cache."""
    plan = folder / PLAN_FILE
    return plan if plan.is_file() else folder / ENGINE_FILE


def is_plan(file: Path) -> bool:
    """Whether an engine is in the format of its runtime, and so no ONNX file."""
    return file.suffix in PLAN_SUFFIXES


def graph_file(file: Path) -> Path:
    """The ONNX file with an engine's graph: the engine itself, or the one beside it, which has no weights."""
    return file.with_name(file.name + _GRAPH) if is_plan(file) else file


def engine_files(file: Path, key: str) -> list[Path]:
    """The files of an engine: itself, and its data where it has some."""
    data = file.with_name(data_file(key))
    return [file, *([data] if data.is_file() and not is_plan(file) else [])]


def weights_in(folder: Path) -> Path | None:
    """The ONNX file that a stripped engine in a folder of the cache takes its weights from; None for all others."""
    file = folder / ENGINE_FILE
    return file if file.is_file() and engine_in(folder) != file else None


def has_passport(text: str) -> bool:
    """Whether a path is that of an engine with its passport: its folder, or its file."""
    path = Path(text)
    try:
        if path.is_dir():
            return (path / PASSPORT_FILE).is_file()
        beside = (path.name + BESIDE, *([PASSPORT_FILE] if path.name in (ENGINE_FILE, PLAN_FILE) else []))
        return path.is_file() and any(path.with_name(name).is_file() for name in beside)
    except (OSError, ValueError):  # a name that no file can have
        return False


def names_engine(text: str, root: Path) -> bool:
    """Whether an engine with its passport is meant: its folder, either file, or the beginning of a key in the cache.

    A file or a folder goes before a key. `find_engine` finds it, or says that several are meant.

    Args:
        text: as it was typed.
        root: the folder of the cache.
    """
    path = Path(text)
    if has_passport(text) or is_passport(path):
        return True
    return not _exists(path) and bool(_with_key(text, root))


def foreign_plan(text: str) -> Path | None:
    """The file of an engine that somebody else built: in the format of TensorRT, and without a passport; else None.

    A file that is called like one is taken for one, too: its reader says what is wrong with it.
    """
    path = Path(text)
    if has_passport(text) or not (begins_like_a_plan(path) or _is_called_a_plan(path)):
        return None
    return path


def find_engine(text: str, root: Path) -> Engine:
    """The engine that is meant: a folder, a file with its passport beside it, or the beginning of a key in the cache.

    One of the cache is claimed, within `in_use`.

    Args:
        text: as it was typed.
        root: the folder of the cache.

    Raises:
        UsageError: nothing, or several engines, are meant.
        EngineError: it has no passport that can be read.
    """
    if not text:
        raise UsageError(
            "the name of the model or engine is empty", "give a file; alexnet-bench cache list has engines"
        )
    path = Path(text)
    if _exists(path):
        file, passport = _parts(path)
    else:
        folder = _by_key(text, root)
        file, passport = engine_in(folder), folder / PASSPORT_FILE
    if file.parent.resolve().parent == root.resolve():
        claim(file.parent.resolve())
    if not passport.is_file():
        raise EngineError(
            f"{printable(str(path), 200)} has no passport: there is no {printable(str(passport), 200)}",
            "alexnet-bench build-engine MODEL -o FILE writes an engine with its passport beside it",
        )
    known = read_passport(passport)
    if not file.is_file():
        raise EngineError(f"the engine of {printable(str(passport), 200)} is missing", build_again(known))
    return Engine(file, replace(known, path=str(file.resolve())))


def _parts(path: Path) -> tuple[Path, Path]:
    """Where the engine and its passport lie, for a folder or either file."""
    if path.is_dir():
        return engine_in(path), path / PASSPORT_FILE
    if path.name == PASSPORT_FILE:
        return engine_in(path.parent), path
    if path.name.endswith(BESIDE):
        return path.with_name(path.name.removesuffix(BESIDE)), path
    if path.name in (ENGINE_FILE, PLAN_FILE) and path.with_name(PASSPORT_FILE).is_file():
        return path, path.with_name(PASSPORT_FILE)
    return path, path.with_name(path.name + BESIDE)


def _by_key(text: str, root: Path) -> Path:
    found = _with_key(text, root)
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(
            f"{text} begins the keys of {len(found)} engines", "give more digits: alexnet-bench cache list"
        )
    if re.fullmatch(r"[0-9a-f]{1,3}", text):
        raise UsageError(f"{text} is too short for a key", "give at least 4 digits: alexnet-bench cache list")
    raise UsageError(
        f"there is no engine {printable(text) or repr(text)}: neither a file, nor a folder, nor the beginning of a key",
        "alexnet-bench cache list shows the engines that were built",
    )


def _with_key(text: str, root: Path) -> list[Path]:
    return list(root.glob(f"{text}*")) if KEY_START.fullmatch(text) else []


def is_passport(path: Path) -> bool:
    """Whether a file is called like a passport."""
    return path.name == PASSPORT_FILE or path.name.endswith(BESIDE)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that is too long, a folder that may not be entered, a null
        return False


def _is_called_a_plan(path: Path) -> bool:
    try:
        return is_plan(path) and path.is_file()
    except (OSError, ValueError):
        return False
