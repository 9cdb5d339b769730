"""What `alexnet-bench cache` lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """A file or folder of the cache that can be made again.

    Attributes:
        kind: an engine, a reference network that was exported, a folder of engines that a runtime keeps for itself, or
            timings of kernels.
        name: key of the engine, or name of the file or folder.
        model: what the engine was built from.
        recipe: that it was built by.
        backend: name and version; of timings, the device and its driver too.
        size_bytes: on disk.
        last_used: date and time, UTC, ISO 8601.
        reasons_against: why the engine must not be used here; empty when it may.
        path: where it lies.
    """

    kind: Literal["engine", "network", "runtime", "timings"]
    name: str
    model: str
    recipe: str
    backend: str
    size_bytes: int
    last_used: str
    reasons_against: tuple[str, ...]
    path: str


@dataclass(frozen=True, slots=True)
class CacheListing:
    """The cache.

    Attributes:
        folder: where it lies.
        max_bytes: what engines may take before the ones used longest ago are removed.
        entries: what was used last comes first.
        removed: by this command.
        in_use: left by this command because they are used, or built anew, just now; they are among the entries.
        refused: left because they may not be removed, as those of another user; likewise.
    """

    folder: str
    max_bytes: int
    entries: tuple[CacheEntry, ...]
    removed: tuple[CacheEntry, ...] = ()
    in_use: tuple[CacheEntry, ...] = ()
    refused: tuple[CacheEntry, ...] = ()
