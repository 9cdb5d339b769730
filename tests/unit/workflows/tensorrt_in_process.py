"""The tool with TensorRT in it, on a machine with neither: a builder, a runtime and a device that are made up.

Workers run in this process. Engines hold their graph, and what it says of inputs, outputs and layers; each node is a
layer that takes the same time. Outputs are nothing, or what ONNX Runtime makes of the inputs that lie on the device.
"""

from __future__ import annotations

import base64
import json
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any

import numpy as np
import onnxruntime

from alexnet_bench.backends.client import Deadlines
from alexnet_bench.backends.protocol import Described, Loaded, LoadRequest, PlanBuilt, PlanRequest
from alexnet_bench.backends.worker import Engine, Request, Samples
from alexnet_bench.graph.onnx_io import build_graph, open_model
from tests.unit.backends.fake_device import FakeDevice
from tests.unit.backends.fake_tensorrt import (
    EngineStat,
    LayerInformationFormat,
    ProfilingVerbosity,
    TensorFormat,
    TensorIOMode,
    TensorLocation,
)

VERSION = "11.0.1"
LAYER_S = 1e-8
WEIGHTS_BYTES = 1000
_SAID = {"float32": "Float", "float16": "Half", "bfloat16": "BFloat16", "int8": "Int8", "int32": "Int32"}
_DATA_TYPES = {"float32": "FLOAT", "float16": "HALF", "int8": "INT8", "int32": "INT32", "int64": "INT64"}


class InProcess:
    """A worker without a process of its own."""

    def __init__(self, deadlines: Deadlines | None = None) -> None:
        self._engine = Engine()
        self._folder = tempfile.TemporaryDirectory()
        self.deadlines = deadlines

    def __enter__(self) -> InProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._engine._runner is not None:  # a process that ends gives everything back
            self.unload()
        self._folder.cleanup()

    @property
    def scratch(self) -> Path:
        return Path(self._folder.name)

    def load(self, request: LoadRequest, inputs_dir: Path) -> Loaded:
        return self._ask(Request(op="load", load=request, inputs_dir=str(inputs_dir)))  # type: ignore[no-any-return]

    def build(self, request: PlanRequest) -> PlanBuilt:
        return self._ask(Request(op="plan", plan=request))  # type: ignore[no-any-return]

    def describe(self, request: LoadRequest) -> Described:
        return self._ask(Request(op="describe", load=request))  # type: ignore[no-any-return]

    def sample(self, *, seconds: float, min_runs: int = 1, max_runs: int = 1_000_000) -> Samples:
        request = Request(op="sample", seconds=min(seconds, 0.004), min_runs=min_runs, max_runs=max_runs)
        return self._ask(request)  # type: ignore[no-any-return]

    def infer(self, outputs_dir: Path, inputs_dir: Path | None = None) -> list[str]:
        request = Request(op="infer", outputs_dir=str(outputs_dir), inputs_dir=str(inputs_dir or ""))
        return self._ask(request)  # type: ignore[no-any-return]

    def unload(self) -> None:
        self._ask(Request(op="unload"))

    def kill(self) -> None:
        """There is nothing to end."""

    def _ask(self, request: Request) -> Any:
        return self._engine.handle(request)


class TensorRt(SimpleNamespace):
    """The module `tensorrt`.

    Attributes:
        devices: all that were opened.
        refitted_from: files that engines took weights from.
        plugins: libraries that were loaded.
        settings: of each build.
        computes: whether engines compute; while times are all that is looked at, they need not.
        spoil: what the builder makes of the model that is computed.
    """

    computes = False
    spoil: Callable[[bytes], bytes] = staticmethod(lambda model: model)

    def __init__(self) -> None:
        super().__init__(__version__=VERSION, __spec__=ModuleSpec("tensorrt", None, origin=__file__))
        self.devices: list[FakeDevice] = []
        self.refitted_from: list[str] = []
        self.plugins: list[str] = []
        self.settings: list[dict[str, str]] = []
        self.ILogger = type("ILogger", (), {"__init__": lambda _: None})
        self.IProfiler = type("IProfiler", (), {"__init__": lambda _: None})
        self.TensorIOMode, self.TensorLocation = TensorIOMode, TensorLocation
        self.TensorFormat, self.ProfilingVerbosity = TensorFormat, ProfilingVerbosity
        self.LayerInformationFormat, self.EngineStat = LayerInformationFormat, EngineStat
        self._here = threading.local()

    def open_device(self, api: str) -> FakeDevice:
        """In place of that of the runner; engines of this thread lie on it."""
        assert api in ("auto", "pycuda")
        device = FakeDevice().open()
        self.devices.append(device)
        self._here.device = device
        return device

    def Runtime(self, log: Any) -> Any:  # noqa: N802 - TensorRT's name
        """As TensorRT."""
        device = self._here.device

        def read(plan: bytes) -> _Engine | None:
            content = json.loads(plan[64:])
            if content.get("host_code") and not runtime.engine_host_code_allowed:
                log.log("Severity.ERROR", "since IRuntime::getEngineHostCodeAllowed() is false.")
                return None
            return _Engine(device, content, self)

        runtime = SimpleNamespace(
            deserialize_cuda_engine=read,
            get_plugin_registry=lambda: SimpleNamespace(load_library=self._load_library),
            engine_host_code_allowed=False,
        )
        return runtime

    def _load_library(self, path: str) -> object:
        self.plugins.append(path)
        return object()

    def init_libnvinfer_plugins(self, _log: Any, _namespace: str) -> bool:
        """As TensorRT."""
        return True

    def Refitter(self, engine: Any, _log: Any) -> Any:  # noqa: N802 - as above
        """As TensorRT."""
        return SimpleNamespace(engine=engine, refit_cuda_engine=lambda: bool(engine.weights_from))

    def OnnxParserRefitter(self, refitter: Any, _log: Any) -> Any:  # noqa: N802 - as above
        """As TensorRT."""

        def refit(model: str) -> bool:
            self.refitted_from.append(model)
            refitter.engine.weights_from = model
            return bool(open_model(Path(model)).proto.graph.initializer)

        return SimpleNamespace(refit_from_file=refit)


def build_plan(request: PlanRequest) -> PlanBuilt:
    """In place of the builder."""
    module = sys.modules["tensorrt"]
    if isinstance(module, TensorRt):
        module.settings.append(dict(request.settings))
    shapes = {name: bounds.opt for profile in request.profiles[:1] for name, bounds in profile.items()}
    graph = build_graph(open_model(Path(request.model_path)), name="built", given_shapes=shapes or None)
    tensors = {
        side: {name: [graph.tensor(name).sizes, graph.tensor(name).dtype] for name in names}
        for side, names in (("inputs", graph.inputs), ("outputs", graph.outputs))
    }
    layers = [
        {
            "Name": f"__myl_{node.name}",
            "LayerType": "gemm" if node.op_type in ("Conv", "Gemm", "MatMul") else "kgen",
            "Inputs": [_said(graph.tensor(name)) for name in node.reads],
            "Outputs": [_said(graph.tensor(name)) for name in node.writes],
            "TacticName": "a_kernel",
            "Metadata": f"[ONNX Layer: {node.name}]",
        }
        for node in graph.live_nodes
    ]
    layers.append({"Name": "Reformat", "LayerType": "Reformat", "Inputs": [], "Outputs": [], "Metadata": ""})
    told = json.dumps({"Layers": layers, "Bindings": []})
    model = base64.b64encode(Path(request.model_path).read_bytes()).decode()
    content = tensors | {"model": model, "told": told, "stripped": request.settings.get("strip") == "on"}
    Path(request.plan_path).write_bytes(b"ftrt" + bytes(60) + json.dumps(content).encode())
    Path(request.layers_path).write_text(told)
    return PlanBuilt(VERSION, None)


def _said(tensor: Any) -> dict[str, object]:
    return {
        "Name": tensor.name,
        "Dimensions": list(tensor.sizes or ()),
        "Format/Datatype": _SAID.get(tensor.dtype, "Int64"),
    }


class _Engine:
    num_aux_streams, device_memory_size_v2 = 0, 10

    def __init__(self, device: FakeDevice, content: dict[str, Any], module: TensorRt) -> None:
        self._device, self._content = device, content
        self.module = module
        self._tensors: dict[str, Any] = {**content["inputs"], **content["outputs"]}
        self.weights_from = "" if content["stripped"] else "itself"
        self.num_io_tensors = len(self._tensors)

    def get_engine_stat(self, _: object) -> int:
        return WEIGHTS_BYTES

    @property
    def num_optimization_profiles(self) -> int:
        return max((len(found) for found in self._content.get("ranges", {}).values()), default=1)

    def get_tensor_profile_shape(self, name: str, at: int) -> list[list[int]]:
        return self._content["ranges"][name][at]  # type: ignore[no-any-return]

    def get_tensor_name(self, at: int) -> str:
        return list(self._tensors)[at]

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        return TensorIOMode.INPUT if name in self._content["inputs"] else TensorIOMode.OUTPUT

    def get_tensor_location(self, _: str) -> TensorLocation:
        return TensorLocation.DEVICE

    def get_tensor_format(self, _name: str, _profile: int) -> TensorFormat:
        return TensorFormat.LINEAR

    def get_tensor_dtype(self, name: str) -> str:
        return f"DataType.{_DATA_TYPES[self.dtype(name)]}"

    def dtype(self, name: str) -> str:
        return str(self._tensors[name][1])

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return tuple(self._tensors[name][0])

    def create_execution_context(self) -> Any:
        assert self.weights_from
        return _Context(self._device, self)

    def session(self) -> Any:
        """What computes in its place."""
        model = self.module.spoil(base64.b64decode(self._content["model"]))
        return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])

    def create_engine_inspector(self) -> Any:
        return SimpleNamespace(get_engine_information=lambda _: self._content["told"])

    def layers(self) -> Sequence[str]:
        layers = json.loads(self._content["told"])["Layers"]
        return [layer if isinstance(layer, str) else layer["Name"] for layer in layers]


class _Context:
    profiler: Any = None
    enqueue_emits_profile = True

    def __init__(self, device: FakeDevice, engine: _Engine) -> None:
        self._device, self._engine = device, engine
        self._addresses: dict[str, int] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._session: Any = None
        self.active_optimization_profile = 0

    def set_optimization_profile_async(self, at: int, _handle: int) -> bool:
        self.active_optimization_profile = at
        return True

    def set_input_shape(self, name: str, sizes: tuple[int, ...]) -> bool:
        self._shapes[name] = sizes
        own = self._engine.get_tensor_shape(name)
        return len(own) == len(sizes) and all(one in (-1, size) for one, size in zip(own, sizes, strict=True))

    def infer_shapes(self) -> list[str]:
        return []

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return self._shapes.get(name) or self._engine.get_tensor_shape(name)

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._addresses[name] = address
        return True

    def execute_async_v3(self, handle: int) -> bool:
        modes = {name: self._engine.get_tensor_mode(name) for name in self._addresses}
        reads = tuple(self._addresses[name] for name, mode in modes.items() if mode is TensorIOMode.INPUT)
        writes = tuple(self._addresses[name] for name, mode in modes.items() if mode is TensorIOMode.OUTPUT)
        do = self._compute if self._engine.module.computes else lambda: None
        self._device.launch(handle, "execute", reads, writes, do)
        return True

    def _compute(self) -> None:
        if self._session is None:
            self._session = self._engine.session()
        feeds = {item.name: self._array(item.name) for item in self._session.get_inputs()}
        names = [item.name for item in self._session.get_outputs()]
        for name, value in zip(names, self._session.run(names, feeds), strict=True):
            self._array(name)[...] = value

    def _array(self, name: str) -> Any:
        """What lies on the device for a tensor."""
        dtype, shape = np.dtype(self._engine.dtype(name)), self.get_tensor_shape(name)
        size = dtype.itemsize * int(np.prod(shape))
        return self._device.memory(self._addresses[name]).array[:size].view(dtype).reshape(shape)

    def report_to_profiler(self) -> bool:
        for name in self._engine.layers():
            self.profiler.report_layer_time(name, 1e3 * LAYER_S)
        return True
