"""Engines of TensorRT and TensorRT-RTX as a runner inside a worker.

Not yet run on a GPU: what needs one is tested with a device and a TensorRT that are made up.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet_bench.backends.device.choose import open_device
from alexnet_bench.backends.device.protocol import Device, Resources, Stream
from alexnet_bench.backends.protocol import Backend, DeviceUse, Loaded, LoadRequest, RunParts
from alexnet_bench.backends.registry import RUN_ELSEWHERE, get_backend
from alexnet_bench.backends.run_record import write_record
from alexnet_bench.backends.settings import check_precision
from alexnet_bench.backends.tensorrt import layer_times
from alexnet_bench.backends.tensorrt.binding import Binding
from alexnet_bench.backends.tensorrt.engine_tensor import EngineTensor
from alexnet_bench.backends.tensorrt.flavour import cannot_run
from alexnet_bench.backends.tensorrt.layer_times import Record
from alexnet_bench.backends.tensorrt.options import BuildSettings, build_settings
from alexnet_bench.backends.tensorrt.plan_header import check_plan
from alexnet_bench.backends.tensorrt.run_settings import CUDA_GRAPH, DEVICE_API, TF32, run_settings
from alexnet_bench.backends.tensorrt.session import Session
from alexnet_bench.backends.tensorrt.source import Plan, read_plan
from alexnet_bench.core.errors import BackendRefusal
from alexnet_bench.core.text import printable

if TYPE_CHECKING:
    import numpy as np

_AUXILIARY, _REFITTED, _BUDGET = "auxiliary_streams", "refitted", "weight_budget_bytes"


class TensorRt:
    """One engine on a stream of its own. A run goes from pinned memory to the device, through the engine, and back."""

    def __init__(self) -> None:
        self._held = Resources()
        self._device: Device | None = None
        self._session: Session | None = None
        self._stream: Stream | None = None
        self._binding: Binding | None = None
        self._tensors: tuple[EngineTensor, ...] = ()
        self._record: Record | None = None
        self._folder: Path | None = None
        self._settings: dict[str, str] = {}
        self._told: list[tuple[str, float]] = []

    def activate(self, request: LoadRequest) -> Loaded:
        """Loads an engine, binds it where its sizes are known, and captures it where that works.

        Raises:
            EngineError: the engine is damaged, or of another flavour, version or card.
            BackendRefusal: engines cannot be run here, or TensorRT or the device does not take this one.
            MissingRuntimeError: the package for the device is not installed.
            UsageError: a setting that it does not have, or a type other than the engine's own.
        """
        backend = get_backend(request.backend)
        trt = importlib.import_module(backend.module)
        if reason := cannot_run(Path()):
            check_plan(Path(request.model_path), backend.name, trt.__version__)
            raise BackendRefusal(f"{backend.name} cannot run engines here: {reason}", RUN_ELSEWHERE)
        self._settings, building = run_settings(backend.name, request.settings)
        check_precision(backend.name, request.precision, backend.precisions)
        try:
            return self._activate(request, backend, trt, building)
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
        if self._record is not None and self._session is not None:
            self._told.clear()
            self._session.report_layers()
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

    def _activate(self, request: LoadRequest, backend: Backend, trt: object, building: dict[str, str]) -> Loaded:
        device = self._device = self._held.add(open_device(self._settings[DEVICE_API]))
        self._settings[DEVICE_API] = device.api
        version: str = trt.__version__  # type: ignore[attr-defined]  # every flavour has it
        tf32 = self._settings[TF32] == "on"
        plan = read_plan(request, backend, version, device.capability, building, tf32=tf32)
        before = device.free_memory().free_bytes
        told = build_settings(backend.name, building)
        context_bytes = self._load(device, Session(backend.name, trt), plan, told, request)
        session = self._open_session()
        self._folder = Path(request.layers_dir) if request.layers_dir else None
        self._bind_early(request)
        if self._folder is not None:
            session.time_layers(lambda name, ms: self._told.append((name, ms)))
            self._record = Record(plan.layers or session.description(), tf32)
        used = before - device.free_memory().free_bytes
        use = DeviceUse(session.weight_bytes, session.activation_bytes, _counted(context_bytes), _counted(used))
        outputs = tuple(tensor.name for tensor in self._tensors if not tensor.is_input)
        return Loaded(version, outputs, device.name, settings=dict(self._settings), device_use=use)

    def _load(self, device: Device, session: Session, plan: Plan, told: BuildSettings, request: LoadRequest) -> int:
        """Makes the engine ready to run; gives the bytes by which free memory fell for its context."""
        self._stream = self._held.add(device.create_stream())
        auxiliary = self._held.add(Resources())
        self._session = self._held.add(session)  # last: it has to be gone before the streams that it was given
        session.load(plan.content, runs_host_code=told.version_compatible, plugins=request.plugins)
        if request.weights_path:
            session.refit(request.weights_path)
            self._settings[_REFITTED] = "on"
        if told.weight_streaming:
            free_bytes = device.free_memory().free_bytes
            self._settings[_BUDGET] = str(session.stream_weights(told.weight_budget_bytes, free_bytes))
        loaded = device.free_memory().free_bytes
        session.prepare()
        self._tensors = session.tensors()
        count = session.auxiliary_streams
        self._settings[_AUXILIARY] = str(count)
        if count:
            session.use_streams([auxiliary.add(device.create_stream()).handle for _ in range(count)])
        return loaded - device.free_memory().free_bytes

    def _bind_early(self, request: LoadRequest) -> None:
        """Binds before the first run where all sizes are known by then."""
        shapes = {tensor.name: request.shapes.get(tensor.name, tensor.shape) for tensor in self._inputs()}
        if all(size >= 0 for sizes in shapes.values() for size in sizes):
            self._bind(shapes)

    def _bound(self, feeds: Mapping[str, np.ndarray]) -> Binding:
        session = self._open_session()
        wanted = [tensor.name for tensor in self._inputs()]
        if missing := [name for name in wanted if name not in feeds]:
            raise BackendRefusal(f"{session.backend} is not given the input {printable(missing[0], 200)}")
        shapes = {name: tuple(feeds[name].shape) for name in wanted}
        if self._binding is not None and self._binding.shapes == shapes:
            return self._binding
        return self._bind(shapes)

    def _bind(self, shapes: dict[str, tuple[int, ...]]) -> Binding:
        if self._device is None or self._stream is None:
            raise ValueError("nothing is loaded")
        if self._binding is not None:
            old, self._binding = self._binding, None
            old.close()
        binding = Binding(self._device, self._open_session(), self._stream, self._tensors, shapes)
        self._binding = binding
        if self._settings[CUDA_GRAPH] == "on":
            self._capture(binding)
        return binding

    def _capture(self, binding: Binding) -> None:
        """Captures the engine where that works; the settings say why where it does not."""
        if self._folder is not None:
            self._settings[CUDA_GRAPH] = "off: layers are timed"
            return
        try:
            binding.capture()
        except BackendRefusal as error:
            self._settings[CUDA_GRAPH] = f"off: {printable(error.message, 300)}"

    def _inputs(self) -> list[EngineTensor]:
        return [tensor for tensor in self._tensors if tensor.is_input]

    def _open_session(self) -> Session:
        if self._session is None:
            raise ValueError("nothing is loaded")
        return self._session

    def _let_go(self) -> None:
        """Leaves all that is held to be closed, the buffers first."""
        if self._binding is not None:
            self._held.add(self._binding)
        self._device = self._session = self._stream = self._binding = None


def _counted(fallen_bytes: int) -> int | None:
    """By how much a counter fell; None where it rose, because another process gave memory back meanwhile."""
    return fallen_bytes if fallen_bytes >= 0 else None
