"""An engine asked what it is: its inputs, and its layers by the engine inspector. Runs inside a worker; needs a device.

Not yet run on a GPU: what needs one is tested with a device and a TensorRT that are made up.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from alexnet_bench.backends.device.choose import open_device
from alexnet_bench.backends.device.protocol import Resources
from alexnet_bench.backends.protocol import Described, EngineInput, LoadRequest
from alexnet_bench.backends.registry import RUN_ELSEWHERE, get_backend
from alexnet_bench.backends.tensorrt.engine_tensor import EngineTensor
from alexnet_bench.backends.tensorrt.flavour import cannot_run
from alexnet_bench.backends.tensorrt.plan_header import check_plan
from alexnet_bench.backends.tensorrt.run_settings import DEVICE_API, run_settings
from alexnet_bench.backends.tensorrt.session import Session
from alexnet_bench.core.errors import BackendRefusal


def describe_plan(request: LoadRequest) -> Described:
    """Loads an engine, asks it, and gives everything back.

    Layers are described for the sizes of the request; an input that it does not name has the usual ones of the first
    optimisation profile.

    Raises:
        EngineError: the engine is damaged, or of another flavour, version or card.
        BackendRefusal: engines cannot be run here, or TensorRT or the device does not take this one.
        MissingRuntimeError: the package for the device is not installed.
    """
    backend, path = get_backend(request.backend), Path(request.model_path)
    trt = importlib.import_module(backend.module)
    check_plan(path, backend.name, trt.__version__)
    if reason := cannot_run(Path()):
        raise BackendRefusal(f"{backend.name} cannot run engines here: {reason}", RUN_ELSEWHERE)
    settings, _ = run_settings(backend.name, request.settings)
    held = Resources()
    try:
        device = held.add(open_device(settings[DEVICE_API]))
        check_plan(path, backend.name, trt.__version__, device.capability)
        stream = held.add(device.create_stream())
        session = held.add(Session(backend.name, trt))
        session.load(path.read_bytes())
        session.prepare()
        tensors = session.tensors()
        inputs = tuple(_input(session, tensor) for tensor in tensors if tensor.is_input)
        shapes = {item.name: request.shapes.get(item.name, _usual(item)) for item in inputs}
        session.use_profile(tensors, shapes, stream.handle)
        session.set_shapes(shapes)
        described = Described(trt.__version__, device.name, inputs, session.description())
    except BaseException:
        held.abandon()
        raise
    held.close()
    return described


def _input(session: Session, tensor: EngineTensor) -> EngineInput:
    ranges = session.ranges(tensor.name) if tensor.is_open_input else ()
    return EngineInput(tensor.name, tensor.dtype, tensor.shape, ranges)


def _usual(tensor: EngineInput) -> tuple[int, ...]:
    return tensor.ranges[0].opt if tensor.ranges else tensor.shape
