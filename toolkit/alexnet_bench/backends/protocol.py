"""What every backend offers, and the messages between the tool and a worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np

    from alexnet_bench.core.engine_layers import LayerTimes
    from alexnet_bench.core.graph import Graph


NAMED_MODEL = "named.onnx"
"""In `LoadRequest.layers_dir`: a copy of the model in which every node has a unique name, when the file lacks that."""


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
    """

    backend: str
    model_path: str
    threads: int
    layers_dir: str = ""
    precision: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Loaded:
    """What a runner says after loading.

    Attributes:
        backend_version: of the runtime.
        outputs: names, in order.
        device: what it runs on.
        peak_bytes: peak of the process up to here.
        settings: what is in force, by the names of `LoadRequest.settings` and by the runtime's own.
    """

    backend_version: str
    outputs: tuple[str, ...]
    device: str
    peak_bytes: int | None = None
    settings: dict[str, str] = field(default_factory=dict)


class Runner(Protocol):
    """An engine inside a worker process. `activate` comes first, `deactivate` last; feeds belong to the caller."""

    def activate(self, request: LoadRequest) -> Loaded:
        """Loads the model. Raises BackendRefusal with the runtime's reason."""
        ...

    def infer(self, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """One forward pass on arrays by input name; outputs in the order of `Loaded.outputs`."""
        ...

    def deactivate(self) -> None:
        """Ends the session; with layer times on, its files are complete after this."""
        ...


@dataclass(frozen=True)
class Backend:
    """One runtime, as the registry knows it.

    Attributes:
        name: as typed at `--backend`.
        module: import name of the runtime.
        install: the pip requirement that brings it.
        runner: its class, as "module:Class".
        layers_reader: the function that reads its layer times, as "module:function".
        tried_by_default: whether it is tried when no backend is named.
        products: types whose matrix product is worth trying as a ceiling; names of `ceiling_models.PRODUCT_TYPES`.
        kept_out: modules that the runtime imports where it finds them, and must not: telemetry.
        missing: the function that says what else is missing, as "module:function"; it is given the module's folder.
        precisions: types that it can be told to compute in, whatever the model's; the first is what it does untold.
    """

    name: str
    module: str
    install: str
    runner: str
    layers_reader: str
    tried_by_default: bool = True
    products: tuple[str, ...] = ("float32",)
    precisions: tuple[str, ...] = ("float32",)
    kept_out: tuple[str, ...] = ()
    missing: str = ""


@dataclass(frozen=True)
class Availability:
    """Whether a backend works here.

    Attributes:
        backend: its name.
        version: of the runtime, "" when it is not installed.
        works: whether it can run.
        reason: why not, and what is missing.
    """

    backend: str
    version: str
    works: bool
    reason: str = ""


class LayersReader(Protocol):
    """Reads what a run with layer times left behind."""

    def __call__(self, folder: Path, graph: Graph, *, timed_runs: int, wall_s: tuple[float, ...]) -> LayerTimes:
        """Layers in terms of the user's tensors, with the times of the last `timed_runs` runs."""
        ...
