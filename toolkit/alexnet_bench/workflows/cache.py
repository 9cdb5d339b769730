"""`alexnet-bench cache`: what was built and exported, and how to get rid of it."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from alexnet_bench.core import atomic
from alexnet_bench.core.engine_listing import CacheEntry, CacheListing
from alexnet_bench.core.errors import AlexnetBenchError, OutputError
from alexnet_bench.core.passport import read_passport
from alexnet_bench.core.uses import unused
from alexnet_bench.core.workspace import (
    contests_cache,
    engines_cache,
    engines_root,
    memo_folder,
    networks_cache,
    runtimes_cache,
    timings_cache,
)
from alexnet_bench.engine import cache
from alexnet_bench.engine.build import built_from
from alexnet_bench.engine.loading import engine_in, graph_file
from alexnet_bench.graph.onnx_io import open_model
from alexnet_bench.workflows.engines.usable_here import reasons_here

DEFAULT_MAX_BYTES = cache.DEFAULT_MAX_BYTES


def list_cache() -> CacheListing:
    """Engines, exported networks, what runtimes keep for themselves in the cache, and timings of kernels."""
    engines = [_engine(kept) for kept in cache.kept_engines(engines_root())]
    return CacheListing(
        str(engines_cache()), DEFAULT_MAX_BYTES, _by_use(engines + _networks() + _runtimes() + _timings())
    )


def prune_cache(max_bytes: int = DEFAULT_MAX_BYTES) -> CacheListing:
    """Removes what was used longest ago until the rest takes no more than that.

    0 removes all, choices of the fastest too, but not the ceilings that were measured, which depend on no file. What a
    killed build left behind goes in any case. What is being built or in use, or may not be removed, is left alone.

    Args:
        max_bytes: for all together.
    """
    if engines_root().is_dir():
        cache.sweep(engines_root())
    for folder in (networks_cache(), timings_cache(), *runtimes_cache().glob("[!.]*/")):
        atomic.sweep(folder)
    engines = {kept.key: kept for kept in cache.kept_engines(engines_root())}
    before = list_cache()
    total = sum(entry.size_bytes for entry in before.entries)
    removed: list[CacheEntry] = []
    in_use: list[CacheEntry] = []
    refused: list[CacheEntry] = []
    for entry in reversed(before.entries):
        if total <= max_bytes and max_bytes:
            break
        outcome = _remove(entry, engines)
        if outcome == "removed":
            total -= entry.size_bytes
            removed.append(entry)
        elif Path(entry.path).exists():
            (in_use if outcome == "in use" else refused).append(entry)
    if not max_bytes:
        for folder in (memo_folder(), contests_cache()):
            shutil.rmtree(folder, ignore_errors=True)
    rest = tuple(entry for entry in before.entries if entry not in removed)
    return CacheListing(before.folder, max_bytes, rest, tuple(removed), tuple(in_use), tuple(refused))


def _remove(entry: CacheEntry, engines: dict[str, cache.Kept]) -> Literal["removed", "in use", "refused"]:
    try:
        if entry.kind == "engine":
            is_gone = entry.name in engines and cache.remove(engines_root(), engines[entry.name])
        else:
            is_gone = _remove_unused(Path(entry.path))
    except (OSError, OutputError):
        return "refused"
    return "removed" if is_gone else "in use"


def _remove_unused(path: Path) -> bool:
    """Takes a file or a folder away, unless somebody uses it; gives whether it is gone. Raises OSError."""
    with unused(path) as is_idle:
        if is_idle and path.is_dir():
            shutil.rmtree(path)
        elif is_idle:
            path.unlink(missing_ok=True)
        return is_idle


def _engine(kept: cache.Kept) -> CacheEntry:
    model, recipe, backend = "", "", ""
    reasons: tuple[str, ...] = ()
    try:
        passport = read_passport(kept.folder / cache.PASSPORT_FILE)
        reasons = reasons_here(passport)
        recipe, backend = str(passport.recipe.get("name", "")), f"{passport.backend} {passport.backend_version}"
        model = built_from(open_model(graph_file(engine_in(kept.folder))))
    except AlexnetBenchError as error:
        reasons = (f"damaged: {error.message}",)
    when = _date(kept.last_used_s)
    return CacheEntry("engine", kept.key, model, recipe, backend, kept.size_bytes, when, reasons, str(kept.folder))


def _networks() -> list[CacheEntry]:
    found = _files(networks_cache(), "[!.]*.onnx")
    return [
        CacheEntry("network", path.name, path.stem, "", "", size, when, (), str(path)) for path, size, when in found
    ]


def _timings() -> list[CacheEntry]:
    """Each is named after what it holds for: a backend and its version, a device and its driver."""
    found = _files(timings_cache(), "[!.]*.cache")
    return [
        CacheEntry("timings", path.name, "", "", path.stem, size, when, (), str(path)) for path, size, when in found
    ]


def _files(folder: Path, pattern: str) -> Iterator[tuple[Path, int, str]]:
    """Files of a folder, with their size in bytes and when they were used last."""
    for path in folder.glob(pattern):
        try:
            found = path.stat()
        except OSError:  # removed meanwhile
            continue
        yield path, found.st_size, _date(max(found.st_mtime, found.st_atime))


def _runtimes() -> list[CacheEntry]:
    """Folders that a runtime fills by itself; the name of each begins with that of a model's file."""
    entries = []
    for folder in runtimes_cache().glob("[!.]*/[!.]*/"):
        try:
            size_bytes = sum(path.stat().st_size for path in folder.iterdir())
            when = _date(folder.stat().st_mtime)
        except OSError:  # removed meanwhile
            continue
        model, backend = folder.name.rpartition("-")[0], folder.parent.name
        entries.append(CacheEntry("runtime", folder.name, model, "", backend, size_bytes, when, (), str(folder)))
    return entries


def _by_use(entries: list[CacheEntry]) -> tuple[CacheEntry, ...]:
    return tuple(sorted(entries, key=lambda entry: (entry.last_used, entry.name), reverse=True))


def _date(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="seconds")
