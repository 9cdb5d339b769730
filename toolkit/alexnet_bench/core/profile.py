"""The profile: one engine with one set of input shapes. Field names are the public contract of the JSON document.

Units are suffixes: `_s` seconds, `_bytes` bytes, `_per_s` per second. What was not measured is None, with a warning
that says why; it is never 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

import msgspec

SCHEMA_VERSION = 2
"""Raised when a field changes its meaning or goes away; once for a release."""

Bound = Literal["compute", "memory", "neither", "overhead"]
Scalar = str | int | float | bool | None
Count = Annotated[int, msgspec.Meta(ge=0)]
Measure = Annotated[float, msgspec.Meta(ge=0)]
"""Seconds, a rate, or a fraction; sums of fractions may pass 1 by a rounding."""


@dataclass(frozen=True, slots=True)
class InputInfo:
    """An input as it was fed; its shape is None where it is not known, as of a sequence."""

    name: str
    shape: tuple[Count, ...] | None
    dtype: str


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The user's model. `weights_sha256` is None when the weights were not read, the rest when there is no model."""

    name: str
    graph_sha256: str | None
    weights_sha256: str | None
    opset: Count | None
    inputs: tuple[InputInfo, ...]
    params: Count | None
    trainable_params: Count | None
    param_bytes: Count | None


@dataclass(frozen=True, slots=True)
class Case:
    """What was varied: the batch, the shapes, the threads, and the seed of generated inputs."""

    batch: Count
    shapes: dict[str, tuple[Count, ...]]
    threads: Count | None
    seed: int | None


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What ran it. `compute_dtypes` counts layers by the type of their arithmetic, as executed."""

    backend: str
    backend_version: str
    requested_precision: str | None
    compute_dtypes: dict[str, Count]
    device: str
    passes: tuple[str, ...] = ()
    passport_key: str | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the nodes of the user's graph that could be counted; None without a model."""

    macs: Count | None
    mac_flop: Count | None
    flop: Count | None
    transcendentals: Count | None
    bytes_read: Count | None
    bytes_written: Count | None
    weight_bytes: Count | None
    activation_peak_bytes: Count | None


@dataclass(frozen=True, slots=True)
class UnknownOp:
    """An operator that could not be counted, or only with an assumption; its nodes, and why."""

    op: str
    nodes: tuple[str, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the graph was counted, and how much of the measured time has an owner."""

    nodes: Count | None
    nodes_counted: Count | None
    unknown_ops: tuple[UnknownOp, ...]
    macs_attributed_fraction: Measure | None = None
    time_attributed_fraction: Measure | None = None
    overhead_fraction: Measure | None = None
    outside_kernels_fraction: Measure | None = None
    unattributed_nodes: tuple[str, ...] = ()
    assumptions: tuple[UnknownOp, ...] = ()


@dataclass(frozen=True, slots=True)
class LatencyParts:
    """Where the time of one run goes between host and device; None where a backend has no such part."""

    h2d_s: Measure | None = None
    compute_s: Measure | None = None
    d2h_s: Measure | None = None
    host_s: float | None = None


@dataclass(frozen=True, slots=True)
class Latency:
    """The run without a profiler. Statistics are derived from `samples_s`, which holds every sample by process."""

    samples_s: tuple[tuple[Measure, ...], ...]
    parts: LatencyParts
    median_s: Measure
    p90_s: Measure
    p99_s: Measure
    ci95_s: tuple[Measure, Measure]
    throughput_per_s: Measure
    profiling_overhead_fraction: float | None
    profiled_kernels: Count | None = None


@dataclass(frozen=True, slots=True)
class SharedNode:
    """A node spread over several layers, and this layer's share of it."""

    name: str
    share: Measure


class LayerProfile(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One layer of the engine, or, when nothing was run, one node of the graph."""

    name: str
    op: str
    onnx_nodes: tuple[str, ...]
    shared_nodes: tuple[SharedNode, ...]
    output_shapes: tuple[tuple[Count, ...] | None, ...]
    params: Count | None
    weight_bytes: Count | None
    activation_bytes: Count | None
    live_bytes: Count | None
    macs: Count | None
    flop: Count | None
    bytes: Count | None
    time_s: Measure | None = None
    samples_s: tuple[Measure, ...] = ()
    time_fraction: Measure | None = None
    flop_per_s: Measure | None = None
    bytes_per_s: Measure | None = None
    flop_per_byte: Measure | None = None
    bound: Bound | None = None
    fraction_of_ceiling: Measure | None = None
    budget_time_s: Measure | None = None
    compute_dtype: str = ""
    input_dtypes: tuple[str, ...] = ()
    output_dtypes: tuple[str, ...] = ()
    arena_bytes: Count | None = None
    arena_requested_bytes: Count | None = None
    merged_nodes: tuple[str, ...] = ()
    constant_nodes: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory, counted (static) and measured (the rest)."""

    static_peak_bytes: Count | None
    arena_peak_bytes: Count | None = None
    arena_loaded_bytes: Count | None = None
    load_peak_bytes: Count | None = None
    run_peak_bytes: Count | None = None
    device_peak_bytes: Count | None = None
    device_weight_bytes: Count | None = None
    device_activation_bytes: Count | None = None
    device_context_bytes: Count | None = None


@dataclass(frozen=True, slots=True)
class Ceilings:
    """What this machine can reach, by the backend's own kernels.

    Attributes:
        flop_per_s: best rate of a large matrix product, by type; None where `unavailable` says why.
        bytes_per_s: best rate of a stream through memory.
        median_flop_per_s: median of the same runs; far below the best means a noisy machine.
        median_bytes_per_s: likewise.
        source: how it was measured, or who published it.
        method_version: raised when the way of measuring changes.
        unavailable: types that were tried and have no ceiling of their own, and why.
    """

    flop_per_s: dict[str, Measure | None]
    bytes_per_s: Measure
    median_flop_per_s: dict[str, Measure | None]
    median_bytes_per_s: Measure
    source: str
    method_version: Count
    unavailable: dict[str, str] = field(default_factory=dict)


def ceiling_of(dtype: str) -> str:
    """The type whose ceiling a computed type has: products of bytes run at one rate, signed or not."""
    return {"uint8": "int8"}.get(dtype, dtype)


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """What a device could do with this model in theory, beside what this machine did.

    Attributes:
        device: name of the device.
        count: how many of them.
        peak_flop_per_s: of one of them.
        bytes_per_s: of one of them.
        memory_bytes: of one of them.
        forward_per_s_by_flop: count · peak / (2·MAC of one forward pass), None for a model without MACs.
        forward_per_s_by_roofline: the same, each layer bound by arithmetic or by bytes; None where bytes are missing.
        inference_bytes: weights and activations that each card holds, None when the size of one is unknown.
        training_bytes: what training needs per card, at `training_batch`, None likewise.
        training_batch: images over all cards.
        achieved_fraction: throughput measured here over `forward_per_s_by_flop`, None when nothing was run.
        kind: of the two rates: "predicted" from published peaks; nothing writes "measured" yet.
        dtype: whose peak that is.
        notes: what the literature says of these numbers.
    """

    device: str
    count: Count
    peak_flop_per_s: Measure
    bytes_per_s: Measure
    memory_bytes: Count
    forward_per_s_by_flop: Measure | None
    forward_per_s_by_roofline: Measure | None
    inference_bytes: Count | None
    training_bytes: Count | None
    training_batch: Count
    achieved_fraction: Measure | None
    kind: Literal["predicted", "measured"]
    dtype: str = "fp32"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Environment:
    """The machine: what must match for two profiles to be comparable, and what only describes."""

    comparable: dict[str, Scalar]
    described: dict[str, Scalar]


@dataclass(frozen=True, slots=True)
class Caution:
    """Something a reader must know before trusting a number."""

    code: str
    message: str
    hint: str = ""

    @property
    def text(self) -> str:
        """The message, with the hint behind it."""
        return f"{self.message} ({self.hint})" if self.hint else self.message


@dataclass(frozen=True)
class Profile:
    """The whole document."""

    model: ModelInfo
    case: Case
    engine: EngineInfo | None
    totals: Totals
    coverage: Coverage
    latency: Latency | None
    layers: tuple[LayerProfile, ...]
    memory: Memory
    ceilings: Ceilings | None
    budget: tuple[BudgetLine, ...]
    environment: Environment
    warnings: tuple[Caution, ...] = ()
    schema: Literal["alexnet-bench.profile"] = "alexnet-bench.profile"
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True)
class ProfileSet:
    """Profiles of one command, one for each batch; `warnings` is empty so far, as each profile has its own."""

    profiles: tuple[Profile, ...]
    schema: Literal["alexnet-bench.profile-set"] = "alexnet-bench.profile-set"
    schema_version: int = SCHEMA_VERSION
    warnings: tuple[Caution, ...] = field(default=())
