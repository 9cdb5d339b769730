"""What a reader must know before trusting what was measured: codes, messages, and what to do about it.

The codes are a public contract, and described in docs/profile-json.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import TYPE_CHECKING

from alexnet_bench.attribution.roofline import ABOVE_ROOF
from alexnet_bench.core.machine import last_level_cache_bytes, load_average, usable_cores, usable_cpus
from alexnet_bench.core.profile import Caution, Ceilings, Coverage, Latency, LatencyParts, LayerProfile, ceiling_of
from alexnet_bench.core.text import listed, plural, printable
from alexnet_bench.core.units import percent
from alexnet_bench.workflows.options import LEAST_PROCESSES, MOST_PROCESSES

if TYPE_CHECKING:
    from alexnet_bench.backends.protocol import DeviceUse
    from alexnet_bench.core.engine_layers import LayerTimes

_WIDE_INTERVAL = 0.05
_NOISY_CEILING = 0.7
_COSTLY_PROFILER = 0.25
_MOSTLY_OWNED = 0.98
_BESIDE = 1.02
"""Times of layers are read one by one, and so may be somewhat more than the whole."""
_DEQUANTISE = "DequantizeLinear"
_DEQUANTISED_AGAIN = (
    "ONNX Runtime has no kernel here that takes them as they are stored; its option session.disable_quant_qdq=1 "
    "dequantises while loading, but does so for products of bytes too: time both"
)
_WHY_ABOVE = {
    "memory": "the data comes from a cache",
    "compute": "this kernel beats the runtime's own matrix product, or shares its work with a layer that was merged",
}


def of_device(parts: LatencyParts, use: DeviceUse | None) -> Iterator[Caution]:
    """Nulls of a backend without a device of its own."""
    if parts.h2d_s is None and use is None:
        yield Caution("no-device", "the backend runs on the CPU: transfer times and device memory are null")


def of_streams(times: LayerTimes) -> Iterator[Caution]:
    """Layers that ran beside each other: their times are no parts of a whole."""
    sums = (sum(samples) for samples in zip(*times.samples_s.values(), strict=True))
    share = median([total / run for total, run in zip(sums, times.run_s, strict=False) if run > 0] or [0.0])
    if times.named and share > _BESIDE:
        yield Caution(
            "overlap",
            f"times of layers add up to {percent(share)} of a run: some ran at the same time, on auxiliary streams",
            "compare them with each other, and not with the latency",
        )


def of_given(inputs: str) -> Iterator[Caution]:
    """Nothing that was measured is of generated inputs, where they were read from a path; "" where they were not."""
    if inputs:
        yield Caution("given-inputs", f"ran on the inputs of {inputs}")


def of_range(ranges: str) -> Caution:
    """The engine runs at sizes that it was neither built nor tried for; other runtimes refuse them."""
    return Caution(
        "outside-range",
        f"the engine was built for {ranges}, and runs at sizes outside: it was never tried with them",
        "build it for these too: give --batch or --shape to build-engine, and verify it",
    )


def of_latency(latency: Latency, *, unstable_processes: int) -> Iterator[Caution]:
    """Signs of a noisy measurement."""
    low, high = latency.ci95_s
    if high - low > _WIDE_INTERVAL * latency.median_s:
        width = percent((high - low) / latency.median_s)
        yield Caution(
            "noisy",
            f"the median is only known within {width}",
            _more_processes(len(latency.samples_s)) + "close what else runs here",
        )
    if unstable_processes:
        yield Caution(
            "unstable",
            f"{unstable_processes} of {plural(len(latency.samples_s), 'process')} never became stable while warming up",
            "clocks, temperature or other programs change the speed; measure on a quiet machine",
        )
    cost = latency.profiling_overhead_fraction
    if cost is not None and cost > _COSTLY_PROFILER:
        yield Caution(
            "profiler-cost",
            f"timing the layers made runs {percent(cost)} longer: shares of the shortest layers are too high",
            "a larger --batch makes the layers longer",
        )
    load, cores = load_average(), usable_cores()
    # The profile itself keeps every core busy, so that a load of one per core is its own.
    if load is not None and load > cores + 1:
        yield Caution("busy", f"the load average is {load:.1f} on {cores} cores", "other programs compete for them")


def _more_processes(processes: int) -> str:
    """What to type for more of them, which narrow the interval; longer ones alone hardly do."""
    seconds = min(2 * max(processes, LEAST_PROCESSES), MOST_PROCESSES)
    return f"give --seconds {seconds} or more, or " if processes < MOST_PROCESSES else ""


def of_threads(threads: int) -> Iterator[Caution]:
    """More threads than can run at once: each layer waits for the last of them, and that one for its turn."""
    cpus = usable_cpus()
    if threads > cpus:
        yield Caution(
            "threads",
            f"{threads:,} threads shared {plural(cpus, 'processor')}: more than can run at once wait for each other",
            f"leave --threads out, or give {cpus} at most",
        )


def of_ceilings(ceilings: Ceilings, layers: Sequence[LayerProfile]) -> Iterator[Caution]:
    """Ceilings that are doubtful, and layers above them."""
    used = {ceiling_of(layer.compute_dtype) for layer in layers}
    medians = {**ceilings.median_flop_per_s, "memory": ceilings.median_bytes_per_s}
    for dtype, best in {**ceilings.flop_per_s, "memory": ceilings.bytes_per_s}.items():
        typical = medians.get(dtype) if dtype in {*used, "memory"} else None
        if best is not None and typical is not None and typical < _NOISY_CEILING * best:
            yield Caution(
                "noisy-ceiling",
                f"the {dtype} ceiling is uncertain: its best run was far faster than its median",
                "alexnet-bench ceilings --refresh",
            )
    yield from _without_ceiling(ceilings, layers)
    above = [layer for layer in layers if _is_above(layer)]
    uncached = [layer for layer in above if layer.bound == "memory" and not _fits_cache(layer)]
    for bound, why in _WHY_ABOVE.items():
        found = [layer for layer in above if layer.bound == bound and layer not in uncached]
        if found:
            yield Caution(
                "above-roof",
                f"{plural(len(found), 'layer')} above the {bound} roof, {printable(found[0].name)} first: {why}",
            )
    if uncached:
        yield Caution(
            "above-roof",
            f"{plural(len(uncached), 'layer')} above the memory roof, {printable(uncached[0].name)} first, though no "
            "cache holds the data: the ceiling is too low, as it was measured beside other programs",
            "alexnet-bench ceilings --refresh",
        )


def refute_ceilings(layers: Sequence[LayerProfile]) -> bool:
    """Whether layers are faster than their ceilings and no cache explains it: those were measured on a busy machine."""
    return any(_is_above(layer) and (layer.bound == "compute" or not _fits_cache(layer)) for layer in layers)


def _is_above(layer: LayerProfile) -> bool:
    return layer.bound in _WHY_ABOVE and (layer.fraction_of_ceiling or 0.0) > ABOVE_ROOF


def _fits_cache(layer: LayerProfile) -> bool:
    """Whether what a layer reads and writes, however often, may be in a cache of this machine."""
    return layer.weight_bytes is None or layer.weight_bytes + (layer.activation_bytes or 0) <= last_level_cache_bytes()


def _without_ceiling(ceilings: Ceilings, layers: Sequence[LayerProfile]) -> Iterator[Caution]:
    """Layers that got no bound, as the type that they compute in has no ceiling; one of another type would be wrong."""
    unbound: dict[str, list[LayerProfile]] = {}
    for layer in layers:
        dtype = ceiling_of(layer.compute_dtype)
        if layer.bound is None and layer.flop is not None and dtype and ceilings.flop_per_s.get(dtype) is None:
            unbound.setdefault(dtype, []).append(layer)
    for dtype, found in unbound.items():
        why = ceilings.unavailable.get(dtype, "it is not among the types that are measured")
        yield Caution(
            "no-ceiling",
            f"no bound for {plural(len(found), 'layer')} computed in {printable(dtype)}, {printable(found[0].name)} "
            f"first: that type has no ceiling here ({printable(why, 200)})",
        )


def of_nodes(unattributed: Sequence[str], hint: str = "") -> Iterator[Caution]:
    """Nodes of which no layer is known."""
    if unattributed:
        names = listed([printable(name) for name in unattributed], 3)
        yield Caution(
            "unattributed",
            f"{plural(len(unattributed), 'node')} could not be joined to a layer of the engine: {names}",
            hint,
        )


def of_constants(layers: Sequence[LayerProfile]) -> Iterator[Caution]:
    """Constants that the runtime computes in each run, though no input can change them."""
    again = sorted((layer for layer in layers if layer.constant_nodes), key=lambda layer: -(layer.time_s or 0.0))
    if again:
        shown = listed([f"{printable(item.name, 100)} ({percent(item.time_fraction)})" for item in again], 3)
        is_dequantised = any(layer.op == _DEQUANTISE for layer in again)
        yield Caution(
            "recomputed-constants",
            f"constants computed again in each run: {shown}",
            _DEQUANTISED_AGAIN if is_dequantised else "fold them in the file, as onnxsim does",
        )


def of_attribution(coverage: Coverage) -> Iterator[Caution]:
    """Nodes whose time is not known."""
    yield from of_nodes(coverage.unattributed_nodes, "their time is not shown as theirs")
    owned = coverage.time_attributed_fraction
    if owned is not None and owned < _MOSTLY_OWNED:
        yield Caution(
            "unowned-time",
            f"{percent(1 - owned)} of the kernel time belongs to none of the live nodes",
            "the runtime also runs nodes that nothing reads; the rows without FLOP show which",
        )
