"""The runs behind the ceilings: large matrix products of each type, a stream of reads and a triad, on the backend."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from alexnet_bench.backends.array_files import write_arrays, write_zeros
from alexnet_bench.backends.ceiling_models import PRODUCT
from alexnet_bench.backends.client import Worker
from alexnet_bench.backends.protocol import LoadRequest
from alexnet_bench.backends.registry import get_backend, layers_reader
from alexnet_bench.core.errors import BackendRefusal
from alexnet_bench.core.profile import Ceilings, ceiling_of
from alexnet_bench.core.units import quantity
from alexnet_bench.graph.onnx_io import build_graph, open_model
from alexnet_bench.measure.ceiling_kernels import PLAIN, Kernel, products, streams
from alexnet_bench.measure.ceiling_sizes import sizes_for

METHOD_VERSION = 10
"""Raised when anything below changes what the numbers mean."""
_SECONDS, _WARMUP_S = 0.25, 0.05
_NARROW = ("bfloat16", "float16")
EMULATED = "emulated on this processor"
"""What is said of a type that the processor has no instructions for."""
_LEAST_RATE = 0.5
"""Of the rate of float32: what a type has to reach, and exceeds by far where the processor has instructions for it."""


@dataclass(frozen=True)
class Workers:
    """Processes that a runtime is driven in.

    Attributes:
        timed: for rates.
        asked: for what the runtime says of itself: a run with layer times may change its process for good, as where
            launches on a device are made to wait.
    """

    timed: Worker
    asked: Worker


@dataclass(frozen=True)
class _Runs:
    """The rates of one kernel at its best size, those of its first size, or why there are none."""

    rates: tuple[float, ...] = ()
    size: int = 0
    first: tuple[float, ...] = ()
    why_none: str = ""


def measure_ceilings(backend: str, threads: int) -> Ceilings:
    """Runs a matrix product of each type that the backend names, a stream of reads and a triad; the best is a ceiling.

    A type that the backend refuses, in truth computes in another one, or emulates, has none, and the reason is kept.
    """
    stream_bytes = sizes_for(get_backend(backend).device).stream_bytes
    kernels = streams(stream_bytes, compiles=get_backend(backend).compiles)
    with Worker() as timed, Worker() as asked:
        workers, best = Workers(timed, asked), dict[str, _Runs]()
        for dtype in get_backend(backend).products:
            best[dtype] = _best_product(workers, backend, threads, dtype, best.get(PLAIN, _Runs()))
        streamed = {name: rates(timed, backend, threads, kernel) for name, kernel in kernels.items()}
    name, stream = max(streamed.items(), key=lambda item: max(item[1]))
    return Ceilings(
        flop_per_s={dtype: max(runs.rates, default=None) for dtype, runs in best.items()},
        bytes_per_s=max(stream),
        median_flop_per_s={dtype: median(runs.rates) if runs.rates else None for dtype, runs in best.items()},
        median_bytes_per_s=median(stream),
        source=(
            f"measured with {backend}, {threads} threads: {_described(best)} and of {len(stream)} runs of a {name} "
            f"over {stream_bytes >> 20} MiB"
        ),
        method_version=METHOD_VERSION,
        unavailable={dtype: runs.why_none for dtype, runs in best.items() if not runs.rates},
    )


def why_emulated(backend: str, threads: int, dtype: str, settings: Mapping[str, str]) -> str:
    """That a type is emulated here, in words, where the backend is far slower in it than in float32; else "".

    Raises:
        BackendRefusal: the backend has no matrix product of that type.
    """
    if dtype not in _NARROW:
        return ""
    size = sizes_for(get_backend(backend).device).of(dtype)[0]
    of_type = partial(products, compiles=get_backend(backend).compiles)
    plain, narrow = (replace(of_type(of)[0](size), precision=of) for of in (PLAIN, dtype))
    with Worker() as worker:
        found = [rates(worker, backend, threads, kernel, settings) for kernel in (plain, narrow)]
    return _emulated(backend, dtype, *found)


def rates(
    worker: Worker, backend: str, threads: int, kernel: Kernel, settings: Mapping[str, str] | None = None
) -> tuple[float, ...]:
    """Amount per second of each run, without copies to a device; the worker forgets what it ran before."""
    request, inputs = _prepared(worker, backend, threads, kernel)
    worker.load(replace(request, settings=dict(settings or {})), inputs)
    worker.sample(seconds=_WARMUP_S, min_runs=2)
    samples = worker.sample(seconds=_SECONDS, min_runs=5)
    return tuple(kernel.amount / time_s for time_s in [part.compute_s for part in samples.parts] or samples.wall_s)


def computed_dtype(worker: Worker, backend: str, threads: int, kernel: Kernel) -> str:
    """The type in which the backend computes a product, by its own account; "" when it does not say.

    Raises:
        BackendRefusal: it has no such product.
    """
    request, inputs = _prepared(worker, backend, threads, kernel)
    folder = Path(tempfile.mkdtemp(dir=worker.scratch))
    worker.load(replace(request, layers_dir=str(folder)), inputs)
    wall_s = worker.sample(seconds=0.0, min_runs=1).wall_s
    worker.unload()
    graph = build_graph(open_model(Path(request.model_path)), name="ceiling")
    times = layers_reader(backend)(folder, graph, timed_runs=len(wall_s), wall_s=tuple(wall_s))
    working = [layer for layer in times.layers if not layer.is_overhead]
    # Of a runtime that makes one layer of the whole model, that is the product too.
    computing = [layer for layer in working if PRODUCT in layer.makes] or (working if len(working) == 1 else [])
    dtype = computing[0].compute_dtype if computing else ""
    return ceiling_of(dtype)


def _best_product(workers: Workers, backend: str, threads: int, dtype: str, plain: _Runs) -> _Runs:
    """The fastest of the sizes, of the first way to write the product that is computed in that type."""
    ways = products(dtype, compiles=get_backend(backend).compiles)
    found = (_product_runs(workers, backend, threads, dtype, way, plain) for way in ways)
    reasons = []
    for runs in found:
        if runs.rates:
            return runs
        reasons.append(runs.why_none)
    return _Runs(why_none=reasons[0])


def _product_runs(
    workers: Workers, backend: str, threads: int, dtype: str, way: Callable[[int], Kernel], plain: _Runs
) -> _Runs:
    """The type is asked for first: casts around a product would be measured as one, and an emulated one takes long."""
    sizes = sizes_for(get_backend(backend).device).of(dtype)
    precision = dtype if dtype in get_backend(backend).precisions else ""
    kernels = {size: replace(way(size), precision=precision) for size in sizes}
    try:
        computed = computed_dtype(workers.asked, backend, threads, kernels[sizes[0]])
    except BackendRefusal as error:
        return _Runs(why_none=error.message)
    if computed != dtype:
        return _Runs(why_none=f"{backend} computes its matrix product in {computed or 'a type that it does not say'}")
    first = rates(workers.timed, backend, threads, kernels.pop(sizes[0]))
    if why := _emulated(backend, dtype, plain.first, first):
        return _Runs(why_none=why)
    found = [_Runs(first, sizes[0], first)]
    with contextlib.suppress(BackendRefusal):  # larger ones may not fit into the memory of a device
        found += (
            _Runs(rates(workers.timed, backend, threads, kernel), size, first) for size, kernel in kernels.items()
        )
    return max(found, key=lambda runs: max(runs.rates))


def _emulated(backend: str, dtype: str, plain: tuple[float, ...], narrow: tuple[float, ...]) -> str:
    """What shows that a narrow type is emulated, by the rates of products of one size; "" where nothing does."""
    if dtype not in _NARROW or not plain or max(narrow) >= _LEAST_RATE * max(plain):
        return ""
    slow, fast = (quantity(max(found), "FLOP/s") for found in (narrow, plain))
    return f"{EMULATED}: {backend} reaches {slow}, and in {PLAIN} {fast}"


def _described(best: dict[str, _Runs]) -> str:
    measured = [(dtype, runs) for dtype, runs in best.items() if runs.rates]
    if not measured:
        return "no matrix product,"
    (first, runs), *others = measured
    likewise = f", likewise for {' and '.join(dtype for dtype, _ in others)}," if others else ""
    return f"best of {len(runs.rates)} products of {runs.size}x{runs.size} {first} matrices{likewise}"


def _prepared(worker: Worker, backend: str, threads: int, kernel: Kernel) -> tuple[LoadRequest, Path]:
    model, inputs = worker.scratch / "ceiling.onnx", worker.scratch / "inputs"
    inputs.mkdir(exist_ok=True)
    kernel.write(model)
    if kernel.is_stream:  # memory is as fast for zeros
        write_zeros(inputs, kernel.inputs, kernel.feed)
    else:
        write_arrays(inputs, {name: np.full(shape, 1, kernel.feed) for name, shape in kernel.inputs.items()})
    return LoadRequest(backend, str(model), threads, precision=kernel.precision, engines_dir=""), inputs
