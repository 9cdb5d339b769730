"""The ceilings of this machine: what the backend's own kernels reach at best."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import isqrt
from pathlib import Path
from statistics import median

import msgspec
import numpy as np

from alexnet_bench.backends.ceiling_models import write_integer_product, write_matrix_product, write_triad
from alexnet_bench.backends.client import Worker
from alexnet_bench.backends.protocol import LoadRequest
from alexnet_bench.backends.worker import write_arrays
from alexnet_bench.core import atomic
from alexnet_bench.core.errors import OutputError
from alexnet_bench.core.machine import cpu_model, last_level_cache_bytes, usable_cores
from alexnet_bench.core.profile import Ceilings

METHOD_VERSION = 5
"""Raised when anything below changes what the numbers mean."""
_MATRIX_SIZES = (512, 2048)
_INTEGER_SIZES = (512,)
_SECONDS, _WARMUP_S = 0.25, 0.05
_FLOAT_BYTES = 4
_TRIAD_ARRAYS = 3
_MIN_STREAM_BYTES, _MAX_STREAM_BYTES = 256 << 20, 1 << 30


@dataclass(frozen=True)
class _Kernel:
    """A model that drives one limit, and how much it does in a run."""

    write: Callable[[Path], None]
    inputs: dict[str, tuple[int, ...]]
    amount: float
    dtype: str = "float32"


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
    """The higher of two measurements, each ceiling on its own: a busy machine only ever measures too low."""
    faster = {
        dtype: max(kept, now, key=lambda found: found.flop_per_s.get(dtype, 0.0))
        for dtype in kept.flop_per_s | now.flop_per_s
    }
    memory = max(kept, now, key=lambda found: found.bytes_per_s)
    sources = dict.fromkeys(found.source for found in (*faster.values(), memory))
    return replace(
        now,
        flop_per_s={dtype: found.flop_per_s[dtype] for dtype, found in faster.items()},
        median_flop_per_s={dtype: found.median_flop_per_s[dtype] for dtype, found in faster.items()},
        bytes_per_s=memory.bytes_per_s,
        median_bytes_per_s=memory.median_bytes_per_s,
        source="; and ".join(sources),
    )


def _kept(path: Path) -> Ceilings | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Ceilings)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None  # not measured yet, or by a version that wrote it differently


def measure_ceilings(backend: str, threads: int) -> Ceilings:
    """Runs large matrix products, a stream of reads and a triad on the backend; the best of each is a ceiling.

    Matrix products of several sizes, because the size that suits a processor's caches differs; the fastest one counts.
    """
    stream_bytes = _stream_bytes()
    side = isqrt(stream_bytes // _FLOAT_BYTES)
    with Worker() as worker:
        products = {size: _rates(worker, backend, threads, _product(size, size, size)) for size in _MATRIX_SIZES}
        integers = [_rates(worker, backend, threads, _integer_product(size)) for size in _INTEGER_SIZES]
        streams = {
            "read": _rates(worker, backend, threads, _read(side)),
            "triad": _rates(worker, backend, threads, _triad(stream_bytes // (_TRIAD_ARRAYS * _FLOAT_BYTES))),
        }
    size, product = max(products.items(), key=lambda item: max(item[1]))
    integer = max(integers, key=max)
    name, stream = max(streams.items(), key=lambda item: max(item[1]))
    return Ceilings(
        flop_per_s={"float32": max(product), "int8": max(integer)},
        bytes_per_s=max(stream),
        median_flop_per_s={"float32": median(product), "int8": median(integer)},
        median_bytes_per_s=median(stream),
        source=(
            f"measured with {backend}, {threads} threads: best of {len(product)} products of {size}x{size} float32 "
            f"matrices, likewise for int8, and of {len(stream)} runs of a {name} over {stream_bytes >> 20} MiB"
        ),
        method_version=METHOD_VERSION,
    )


def _product(rows: int, inner: int, columns: int) -> _Kernel:
    return _Kernel(
        lambda path: write_matrix_product(path, rows, inner, columns),
        {"x": (rows, inner)},
        2.0 * rows * inner * columns,
    )


def _integer_product(size: int) -> _Kernel:
    return _Kernel(lambda path: write_integer_product(path, size), {"x": (size, size)}, 2.0 * size**3, dtype="uint8")


def _read(side: int) -> _Kernel:
    """A vector times a matrix: every weight is read once."""
    return _Kernel(
        lambda path: write_matrix_product(path, 1, side, side), {"x": (1, side)}, float(side * side * _FLOAT_BYTES)
    )


def _triad(elements: int) -> _Kernel:
    return _Kernel(
        lambda path: write_triad(path, elements),
        {"a": (elements,), "b": (elements,)},
        float(_TRIAD_ARRAYS * elements * _FLOAT_BYTES),
    )


def _rates(worker: Worker, backend: str, threads: int, kernel: _Kernel) -> list[float]:
    """Amount per second of each run; the worker forgets what it ran before."""
    model, inputs = worker.scratch / "ceiling.onnx", worker.scratch / "inputs"
    inputs.mkdir(exist_ok=True)
    kernel.write(model)
    write_arrays(inputs, {name: np.full(shape, 1, kernel.dtype) for name, shape in kernel.inputs.items()})
    worker.load(LoadRequest(backend, str(model), threads), inputs)
    worker.sample(seconds=_WARMUP_S, min_runs=2)
    return [kernel.amount / wall for wall in worker.sample(seconds=_SECONDS, min_runs=5).wall_s]


def _stream_bytes() -> int:
    """Eight times the last-level cache, so that a stream has to come from memory.

    Four times would do for the cache that is there; virtual machines report less than the host has.
    """
    return min(_MAX_STREAM_BYTES, max(_MIN_STREAM_BYTES, 8 * last_level_cache_bytes()))


def _fingerprint(backend: str, backend_version: str, threads: int) -> str:
    described = (METHOD_VERSION, cpu_model(), usable_cores(), threads, backend, backend_version)
    return hashlib.sha256(repr(described).encode()).hexdigest()[:16]
