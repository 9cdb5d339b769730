"""An engine asked what it is: its inputs, and its layers by the engine inspector. Runs inside a worker; needs a device.

Not yet run on a GPU: what needs one is tested with a device and a TensorRT that are made up.
"""

from __future__ import annotations

from alexnet_bench.backends.device.protocol import Resources
from alexnet_bench.backends.protocol import Described, EngineInput, LoadRequest
from alexnet_bench.backends.tensorrt.engine_tensor import EngineTensor
from alexnet_bench.backends.tensorrt.ready import make_ready
from alexnet_bench.backends.tensorrt.session import Session


def describe_plan(request: LoadRequest) -> Described:
    """Loads an engine, asks it, and gives everything back.

    Layers are described for the sizes of the request; an input that it does not name has the usual ones of the first
    optimisation profile.

    Raises:
        EngineError: the engine is damaged, or of another flavour, version or card.
        BackendRefusal: engines cannot be run here, or TensorRT or the device does not take this one.
        MissingRuntimeError: the package for the device is not installed.
        UsageError: a setting that it does not have.
    """
    held = Resources()
    try:
        described = _described(request, held)
    except BaseException:
        held.abandon()
        raise
    held.close()
    return described


def _described(request: LoadRequest, held: Resources) -> Described:
    engine = make_ready(request, held)
    session = engine.session
    inputs = tuple(_input(session, tensor) for tensor in engine.inputs)
    shapes = {item.name: request.shapes.get(item.name, _usual(item)) for item in inputs}
    session.use_profile(engine.tensors, shapes, engine.stream.handle)
    session.set_shapes(shapes)
    return Described(engine.version, engine.device.name, inputs, session.description())


def _input(session: Session, tensor: EngineTensor) -> EngineInput:
    ranges = session.ranges(tensor.name) if tensor.is_open_input else ()
    return EngineInput(tensor.name, tensor.dtype, tensor.shape, ranges)


def _usual(tensor: EngineInput) -> tuple[int, ...]:
    return tensor.ranges[0].opt if tensor.ranges else tensor.shape
