"""Who runs a reference network on a device, in which precision, and what the device's ceilings leave to each.

Ours are engines of every backend on that device, as users build and load them; torch is a bare loop, whose input and
output stay on the device.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import median
from typing import Protocol

import msgspec

from alexnet_bench.backends.client import Worker
from alexnet_bench.backends.device.card import first_card
from alexnet_bench.backends.device.driver import no_driver
from alexnet_bench.backends.protocol import DeviceKind, LoadRequest
from alexnet_bench.backends.registry import BACKENDS, availability, get_backend, settings_of
from alexnet_bench.core.errors import BackendRefusal, UsageError
from alexnet_bench.core.workspace import cache_dir
from alexnet_bench.measure.ceiling_kernels import PLAIN, products
from alexnet_bench.measure.ceiling_runs import rates
from alexnet_bench.measure.ceiling_sizes import sizes_for
from alexnet_bench.measure.ceilings import measured_ceilings
from alexnet_bench.measure.latency import LatencyCase, measure_latency
from alexnet_bench.workflows.engines.steps import load_request
from alexnet_bench.workflows.engines.subject import build_for
from benchmarks import commands, throughput
from benchmarks.throughput import Case, Subject

TF32 = "tf32"
_DTYPES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
_TORCH = "torch"
_CUDA_GRAPH = "cuda_graph"
_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class Roofs:
    """What a device reaches at best.

    Attributes:
        flop_per_s: of a large matrix product, by precision; one that has none is left out.
        bytes_per_s: of a stream through its memory.
        source: who measured that, for readers.
    """

    flop_per_s: Mapping[str, float]
    bytes_per_s: float
    source: str


class Contender(Protocol):
    """One way to run a network."""

    @property
    def name(self) -> str:
        """For readers."""
        ...

    @property
    def counted(self) -> str:
        """What is in the time of a run, for readers."""
        ...

    @property
    def roofs_by(self) -> str:
        """Contenders that have the same ceilings have the same text here."""
        ...

    def left_out(self) -> str:
        """Why it cannot run here, "" when it can."""
        ...

    def roofs(self, precisions: tuple[str, ...], threads: int) -> Roofs:
        """Measures what its own kernels reach. Raises AlexnetBenchError or CommandFailed."""
        ...

    def subject(self, case: Case, network: str, precision: str) -> Subject:
        """What measures it; an engine is built here. Raises AlexnetBenchError."""
        ...


@dataclass(frozen=True)
class Engines:
    """Engines of a backend.

    Attributes:
        backend: its name.
        settings: in place of its recipe's.
    """

    backend: str
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The backend and its settings."""
        return ", ".join([self.backend, *(f"{name} {value}" for name, value in self.settings.items())])

    @property
    def counted(self) -> str:
        """As the backends differ in it."""
        if get_backend(self.backend).planner:
            return f"{self.backend}: computing alone, by the device's clock"
        return f"{self.backend}: a run as profile times it, which copies no inputs, and outputs to the host"

    @property
    def roofs_by(self) -> str:
        """The backend: settings change no ceiling."""
        return self.backend

    def left_out(self) -> str:
        """What the registry says."""
        here = availability(get_backend(self.backend))
        return "" if here.works else here.reason

    def roofs(self, precisions: tuple[str, ...], threads: int) -> Roofs:
        """As profiles have them; beside those, the product that may round to TF32."""
        version = availability(get_backend(self.backend)).version
        found = measured_ceilings(self.backend, version, threads, cache=cache_dir() / "ceilings")
        by_type = {name: found.flop_per_s.get(dtype) for name, dtype in _DTYPES.items()}
        by_type[TF32] = self._tf32(threads) if TF32 in precisions else None
        rounded = {name: rate for name, rate in by_type.items() if rate and name in precisions}
        return Roofs(rounded, found.bytes_per_s, found.source)

    def subject(self, case: Case, network: str, precision: str) -> Subject:
        """Times it by the function that `alexnet-bench profile` measures with."""
        engine = build_for(
            network,
            backend=self.backend,
            recipe=None,
            precision=precision,
            optimize=None,
            timeout_s=None,
            progress=lambda _: None,
            batches=(case.batch,),
        )
        request = load_request(engine.recipe, engine.file, case.prepared.graph, case.threads)
        return partial(_median_s, case, replace(request, settings={**request.settings, **self.settings}))

    def _tf32(self, threads: int) -> float | None:
        """The rate of the largest float32 product, told that it may round; None where the backend has no such thing."""
        backend = get_backend(self.backend)
        side = max(sizes_for(backend.device).of(PLAIN))
        kernel = products(PLAIN, compiles=backend.compiles)[0](side)
        try:
            with Worker() as worker:
                return max(rates(worker, self.backend, threads, kernel, {TF32: "on"}))
        except (BackendRefusal, UsageError):
            return None


@dataclass(frozen=True)
class TorchLoop:
    """torch on a reference network.

    Attributes:
        mode: of `benchmarks.peers.torch_network`.
        device: torch's name of it.
    """

    mode: str
    device: str

    @property
    def name(self) -> str:
        """With its mode."""
        return f"{_TORCH}, {self.mode}"

    @property
    def counted(self) -> str:
        """What the loop does."""
        return f"{_TORCH}: a bare loop, input and output on the device"

    @property
    def roofs_by(self) -> str:
        """The same for all modes."""
        return _TORCH

    def left_out(self) -> str:
        """Whether torch is here, and has the device; it is imported in another process."""
        if commands.missing([_TORCH]):
            return "torch is not installed"
        if self.device == "cpu":
            return ""
        has_cuda = commands.python("-c", "import sys, torch; sys.exit(not torch.cuda.is_available())")
        try:
            commands.run(has_cuda, timeout_s=_TIMEOUT_S)
        except commands.CommandFailed:
            return "this torch finds no CUDA"
        return ""

    def roofs(self, precisions: tuple[str, ...], threads: int) -> Roofs:
        """By torch's own products and sum."""
        script = ("-m", "benchmarks.peers.torch_ceilings", self.device, str(threads), "0.25", *precisions)
        finished = commands.run(commands.python(*script), timeout_s=_TIMEOUT_S, folder=commands.HERE.parent)
        found = msgspec.json.decode(finished.stdout, type=_TorchCeilings)
        source = f"measured with torch on {self.device}: best of large products and of a triad"
        return Roofs(found.flop_per_s, found.bytes_per_s, source)

    def subject(self, case: Case, network: str, precision: str) -> Subject:
        """The loop, in a process of its own."""
        return throughput.torch_network(case, network, self.mode, self.device, precision)


class _TorchCeilings(msgspec.Struct):
    """What the script prints."""

    flop_per_s: dict[str, float]
    bytes_per_s: float


def no_device(device: DeviceKind) -> str:
    """Why nothing can run on a device here, "" when something can."""
    if device == "cpu":
        return ""
    return no_driver() or ("" if first_card() else "the NVIDIA driver finds no device")


def contenders(device: DeviceKind) -> list[Contender]:
    """All that there are for a device, whether they can run here or not."""
    found: list[Contender] = []
    for backend in BACKENDS:
        if backend.name != _TORCH and backend.device == device:
            has_graph = _CUDA_GRAPH in settings_of(backend)
            found += (
                [Engines(backend.name, {_CUDA_GRAPH: value}) for value in ("off", "on")]
                if has_graph
                else [Engines(backend.name)]
            )
    modes = ("eager", "compiled") if device == "cpu" else ("eager", "compiled", _CUDA_GRAPH)
    return [*found, *(TorchLoop(mode, "cpu" if device == "cpu" else "cuda:0") for mode in modes)]


def _median_s(case: Case, request: LoadRequest) -> float:
    """Of one fresh process; without copies to the device, where the runtime tells them apart."""
    latency_case = LatencyCase(request, case.prepared.inputs)
    (measured,) = measure_latency([latency_case], seconds=case.seconds, processes=1, progress=lambda _: None)
    return median([parts.compute_s for parts in measured.parts[0]] or measured.samples_s[0])
