"""The engines that were built, one folder for each key; docs/engines.md says what it promises.

A folder appears complete or not at all: it is filled under a hidden name by whoever holds the key's lock, and renamed.
What a killed build left under such a name is removed by the next one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from alexnet_bench.core import atomic
from alexnet_bench.core.errors import OutputError
from alexnet_bench.core.text import printable
from alexnet_bench.core.uses import claim, unused
from alexnet_bench.core.workspace import another_cache
from alexnet_bench.engine.locks import locked

PASSPORT_FILE = "passport.json"
ENGINE_FILE = "engine.onnx"
PLAN_FILE = "engine.plan"
"""An engine in the format of its runtime, in place of the ONNX file."""
DEFAULT_MAX_BYTES = 10 << 30
_PARTIAL, _OLD = ".partial", ".old"


@dataclass(frozen=True, slots=True)
class Kept:
    """An engine in the cache.

    Attributes:
        key: its name.
        folder: where it lies.
        size_bytes: of its files.
        last_used_s: when it was built or found last, in seconds since 1970.
    """

    key: str
    folder: Path
    size_bytes: int
    last_used_s: float


def obtain(
    root: Path, key: str, build: Callable[[Path], None], *, rebuild: bool = False, waiting: Callable[[], None]
) -> tuple[Path, bool]:
    """The folder of an engine, built when it is not there; and whether it was. It is claimed, within `in_use`.

    Args:
        root: the folder of the cache; made when it is not there.
        key: of the engine.
        build: fills the folder that it is given.
        rebuild: build in any case, and replace what is there.
        waiting: told when another process is building this engine, before it is waited for.

    Raises:
        OutputError: the cache cannot be written.
    """
    folder = root / key
    if not rebuild and _claimed(folder):
        return folder, True
    atomic.make_folder(root)
    sweep(root)
    waited = False

    def busy() -> None:
        nonlocal waited
        waited = True
        waiting()

    with locked(root, key, busy=busy):
        # Whoever was waited for has just built it; to build it again would not be newer.
        if (waited or not rebuild) and _claimed(folder):
            return folder, True
        _fill(root, key, build)
        claim(folder)
    return folder, False


def kept_engines(root: Path) -> list[Kept]:
    """The engines in the cache, the one used last comes first."""
    found = [kept for folder in root.glob("[!.]*") if (kept := _kept(folder)) is not None]
    return sorted(found, key=lambda kept: -kept.last_used_s)


def prune(root: Path, max_bytes: int, *, keep: str = "") -> list[Kept]:
    """Removes the engines used longest ago until the rest fits; gives those that were removed.

    Args:
        root: the folder of the cache.
        max_bytes: what the rest may take; 0 removes all. What may not be removed stays.
        keep: key of an engine that stays in any case.
    """
    sweep(root)
    engines = kept_engines(root)
    total = sum(kept.size_bytes for kept in engines)
    removed = []
    for kept in reversed(engines):
        if total <= max_bytes:
            break
        with suppress(OutputError):
            if kept.key != keep and remove(root, kept):
                total -= kept.size_bytes
                removed.append(kept)
    return removed


def sweep(root: Path) -> None:
    """Removes what killed builds left behind.

    A build that is under way holds its lock, and is left alone; so is what may not be locked or removed, as what
    another user's build left in a cache that is shared.
    """
    for leftover in [path for ending in (_PARTIAL, _OLD) for path in root.glob(f".*{ending}")]:
        with suppress(OutputError), locked(root, leftover.stem.removeprefix("."), busy=None) as free:
            if free:
                shutil.rmtree(leftover, ignore_errors=True)


def _fill(root: Path, key: str, build: Callable[[Path], None]) -> None:
    """Builds under a hidden name, then renames; the caller holds the lock."""
    partial, old, folder = root / f".{key}{_PARTIAL}", root / f".{key}{_OLD}", root / key
    try:
        for leftover in (partial, old):
            shutil.rmtree(leftover, ignore_errors=True)
        partial.mkdir()
        build(partial)
        if folder.exists():
            folder.rename(old)
        partial.rename(folder)
    except OSError as error:
        raise OutputError(
            f"the engine cache {printable(str(root), 200)} cannot be written: {error.strerror}",
            f"make room: alexnet-bench cache prune; or {another_cache()}",
        ) from error
    finally:
        for leftover in (partial, old):
            shutil.rmtree(leftover, ignore_errors=True)


def remove(root: Path, kept: Kept) -> bool:
    """Takes an engine away in one step, unless somebody builds it anew or uses it; gives whether it is gone.

    Raises:
        OutputError: it may not be locked or removed.
    """
    with locked(root, kept.key, busy=None) as is_free, unused(kept.folder) as is_idle:
        if not (is_free and is_idle):
            return False
        gone = root / f".{kept.key}{_OLD}"
        shutil.rmtree(gone, ignore_errors=True)
        try:
            kept.folder.rename(gone)
        except FileNotFoundError:  # removed just before
            return False
        except OSError as error:
            raise OutputError(
                f"{printable(str(kept.folder), 200)} cannot be removed: {error.strerror}", another_cache()
            ) from None
        shutil.rmtree(gone, ignore_errors=True)
        return True


def _kept(folder: Path) -> Kept | None:
    """None for what is no engine, and for one that another process removes just now."""
    try:
        if not (folder / PASSPORT_FILE).is_file():
            return None
        size_bytes = sum(path.stat().st_size for path in folder.iterdir())
        return Kept(folder.name, folder, size_bytes, folder.stat().st_mtime)
    except OSError:
        return None


def _claimed(folder: Path) -> bool:
    """Claims an engine, and says when it was used last; gives whether it is there."""
    if not (folder / PASSPORT_FILE).is_file():
        return False
    claim(folder)
    if not (folder / PASSPORT_FILE).is_file():  # removed just before
        return False
    _touch(folder)
    return True


def _touch(folder: Path) -> None:
    try:
        os.utime(folder)
    except OSError:  # a cache that may only be read serves as well
        return
