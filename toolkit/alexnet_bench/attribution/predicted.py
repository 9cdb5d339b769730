"""The time of an engine's layers on devices that are not here: predicted from published peaks, never measured.

Every layer is taken to run at the roof of the type that it computes in (Williams, Waterman and Patterson, "Roofline",
Communications of the ACM 52(4), 2009), and layers to run one after the other. Launches, transfers, and what a runtime
adds are left out, so that no run is faster. Several devices share the work of a layer evenly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from alexnet_bench.attribution.roofline import Work
from alexnet_bench.core.devices import Budget, Device
from alexnet_bench.core.inspection import InspectedLayer, LayerPrediction, Prediction
from alexnet_bench.core.profile import ceiling_of

PEAK_OF = {
    "float64": "fp64",
    "float32": "fp32",
    "tf32": "tf32",
    "float16": "fp16",
    "bfloat16": "bf16",
    "int8": "int8",
}
"""The published peak that bounds a type of arithmetic."""
_NO_COUNT = "no count of what they do"


def predict_layer(work: Work, dtype: str, device: Device, count: int) -> LayerPrediction:
    """The least time of a layer on some devices; what is not known or not published stays None.

    Args:
        work: of the layer.
        dtype: type of its arithmetic.
        device: whose published peaks hold.
        count: how many of them share the layer.
    """
    if work.is_idle:
        return LayerPrediction()
    peak = peak_flop_per_s(device, dtype)
    compute_s = 0.0 if work.flop == 0 else _over(work.flop, peak, count)
    memory_s = _over(work.bytes, device.memory.bytes_per_s, count)
    if compute_s is None or memory_s is None:
        return LayerPrediction(None, compute_s, memory_s)
    by_compute = bool(work.flop) and compute_s >= memory_s
    return LayerPrediction(max(compute_s, memory_s), compute_s, memory_s, "compute" if by_compute else "memory")


def predict_engine(layers: Sequence[InspectedLayer], place: int, budget: Budget, batch: int) -> Prediction:
    """The layers of an engine together.

    Args:
        layers: all of them, with their predictions.
        place: of this budget's in those.
        budget: the devices.
        batch: images of one forward pass.
    """
    device, wanted = budget.device, [layer for layer in layers if not layer.is_overhead]
    times = [layer.predicted[place] for layer in wanted]
    known_s = sum(time.time_s for time in times if time.time_s is not None)
    by_memory_s = sum(time.time_s or 0.0 for time in times if time.bound == "memory")
    pairs = zip(wanted, times, strict=True)
    unknown = Counter(_why(layer, time) for layer, time in pairs if time.time_s is None)
    latency_s = known_s if known_s and not unknown else None
    types = sorted({layer.compute_dtype for layer in wanted if layer.flop and layer.compute_dtype})
    return Prediction(
        device=device.name,
        count=budget.count,
        flop_per_s={dtype: peak_flop_per_s(device, dtype) for dtype in types},
        bytes_per_s=device.memory.bytes_per_s,
        latency_s=latency_s,
        throughput_per_s=batch / latency_s if latency_s else None,
        known_s=known_s,
        memory_bound_fraction=by_memory_s / known_s if known_s else None,
        unknown=dict(unknown),
    )


def peak_flop_per_s(device: Device, dtype: str) -> float | None:
    """The published peak of a device for a type of arithmetic; None where none is published for just that type."""
    peak = PEAK_OF.get(ceiling_of(dtype))
    return device.peak_flop_per_s(peak) if peak else None


def _over(amount: int | None, rate: float | None, count: int) -> float | None:
    return None if amount is None or rate is None else amount / (count * rate)


def _why(layer: InspectedLayer, time: LayerPrediction) -> str:
    if layer.flop is None or time.memory_s is None:
        return _NO_COUNT
    return f"no published peak for {layer.compute_dtype}" if layer.compute_dtype else "no type that they compute in"
