"""The profile: one engine with one set of input shapes. Field names are the public contract of the JSON document.

Units are suffixes: `_s` seconds, `_bytes` bytes, `_per_s` per second. What was not measured is None, with a warning
that says why; it is never 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

SCHEMA_VERSION = 2
"""Raised when a field changes its meaning or goes away; once for a release."""

Bound = Literal["compute", "memory", "neither", "overhead"]
Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class InputInfo:
    """An input as it was fed."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The user's model. `weights_sha256` is None when the weights were not read."""

    name: str
    graph_sha256: str
    weights_sha256: str | None
    opset: int
    inputs: tuple[InputInfo, ...]
    params: int
    trainable_params: int
    param_bytes: int


@dataclass(frozen=True, slots=True)
class Case:
    """What was varied: the batch, the shapes, the threads, and the seed of generated inputs."""

    batch: int
    shapes: dict[str, tuple[int, ...]]
    threads: int | None
    seed: int | None


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What ran it. `compute_dtypes` counts layers by the type of their arithmetic, as executed."""

    backend: str
    backend_version: str
    requested_precision: str | None
    compute_dtypes: dict[str, int]
    device: str
    passes: tuple[str, ...] = ()
    passport_key: str | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the nodes of the user's graph that could be counted."""

    macs: int
    mac_flop: int
    flop: int
    transcendentals: int
    bytes_read: int
    bytes_written: int
    weight_bytes: int
    activation_peak_bytes: int


@dataclass(frozen=True, slots=True)
class UnknownOp:
    """An operator that could not be counted, or only with an assumption; its nodes, and why."""

    op: str
    nodes: tuple[str, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the graph was counted, and how much of the measured time has an owner."""

    nodes: int
    nodes_counted: int
    unknown_ops: tuple[UnknownOp, ...]
    macs_attributed_fraction: float | None = None
    time_attributed_fraction: float | None = None
    overhead_fraction: float | None = None
    outside_kernels_fraction: float | None = None
    unattributed_nodes: tuple[str, ...] = ()
    assumptions: tuple[UnknownOp, ...] = ()


@dataclass(frozen=True, slots=True)
class LatencyParts:
    """Where the time of one run goes between host and device; None where a backend has no such part."""

    h2d_s: float | None = None
    compute_s: float | None = None
    d2h_s: float | None = None
    host_s: float | None = None


@dataclass(frozen=True, slots=True)
class Latency:
    """The run without a profiler. Statistics are derived from `samples_s`, which holds every sample by process."""

    samples_s: tuple[tuple[float, ...], ...]
    parts: LatencyParts
    median_s: float
    p90_s: float
    p99_s: float
    ci95_s: tuple[float, float]
    throughput_per_s: float
    profiling_overhead_fraction: float | None


@dataclass(frozen=True, slots=True)
class SharedNode:
    """A node spread over several layers, and this layer's share of it."""

    name: str
    share: float


@dataclass(frozen=True, slots=True)
class LayerProfile:
    """One layer of the engine, or, when nothing was run, one node of the graph."""

    name: str
    op: str
    onnx_nodes: tuple[str, ...]
    shared_nodes: tuple[SharedNode, ...]
    output_shapes: tuple[tuple[int, ...], ...]
    params: int
    weight_bytes: int
    activation_bytes: int
    live_bytes: int | None
    macs: int | None
    flop: int | None
    bytes: int | None
    time_s: float | None = None
    samples_s: tuple[float, ...] = ()
    time_fraction: float | None = None
    flop_per_s: float | None = None
    bytes_per_s: float | None = None
    flop_per_byte: float | None = None
    bound: Bound | None = None
    fraction_of_ceiling: float | None = None
    budget_time_s: float | None = None
    compute_dtype: str = ""
    input_dtypes: tuple[str, ...] = ()
    output_dtypes: tuple[str, ...] = ()
    arena_bytes: int | None = None
    arena_requested_bytes: int | None = None
    merged_nodes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory, counted (static) and measured (the rest)."""

    static_peak_bytes: int
    arena_peak_bytes: int | None = None
    arena_loaded_bytes: int | None = None
    load_peak_bytes: int | None = None
    run_peak_bytes: int | None = None
    device_peak_bytes: int | None = None


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

    flop_per_s: dict[str, float | None]
    bytes_per_s: float
    median_flop_per_s: dict[str, float | None]
    median_bytes_per_s: float
    source: str
    method_version: int
    unavailable: dict[str, str] = field(default_factory=dict)


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
        forward_per_s_by_roofline: the same, each layer bound by arithmetic or by bytes.
        inference_bytes: weights and activations that each card holds.
        training_bytes: what training needs per card, at `training_batch`.
        training_batch: images over all cards.
        achieved_fraction: throughput measured here over `forward_per_s_by_flop`, None when nothing was run.
        kind: of the two rates: predicted from published peaks, or measured.
        dtype: whose peak that is.
        notes: what the literature says of these numbers.
    """

    device: str
    count: int
    peak_flop_per_s: float
    bytes_per_s: float
    memory_bytes: int
    forward_per_s_by_flop: float | None
    forward_per_s_by_roofline: float | None
    inference_bytes: int
    training_bytes: int
    training_batch: int
    achieved_fraction: float | None
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
    """Several profiles of one command: batches, backends."""

    profiles: tuple[Profile, ...]
    schema: Literal["alexnet-bench.profile-set"] = "alexnet-bench.profile-set"
    schema_version: int = SCHEMA_VERSION
    warnings: tuple[Caution, ...] = field(default=())
