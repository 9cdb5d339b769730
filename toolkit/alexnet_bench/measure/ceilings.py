"""The ceilings of this machine: what the backend's own kernels reach at best."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec

from alexnet_bench.backends.device.card import first_card
from alexnet_bench.backends.registry import get_backend
from alexnet_bench.core import atomic
from alexnet_bench.core.errors import OutputError
from alexnet_bench.core.machine import cpu_model, usable_cores
from alexnet_bench.core.profile import Ceilings
from alexnet_bench.measure.ceiling_runs import EMULATED, METHOD_VERSION, measure_ceilings

_SEVERAL = "the highest of several measurements, the last one "


def measured_ceilings(
    backend: str, backend_version: str, threads: int, *, cache: Path, refresh: bool = False
) -> Ceilings:
    """The ceilings, from the cache when this machine was measured before in the same way.

    Args:
        backend: name in the registry.
        backend_version: of its runtime.
        threads: as the profile uses them.
        cache: folder for the result.
        refresh: measure again, and keep the higher.
    """
    path = cache / f"ceilings-{_fingerprint(backend, backend_version, threads)}.json"
    kept = _kept(path)
    if kept is not None and not refresh:
        return kept
    ceilings = measure_ceilings(backend, threads)
    if kept is not None:
        ceilings = higher(kept, ceilings)
    with contextlib.suppress(OSError, OutputError):  # a cache that cannot be written costs time, and nothing else
        cache.mkdir(parents=True, exist_ok=True)
        atomic.write_bytes(path, msgspec.json.encode(ceilings))
    return ceilings


def higher(kept: Ceilings, now: Ceilings) -> Ceilings:
    """The higher of two measurements, each ceiling on its own: a busy machine only ever measures too low.

    A type has a rate or a reason why it has none: a rate that was measured once counts, but for that of a type found
    emulated, unless float32 is no faster than it.
    """
    faster = {
        dtype: max(kept, now, key=lambda found: found.flop_per_s.get(dtype) or 0.0)
        for dtype in kept.flop_per_s | now.flop_per_s
    }
    memory = max(kept, now, key=lambda found: found.bytes_per_s)
    why_none = kept.unavailable | now.unavailable
    rates = {dtype: found.flop_per_s.get(dtype) for dtype, found in faster.items()}
    rates |= {dtype: None for dtype, why in why_none.items() if why.startswith(EMULATED) and _is_slow(dtype, rates)}
    return replace(
        now,
        flop_per_s=rates,
        median_flop_per_s={
            dtype: found.median_flop_per_s.get(dtype) if rates[dtype] else None for dtype, found in faster.items()
        },
        unavailable={dtype: why for dtype, why in why_none.items() if not rates.get(dtype)},
        bytes_per_s=memory.bytes_per_s,
        median_bytes_per_s=memory.median_bytes_per_s,
        source=_SEVERAL + now.source,
    )


def _is_slow(dtype: str, rates: Mapping[str, float | None]) -> bool:
    return (rates.get(dtype) or 0.0) < (rates.get("float32") or 0.0)


def _kept(path: Path) -> Ceilings | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Ceilings)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None  # not measured yet, or by a version that wrote it differently


def _fingerprint(backend: str, backend_version: str, threads: int) -> str:
    card = first_card() if get_backend(backend).device == "cuda" else None
    device = (card.name, card.uuid) if card else ()
    described = (METHOD_VERSION, cpu_model(), usable_cores(), threads, backend, backend_version, device)
    return hashlib.sha256(repr(described).encode()).hexdigest()[:16]
