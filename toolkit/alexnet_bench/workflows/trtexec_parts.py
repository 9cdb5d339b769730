"""The parts of a profile that is read from files of trtexec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from alexnet_bench.backends.tensorrt.layer_info import InfoLayer, InfoTensor, LayerInfo, plan_layer
from alexnet_bench.backends.tensorrt.layers import compute_dtype
from alexnet_bench.backends.tensorrt.trtexec_files import QueryTimes
from alexnet_bench.backends.tensorrt.trtexec_layers import TimedInfo
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.profile import (
    Case,
    EngineInfo,
    Environment,
    InputInfo,
    Latency,
    LatencyParts,
    LayerProfile,
    Memory,
    ModelInfo,
    Totals,
)
from alexnet_bench.core.statistics import summarise
from alexnet_bench.workflows.options import Options

BACKEND = "tensorrt"


@dataclass(frozen=True, slots=True)
class Sizes:
    """The inputs of the engine.

    Attributes:
        tensors: as the layer info has them; empty when it does not tell.
        given: sizes to count a model with, by input.
        batch: None when it is not told.
    """

    tensors: tuple[InfoTensor, ...]
    given: Mapping[str, Sequence[int]]
    batch: int | None

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """Sizes by input, where all of them are told."""
        return {tensor.name: tensor.sizes for tensor in self.tensors if tensor.sizes and min(tensor.sizes) >= 0}


def check(options: Options, batches: Sequence[int | None]) -> None:
    """Raises UsageError for what only a run, or a build, could do."""
    if len(batches) > 1:
        raise UsageError("files of trtexec are of one batch", "give one --batch, or none")
    asked = {
        "--backend": options.backend is not None,
        "--static": options.static,
        "--recipe, --precision and --optimize": options.wants_engine,
    }
    for option, is_asked in asked.items():
        if is_asked:
            raise UsageError(f"trtexec has run already: {option} cannot be had from its files", f"leave {option} out")


def sizes_of(info: LayerInfo | None, given: Mapping[str, Sequence[int]] | None, batch: int | None) -> Sizes:
    """The inputs by the layer info, which what was given on the command line goes before."""
    made = {tensor.name for layer in (info.layers if info else ()) for tensor in layer.outputs}
    read = {tensor.name: tensor for layer in (info.layers if info else ()) for tensor in reversed(layer.inputs)}
    inputs = tuple(read[name] for name in (info.bindings if info else ()) if name in read and name not in made)
    told = Sizes(inputs, {}, None).inputs
    if batch is not None or given:
        return Sizes(inputs, dict(given or {}), batch)
    first = next(iter(told.values()), ())
    return Sizes(inputs, told, first[0] if first and first[0] > 0 else None)


def bare_layers(infos: Sequence[TimedInfo], is_overhead: Sequence[bool]) -> tuple[LayerProfile, ...]:
    """The layers as trtexec names them, with their times; counts are not known without a model."""
    total_s = sum(info.time_s or 0.0 for info in infos)
    return tuple(
        LayerProfile(
            name=info.key,
            op=info.info.kind,
            onnx_nodes=(),
            shared_nodes=(),
            output_shapes=told_shapes(info.info),
            params=None,
            weight_bytes=None,
            activation_bytes=None,
            live_bytes=None,
            macs=None,
            flop=None,
            bytes=None,
            time_s=info.time_s,
            time_fraction=info.time_s / total_s if info.time_s is not None and total_s else None,
            bound="overhead" if overhead else None,
            compute_dtype=compute_dtype(plan_layer(info.info)),
            input_dtypes=tuple(dict.fromkeys(tensor.dtype for tensor in info.info.inputs)),
            output_dtypes=tuple(dict.fromkeys(tensor.dtype for tensor in info.info.outputs)),
        )
        for info, overhead in zip(infos, is_overhead, strict=True)
    )


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


def case_of(batch: int, shapes: Mapping[str, tuple[int, ...]]) -> Case:
    """What was varied, as far as it is told."""
    return Case(batch, dict(shapes), threads=None, seed=None)


def engine_info(layers: Sequence[LayerProfile]) -> EngineInfo:
    """The engine: neither the version of TensorRT nor the card stands in the files."""
    computed: dict[str, int] = {}
    for layer in layers:
        if layer.compute_dtype and layer.bound != "overhead":
            computed[layer.compute_dtype] = computed.get(layer.compute_dtype, 0) + 1
    return EngineInfo(BACKEND, "", None, computed, "")


def environment() -> Environment:
    """Nothing is known of the machine."""
    comparable = ("cpu", "machine", "usable_cores", "backend_version", "threads")
    return Environment({**dict.fromkeys(comparable), "backend": BACKEND}, {"source": "files of trtexec"})


def memory_of(static_peak_bytes: int | None) -> Memory:
    """Memory as counted; none was measured."""
    return Memory(static_peak_bytes=static_peak_bytes)


def uncounted_model(folder: Path, sizes: Sizes) -> ModelInfo:
    """A model of which only the inputs are known."""
    inputs = tuple(InputInfo(tensor.name, sizes.inputs.get(tensor.name, ()), tensor.dtype) for tensor in sizes.tensors)
    return ModelInfo(folder.resolve().name or "trtexec", None, None, None, inputs, None, None, None)


def uncounted() -> Totals:
    """Totals without a model."""
    return Totals(None, None, None, None, None, None, None, None)


def told_shapes(layer: InfoLayer) -> tuple[tuple[int, ...], ...]:
    """The shapes of what a layer makes, as far as they are told."""
    return tuple(out.sizes for out in layer.outputs if out.sizes is not None and min(out.sizes, default=0) >= 0)
