"""The parts of a profile that is read from files of trtexec."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from alexnet_bench.backends.tensorrt.plan_tensors import Runtime
from alexnet_bench.backends.tensorrt.trtexec_files import QueryTimes
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.profile import EngineInfo, Environment, Latency, LatencyParts, LayerProfile, Memory
from alexnet_bench.core.statistics import summarise
from alexnet_bench.workflows.options import Options
from alexnet_bench.workflows.uncounted import computed_in


def check(options: Options, batches: Sequence[int | None]) -> None:
    """Raises UsageError for what only a run, or a build, could do."""
    if len(batches) > 1:
        raise UsageError("files of trtexec are of one batch", "give one --batch, or none")
    if options.steering:
        asked = ", ".join(options.steering)
        raise UsageError(f"trtexec has run already: {asked} cannot be had from its files", f"leave {asked} out")


def latency_of(times: QueryTimes | None, batch: int) -> Latency | None:
    """What trtexec calls latency: copying to the device, computing, and copying back, of each query."""
    if times is None:
        return None
    summary, copied = summarise([times.latency_s]), any((*times.h2d_s, *times.d2h_s))
    return Latency(
        samples_s=(tuple(round(value, 9) for value in times.latency_s),),
        parts=LatencyParts(
            h2d_s=median(times.h2d_s) if copied else None,
            compute_s=median(times.compute_s),
            d2h_s=median(times.d2h_s) if copied else None,
        ),
        median_s=summary.median,
        p90_s=summary.p90,
        p99_s=summary.p99,
        ci95_s=summary.ci95,
        throughput_per_s=batch / summary.median if summary.median else 0.0,
        profiling_overhead_fraction=None,
    )


def engine_info(runtime: Runtime, layers: Sequence[LayerProfile]) -> EngineInfo:
    """The engine: neither the version of TensorRT nor the card stands in the files of trtexec itself."""
    return EngineInfo(runtime.backend, runtime.version, None, computed_in(layers), "")


def environment(runtime: Runtime) -> Environment:
    """Nothing is known of the machine."""
    unknown = dict.fromkeys(("cpu", "machine", "usable_cores", "threads", "device"))
    known = {"backend_version": runtime.version or None, "backend": runtime.backend}
    return Environment({**unknown, **known}, {"source": "files of trtexec"})


def memory_of(static_peak_bytes: int | None) -> Memory:
    """Memory as counted; none was measured."""
    return Memory(static_peak_bytes=static_peak_bytes)
