"""The parts of a profile without a model: layers as the runtime names them, with times, and every count null."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from alexnet_bench.attribution.coverage import outside_kernels
from alexnet_bench.core.engine_layers import EngineLayer, LayerTimes
from alexnet_bench.core.profile import Case, Caution, Coverage, InputInfo, LayerProfile, ModelInfo, Totals

NO_COUNTS = Totals(None, None, None, None, None, None, None, None)
"""Totals without a model."""


def no_model() -> Caution:
    """Every count is null."""
    return Caution("no-model", "without the model there are no counts, and no nodes to attribute to", "give --model")


def uncounted_model(name: str, inputs: Sequence[InputInfo]) -> ModelInfo:
    """A model of which only the inputs are known."""
    return ModelInfo(name, None, None, None, tuple(inputs), None, None, None)


def bare_case(batch: int, shapes: Mapping[str, tuple[int, ...]]) -> Case:
    """What was varied, where neither threads nor inputs are known."""
    return Case(batch, dict(shapes), threads=None, seed=None)


def bare_layers(
    layers: Sequence[EngineLayer],
    times_s: Sequence[float | None],
    samples_s: Mapping[str, tuple[float, ...]] | None = None,
) -> tuple[LayerProfile, ...]:
    """The layers as the runtime names them.

    Args:
        layers: in execution order.
        times_s: typical time of each, None for one that was not timed.
        samples_s: by layer name, where there are any.
    """
    total_s = sum(time_s or 0.0 for time_s in times_s)
    return tuple(
        LayerProfile(
            name=layer.name,
            op=layer.op,
            onnx_nodes=(),
            shared_nodes=(),
            output_shapes=layer.output_shapes,
            params=None,
            weight_bytes=None,
            activation_bytes=None,
            live_bytes=None,
            macs=None,
            flop=None,
            bytes=None,
            time_s=time_s,
            samples_s=samples_s[layer.name] if samples_s else (),
            time_fraction=time_s / total_s if time_s is not None and total_s else None,
            bound="overhead" if layer.is_overhead else None,
            compute_dtype=layer.compute_dtype,
            input_dtypes=layer.input_dtypes,
            output_dtypes=layer.output_dtypes,
        )
        for layer, time_s in zip(layers, times_s, strict=True)
    )


def by_own_names(layers: Sequence[LayerProfile], names: Sequence[str]) -> tuple[LayerProfile, ...]:
    """Layers that have no nodes under the names that the runtime has for them, by which its other tools know them."""
    return tuple(
        layer if layer.onnx_nodes or layer.shared_nodes else msgspec.structs.replace(layer, name=name)
        for layer, name in zip(layers, names, strict=True)
    )


def bare_coverage(layers: Sequence[LayerProfile], times: LayerTimes | None = None) -> Coverage:
    """Coverage without a model: what overhead takes and, of a run, what no kernel accounts for."""
    total_s = sum(layer.time_s or 0.0 for layer in layers)
    overhead_s = sum(layer.time_s or 0.0 for layer in layers if layer.bound == "overhead")
    return Coverage(
        None,
        None,
        (),
        overhead_fraction=overhead_s / total_s if total_s else None,
        outside_kernels_fraction=outside_kernels(times) if times else None,
    )


def computed_in(layers: Sequence[LayerProfile]) -> dict[str, int]:
    """Layers by the type of their arithmetic, overhead left out."""
    computed: dict[str, int] = {}
    for layer in layers:
        if layer.compute_dtype and layer.bound != "overhead":
            computed[layer.compute_dtype] = computed.get(layer.compute_dtype, 0) + 1
    return computed
