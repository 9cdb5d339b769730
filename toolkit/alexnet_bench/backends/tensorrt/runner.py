"""Engines of TensorRT and TensorRT-RTX as a runner inside a worker.

Not yet run on a GPU: what needs one is tested with a device and a TensorRT that are made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet_bench.backends.device.protocol import Resources
from alexnet_bench.backends.protocol import DeviceUse, Loaded, LoadRequest, RunParts
from alexnet_bench.backends.run_record import write_record
from alexnet_bench.backends.tensorrt import layer_times
from alexnet_bench.backends.tensorrt.binding import Binding
from alexnet_bench.backends.tensorrt.layer_times import Record
from alexnet_bench.backends.tensorrt.ready import Ready, make_ready
from alexnet_bench.backends.tensorrt.run_settings import CUDA_GRAPH, TF32
from alexnet_bench.core.errors import BackendRefusal
from alexnet_bench.core.text import printable

if TYPE_CHECKING:
    import numpy as np


class TensorRt:
    """One engine on a stream of its own. A run goes from pinned memory to the device, through the engine, and back."""

    def __init__(self) -> None:
        self._held = Resources()
        self._engine: Ready | None = None
        self._binding: Binding | None = None
        self._record: Record | None = None
        self._folder: Path | None = None
        self._told: list[tuple[str, float]] = []

    def activate(self, request: LoadRequest) -> Loaded:
        """Loads an engine, binds it where its sizes are known, and captures it where that works.

        Raises:
            EngineError: the engine is damaged, or of another flavour, version or card.
            BackendRefusal: engines cannot be run here, or TensorRT or the device does not take this one.
            MissingRuntimeError: the package for the device is not installed.
            UsageError: a setting that it does not have, or a type other than the engine's own.
        """
        try:
            return self._activate(request)
        except BaseException:
            self._let_go()
            self._held.abandon()
            raise

    def infer(self, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """One inference; the outputs are pinned memory, which the next one overwrites and `deactivate` ends.

        Raises:
            BackendRefusal: an input is missing or of another type, the engine does not take its sizes, or the device
                fails.
        """
        binding = self._bound(feeds)
        outputs = binding.run(feeds)
        if self._record is not None:
            self._told.clear()
            self._loaded().session.report_layers()
            self._record.runs.append([(name, ms * 1e-3) for name, ms in self._told])
            self._record.run_s.append(binding.parts().compute_s)
        return outputs

    def last_parts(self) -> RunParts:
        """Copies and computing of the last inference."""
        if self._binding is None:
            raise ValueError("nothing was run")
        return self._binding.parts()

    def deactivate(self) -> None:
        """Gives everything back, the device last, and writes the times of the layers."""
        record, self._record = self._record, None
        self._let_go()
        self._held.close()
        if record is not None and self._folder is not None:
            write_record(self._folder / layer_times.FILE, record)

    def _activate(self, request: LoadRequest) -> Loaded:
        engine = self._engine = make_ready(request, self._held)
        session = engine.session
        self._folder = Path(request.layers_dir) if request.layers_dir else None
        self._bind_early(engine, request)
        if self._folder is not None:
            session.time_layers(lambda name, ms: self._told.append((name, ms)))
            self._record = Record(engine.layers or session.description(), engine.settings[TF32] == "on")
        used = engine.free_bytes - engine.device.free_memory().free_bytes
        use = DeviceUse(session.weight_bytes, session.activation_bytes, _counted(engine.context_bytes), _counted(used))
        outputs = tuple(tensor.name for tensor in engine.tensors if not tensor.is_input)
        return Loaded(engine.version, outputs, engine.device.name, settings=dict(engine.settings), device_use=use)

    def _bind_early(self, engine: Ready, request: LoadRequest) -> None:
        """Binds before the first run where all sizes are known by then."""
        shapes = {tensor.name: request.shapes.get(tensor.name, tensor.shape) for tensor in engine.inputs}
        if all(size >= 0 for sizes in shapes.values() for size in sizes):
            self._bind(engine, shapes)

    def _bound(self, feeds: Mapping[str, np.ndarray]) -> Binding:
        engine = self._loaded()
        wanted = [tensor.name for tensor in engine.inputs]
        if missing := [name for name in wanted if name not in feeds]:
            raise BackendRefusal(f"{engine.session.backend} is not given the input {printable(missing[0], 200)}")
        shapes = {name: tuple(feeds[name].shape) for name in wanted}
        if self._binding is not None and self._binding.shapes == shapes:
            return self._binding
        return self._bind(engine, shapes)

    def _bind(self, engine: Ready, shapes: dict[str, tuple[int, ...]]) -> Binding:
        if self._binding is not None:
            old, self._binding = self._binding, None
            old.close()
        binding = Binding(engine.device, engine.session, engine.stream, engine.tensors, shapes)
        self._binding = binding
        if engine.settings[CUDA_GRAPH] == "on":
            engine.settings[CUDA_GRAPH] = self._capture(binding)
        return binding

    def _capture(self, binding: Binding) -> str:
        """Captures the engine where that works; "on", or "off" and why."""
        if self._folder is not None:
            return "off: layers are timed"
        try:
            binding.capture()
        except BackendRefusal as error:
            return f"off: {printable(error.message, 300)}"
        return "on"

    def _loaded(self) -> Ready:
        if self._engine is None:
            raise ValueError("nothing is loaded")
        return self._engine

    def _let_go(self) -> None:
        """Leaves all that is held to be closed, the buffers first."""
        if self._binding is not None:
            self._held.add(self._binding)
        self._engine = self._binding = None


def _counted(fallen_bytes: int) -> int | None:
    """By how much a counter fell; None where it rose, because another process gave memory back meanwhile."""
    return fallen_bytes if fallen_bytes >= 0 else None
