"""An engine on its way to where it can be run, or asked what it is: one way, whoever built it, and whatever comes next.

Not yet run on a GPU: what needs one is tested with a device and a TensorRT that are made up.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path

from alexnet_bench.backends.device.choose import open_device
from alexnet_bench.backends.device.protocol import Device, Resources, Stream
from alexnet_bench.backends.protocol import LoadRequest
from alexnet_bench.backends.registry import RUN_ELSEWHERE, get_backend
from alexnet_bench.backends.settings import check_precision
from alexnet_bench.backends.tensorrt.engine_tensor import EngineTensor
from alexnet_bench.backends.tensorrt.flavour import cannot_run
from alexnet_bench.backends.tensorrt.options import BuildSettings, build_settings
from alexnet_bench.backends.tensorrt.plan_header import check_plan
from alexnet_bench.backends.tensorrt.run_settings import DEVICE_API, TF32, run_settings
from alexnet_bench.backends.tensorrt.session import Session
from alexnet_bench.backends.tensorrt.source import read_plan
from alexnet_bench.core.errors import BackendRefusal

_AUXILIARY, _REFITTED, _BUDGET = "auxiliary_streams", "refitted", "weight_budget_bytes"


@dataclass(frozen=True)
class Ready:
    """An engine with its execution context.

    Attributes:
        version: of TensorRT.
        device: that it lies on.
        stream: that it is to be run on.
        session: TensorRT's objects.
        tensors: inputs and outputs, in the engine's order.
        layers: its description of them from the build, "" where it has to be asked.
        settings: of the run, and what came of those of the build.
        free_bytes: on the device, before the engine was loaded.
        context_bytes: by which free memory fell for the execution context.
    """

    version: str
    device: Device
    stream: Stream
    session: Session
    tensors: tuple[EngineTensor, ...]
    layers: str
    settings: dict[str, str]
    free_bytes: int
    context_bytes: int

    @property
    def inputs(self) -> tuple[EngineTensor, ...]:
        """Of the engine."""
        return tuple(tensor for tensor in self.tensors if tensor.is_input)


def make_ready(request: LoadRequest, held: Resources) -> Ready:
    """Loads an engine, refits it and limits its weights on the device where that was asked for, and makes its context.

    Args:
        request: names the engine, or an ONNX file that is built first.
        held: is given all that has to be given back, whatever goes wrong.

    Raises:
        EngineError: the engine is damaged, or of another flavour, version or card.
        BackendRefusal: engines cannot be run here, or TensorRT or the device does not take this one.
        MissingRuntimeError: the package for the device is not installed.
        UsageError: a setting that it does not have, or a type other than the engine's own.
    """
    backend = get_backend(request.backend)
    trt = importlib.import_module(backend.module)
    version: str = trt.__version__
    if reason := cannot_run(Path()):
        check_plan(Path(request.model_path), backend.name, version)
        raise BackendRefusal(f"{backend.name} cannot run engines here: {reason}", RUN_ELSEWHERE)
    settings, building = run_settings(backend.name, request.settings)
    check_precision(backend.name, request.precision, backend.precisions)
    device = held.add(open_device(settings[DEVICE_API]))
    settings[DEVICE_API] = device.api
    plan = read_plan(request, backend, version, device.capability, building, tf32=settings[TF32] == "on")
    free_bytes = device.free_memory().free_bytes
    stream = held.add(device.create_stream())
    auxiliary = held.add(Resources())
    session = held.add(Session(backend.name, trt))  # last: it has to be gone before the streams that it is given
    _load(session, plan.content, build_settings(backend.name, building), request, settings, device)
    loaded_bytes = device.free_memory().free_bytes
    session.prepare()
    tensors = session.tensors()
    count = session.auxiliary_streams
    settings[_AUXILIARY] = str(count)
    if count:
        session.use_streams([auxiliary.add(device.create_stream()).handle for _ in range(count)])
    context_bytes = loaded_bytes - device.free_memory().free_bytes
    return Ready(version, device, stream, session, tensors, plan.layers, settings, free_bytes, context_bytes)


def _load(
    session: Session, plan: bytes, told: BuildSettings, request: LoadRequest, settings: dict[str, str], device: Device
) -> None:
    """Reads the engine, and does with its weights what the build was told; the settings say what came of it."""
    session.load(plan, runs_host_code=told.version_compatible, plugins=request.plugins)
    if request.weights_path:
        session.refit(request.weights_path)
        settings[_REFITTED] = "on"
    if told.weight_streaming:
        free_bytes = device.free_memory().free_bytes
        settings[_BUDGET] = str(session.stream_weights(told.weight_budget_bytes, free_bytes))
