"""What every backend offers, and the messages between the tool and a worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from alexnet_bench.core.file_states import FileState

if TYPE_CHECKING:
    import numpy as np

    from alexnet_bench.core.engine_layers import LayerTimes
    from alexnet_bench.core.graph import Graph


DeviceKind = Literal["cpu", "cuda"]
"""Of devices that differ in what measures them well: the processor, and NVIDIA's GPUs."""
NAMED_MODEL = "named.onnx"
"""In `LoadRequest.layers_dir`: a copy of the model in which every node has a unique name, when the file lacks that."""
ELSEWHERE = "see `alexnet-bench doctor` for other backends, or count without running: profile --static"
"""What to do about a model that a backend does not take, or fails on."""


@dataclass(frozen=True)
class LoadRequest:
    """What a runner is to load.

    Attributes:
        backend: name in the registry.
        model_path: an ONNX file.
        threads: intra-op threads.
        layers_dir: where a run with layer times leaves its files; "" switches layer times off.
        precision: the type to compute in, as numpy names it ("bfloat16", "float16"); "" is float32.
        settings: options of this backend, by name; docs/backends.md lists them.
        shapes: sizes by input name, for runtimes that build an engine for fixed shapes; without it, those of the file.
        weights_path: an ONNX file with the weights of an engine that is kept without them; "" for all others.
        plugins: libraries that the engine needs.
        engines_dir: where a runtime that builds engines for itself keeps them; "" keeps none, None is for the client to
            fill in.
        files: what the numbers are to be of, as it was when it was looked at; the client holds every answer to it.
    """

    backend: str
    model_path: str
    threads: int
    layers_dir: str = ""
    precision: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    weights_path: str = ""
    plugins: tuple[str, ...] = ()
    engines_dir: str | None = None
    files: tuple[FileState, ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceUse:
    """Memory of a device that an engine takes, in bytes; None where it is not known.

    Attributes:
        weights_bytes: as the runtime says.
        activation_bytes: that its layers share, as the runtime says.
        context_bytes: by which the device's own counter fell when the engine was made ready to run; the activations are
            among them where they are taken then.
        used_bytes: by which the counter fell from before the engine was loaded to after its first run.
    """

    weights_bytes: int | None
    activation_bytes: int | None
    context_bytes: int | None
    used_bytes: int | None


@dataclass(frozen=True, slots=True)
class RunParts:
    """Where the time of one run went, by the device's own clock, in seconds."""

    h2d_s: float
    compute_s: float
    d2h_s: float


@dataclass(frozen=True)
class Loaded:
    """What a runner says after loading.

    Attributes:
        backend_version: of the runtime.
        outputs: names, in order.
        device: what it runs on.
        peak_bytes: peak of the process up to here.
        settings: what is in force, by the names of `LoadRequest.settings` and by the runtime's own.
        device_use: memory on a device of its own, None for those that have none or do not say.
    """

    backend_version: str
    outputs: tuple[str, ...]
    device: str
    peak_bytes: int | None = None
    settings: dict[str, str] = field(default_factory=dict)
    device_use: DeviceUse | None = None


@dataclass(frozen=True)
class ShapeBounds:
    """The sizes that one input of an engine may have: the least, the ones that it is made for, the most."""

    min: tuple[int, ...]
    opt: tuple[int, ...]
    max: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EngineInput:
    """An input of an engine in the format of its runtime.

    Attributes:
        name: of the input.
        dtype: numpy's name of its type.
        shape: by axis, -1 where the engine leaves a size open.
        ranges: the sizes that it may have, by optimisation profile; empty where none is open.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    ranges: tuple[ShapeBounds, ...] = ()


@dataclass(frozen=True)
class Described:
    """What a runtime says of an engine that it has loaded and not run.

    Attributes:
        backend_version: of the runtime.
        device: that it was loaded on.
        inputs: in the engine's order.
        layers: the runtime's own description of them, for the sizes that it is made for.
    """

    backend_version: str
    device: str
    inputs: tuple[EngineInput, ...]
    layers: str


@dataclass(frozen=True)
class PlanRequest:
    """What a runtime is to build that has an engine format of its own.

    Attributes:
        backend: name in the registry.
        module: import name of the runtime.
        model_path: an ONNX file with the types that the engine is to compute in.
        plan_path: where the engine goes.
        layers_path: where the runtime's description of its layers goes.
        progress_path: where one line goes for each phase of the build.
        tf32: whether products of float32 may round their factors to TF32.
        settings: options of this backend, by name; docs/tensorrt.md lists them.
        profiles: by input name, for sizes that the model leaves open; one for each optimisation profile.
        timing_cache_path: of timings from earlier builds, used and added to where the runtime has any use for them.
        plugins: libraries of operators that the runtime does not have itself.
        passes: that the model is from; a refusal proposes none of them.
        narrowed: for each node that a pass gave a type of 16 bits, the user's node that `--keep-fp32` takes to undo it.
        kept: what was given to it already.
    """

    backend: str
    module: str
    model_path: str
    plan_path: str
    layers_path: str
    progress_path: str
    tf32: bool = False
    settings: dict[str, str] = field(default_factory=dict)
    profiles: tuple[dict[str, ShapeBounds], ...] = ()
    timing_cache_path: str = ""
    plugins: tuple[str, ...] = ()
    passes: tuple[str, ...] = ()
    narrowed: dict[str, str] = field(default_factory=dict)
    kept: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlanBuilt:
    """What a runtime says after a build.

    Attributes:
        backend_version: of the runtime.
        timing_cache_sha256: of the timings after the build, None where kernels are not timed.
        warnings: its own, the first few.
    """

    backend_version: str
    timing_cache_sha256: str | None
    warnings: tuple[str, ...] = ()


class Runner(Protocol):
    """An engine inside a worker process. `activate` comes first, `deactivate` last; feeds belong to the caller."""

    def activate(self, request: LoadRequest) -> Loaded:
        """Loads the model. Raises BackendRefusal with the runtime's reason."""
        ...

    def infer(self, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """One forward pass on arrays by input name; outputs in the order of `Loaded.outputs`.

        Outputs may lie in the runtime's own memory, which the next pass overwrites and `deactivate` ends.
        """
        ...

    def deactivate(self) -> None:
        """Ends the session; with layer times on, its files are complete after this."""
        ...


@runtime_checkable
class TimesParts(Protocol):
    """A runner that tells copies from computing."""

    def last_parts(self) -> RunParts:
        """Of the last pass; not called while anything is timed."""
        ...


@dataclass(frozen=True)
class Backend:
    """One runtime, as the registry knows it.

    Attributes:
        name: as typed at `--backend`.
        module: import name of the runtime.
        install: the extra whose packages bring it, as `core.packages` has them.
        runner: its class, as "module:Class".
        layers_reader: the function that reads its layer times, as "module:function".
        settings: the table of its options, as "module:NAME"; "" for those with a planner, whose options are of a build.
        tried_by_default: whether it is tried when no backend is named.
        products: types whose matrix product is worth trying as a ceiling; names of `ceiling_models.PRODUCT_TYPES`.
        kept_out: modules that the runtime imports where it finds them, and must not: telemetry.
        missing: the function that says what else is missing, as "module:function"; it is given the module's folder.
        precisions: types that it can be told to compute in, whatever the model's; the first is what it does untold.
        planner: the function that builds its engines inside a worker, as "module:function"; "" where an engine is an
            ONNX file.
        describer: for those with a planner, the function that asks an engine what it is, as "module:function".
        cannot_build: for those with a planner, the function that says why engines cannot be built here, "" if they can.
        target: for those with a planner, the function that says what engines are for that are built here.
        distribution: the package that brings the module, where others with the same module have to go first; else "".
        device: the kind of device that it runs on untold.
        keeps_engines: whether it builds engines for itself from an ONNX file, and can keep them.
        compiles: whether it compiles the whole model, and may leave out what no result depends on.
        api: a name that the runtime's module has if it is whole.
    """

    name: str
    module: str
    install: str
    runner: str
    layers_reader: str
    settings: str = ""
    tried_by_default: bool = True
    products: tuple[str, ...] = ("float32",)
    precisions: tuple[str, ...] = ("float32",)
    kept_out: tuple[str, ...] = ()
    missing: str = ""
    planner: str = ""
    describer: str = ""
    cannot_build: str = ""
    target: str = ""
    distribution: str = ""
    device: DeviceKind = "cpu"
    keeps_engines: bool = False
    compiles: bool = False
    api: str = "__name__"

    @property
    def is_told(self) -> bool:
        """Whether it chooses the type of its arithmetic itself unless it is told; others follow the graph."""
        return len(self.precisions) > 1


@dataclass(frozen=True)
class Target:
    """What engines are for that are built on this machine.

    Attributes:
        kind: of device.
        device: a card's model, or what several of them have in common.
        driver: its version, None where an engine does not depend on it.
    """

    kind: str
    device: str
    driver: str | None


@dataclass(frozen=True)
class Availability:
    """Whether a backend works here.

    Attributes:
        backend: its name.
        version: of the runtime, "" when it is not installed.
        works: whether it can run.
        reason: why not, and what is missing.
        builds: whether it can build engines, even where it cannot run them.
    """

    backend: str
    version: str
    works: bool
    reason: str = ""
    builds: bool = False


class LayersReader(Protocol):
    """Reads what a run with layer times left behind."""

    def __call__(self, folder: Path, graph: Graph, *, timed_runs: int, wall_s: tuple[float, ...]) -> LayerTimes:
        """Layers in terms of the user's tensors, with the times of the last `timed_runs` runs.

        Args:
            folder: where the run left its record.
            graph: the user's graph.
            timed_runs: how many runs at the end count; the ones before warmed up.
            wall_s: wall time of all runs as the caller saw it, or at least of those that count.
        """
        ...
