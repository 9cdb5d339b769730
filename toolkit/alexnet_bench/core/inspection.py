"""What stored engines consist of, as `alexnet-bench inspect` says it without running anything.

Field names are the public contract of the JSON document. Every time in it is predicted from published peaks.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from alexnet_bench.core.passport import Passport, count_types
from alexnet_bench.core.profile import Caution, SharedNode

INSPECTION_VERSION = 1
"""Raised when a field changes its meaning or goes away; once for a release."""


@dataclass(frozen=True, slots=True)
class LayerPrediction:
    """The least time of a layer on the devices of a budget, by published peaks.

    Attributes:
        time_s: the larger of the two below; None where one of them is not known, and for overhead.
        compute_s: FLOP at the published peak of the type that it computes in; None without such a peak, or a count.
        memory_s: bytes at the published rate of the memory; None without a count.
        bound: which of the two is larger.
    """

    time_s: float | None = None
    compute_s: float | None = None
    memory_s: float | None = None
    bound: Literal["compute", "memory"] | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the published peaks of some devices allow for an engine; nothing of it is measured.

    Attributes:
        device: name of the device.
        count: how many of them.
        flop_per_s: published peak of one device for each type that layers compute in; None where none is published.
        bytes_per_s: published rate of the memory of one.
        latency_s: the sum over layers, which no run is faster than; None where a layer has no time.
        throughput_per_s: batch / latency.
        known_s: the sum over the layers that have a time.
        memory_bound_fraction: share of that in layers that memory bounds; None where no layer has a time.
        unknown: layers without a time, by reason; overhead is not among them.
    """

    device: str
    count: int
    flop_per_s: dict[str, float | None]
    bytes_per_s: float
    latency_s: float | None
    throughput_per_s: float | None
    known_s: float
    memory_bound_fraction: float | None
    unknown: dict[str, int]
    kind: Literal["predicted"] = "predicted"


@dataclass(frozen=True, slots=True)
class InspectedLayer:
    """One layer of an engine; counts are of the engine's own nodes, at the shapes it was tried with.

    Of an engine without a passport, counts are of the model's nodes, and None without the model.

    Attributes:
        name: the engine's nodes, joined by " + "; the runtime's own where they are not known.
        onnx_nodes: the user's nodes that it computes alone.
        shared_nodes: the user's nodes that it computes in part.
        compute_dtype: type of its arithmetic, "" when the runtime did not say.
        input_dtypes: types it reads.
        output_dtypes: types it writes.
        macs: multiply-adds of the user's nodes, None when unknown.
        flop: of the engine's nodes, None when unknown.
        bytes: that it has to move, None when unknown.
        flop_per_byte: arithmetic intensity.
        is_overhead: whether nobody asked for it, or it does nothing.
        predicted: one for each prediction of the engine, in their order.
        op: the runtime's kind of layer, "" where that is not told.
        tactic: the kernel, "" where the runtime chooses none or does not say.
        output_shapes: of what it makes; None for one that is not known.
    """

    name: str
    onnx_nodes: tuple[str, ...]
    shared_nodes: tuple[SharedNode, ...]
    compute_dtype: str
    input_dtypes: tuple[str, ...]
    output_dtypes: tuple[str, ...]
    macs: int | None
    flop: int | None
    bytes: int | None
    flop_per_byte: float | None
    is_overhead: bool = False
    predicted: tuple[LayerPrediction, ...] = ()
    op: str = ""
    tactic: str = ""
    output_shapes: tuple[tuple[int, ...] | None, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanFile:
    """An engine in the format of its runtime, as its first bytes tell it; nothing of it is loaded.

    Attributes:
        path: where it lies.
        backend: whose engine it is.
        backend_version: of the library that wrote it, "" where that is not told.
        size_bytes: of the file.
        told_bytes: how long it should be, None where that is not told.
        compute_capabilities: that it was built for, 89 for SM 8.9; empty where they are not told.
    """

    path: str
    backend: str
    backend_version: str
    size_bytes: int
    told_bytes: int | None
    compute_capabilities: tuple[int, ...]

    @property
    def is_whole(self) -> bool:
        """Whether it is as long as it says, as far as it says so."""
        return self.told_bytes in (None, self.size_bytes)


@dataclass(frozen=True, slots=True)
class Inspection:
    """A stored engine.

    Attributes:
        model: what the model was called that it was built from; without it, the engine's file.
        passport: of the engine, None for one that somebody else built.
        producer: what wrote its file, "" where that is not told.
        batch: images of one forward pass, as counted; None where it is not known.
        shapes: of its inputs, likewise; empty where they are not known.
        predicted: one for each budget; empty where nothing is counted.
        layers: in execution order; empty where nothing tells them.
        reasons_against: why it must not be used on this machine as it is; empty when it may.
        plan: what the first bytes of its file tell, None for an ONNX file.
        layers_from: what tells the layers: "passport", "runtime" (the engine was loaded, and asked), or the path of a
            file; "" where nothing does.
        warnings: what to know before trusting any of this.
    """

    model: str
    passport: Passport | None
    producer: str
    batch: int | None
    shapes: dict[str, tuple[int, ...]]
    predicted: tuple[Prediction, ...]
    layers: tuple[InspectedLayer, ...]
    reasons_against: tuple[str, ...]
    plan: PlanFile | None = None
    layers_from: str = "passport"
    warnings: tuple[Caution, ...] = ()
    schema: Literal["alexnet-bench.inspection"] = "alexnet-bench.inspection"
    schema_version: int = INSPECTION_VERSION

    @property
    def path(self) -> str:
        """Where the engine lies."""
        return self.passport.path if self.passport else self.plan.path if self.plan else ""

    @property
    def compute_dtypes(self) -> dict[str, int]:
        """Layers by the type of their arithmetic, those of nodes; where no node is known, all but overhead."""
        if self.passport is not None:
            return self.passport.compute_dtypes
        if any(layer.onnx_nodes or layer.shared_nodes for layer in self.layers):
            return count_types(self.layers)
        return dict(
            Counter(layer.compute_dtype for layer in self.layers if layer.compute_dtype and not layer.is_overhead)
        )


@dataclass(frozen=True, slots=True)
class InspectionSet:
    """Several engines on the same budgets."""

    inspections: tuple[Inspection, ...]
    schema: Literal["alexnet-bench.inspection-set"] = "alexnet-bench.inspection-set"
    schema_version: int = INSPECTION_VERSION
