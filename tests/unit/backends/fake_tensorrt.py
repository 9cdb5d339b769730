"""As much of TensorRT's Python module as running an engine takes; the engine computes y = 2 x and m = n + 1.

It works on the fake device by address, as the real one does. Its weights and activations lie there too, and are freed
when nothing refers to the object any more. Any of its calls can be made to fail: by an exception, or by saying no.
As TensorRT-RTX it runs slow kernels where sizes are open, until those for the sizes are compiled.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from types import SimpleNamespace
from typing import Any
from weakref import ReferenceType, ref

import numpy as np

from tests.unit.backends.fake_device import FakeDevice, Faults, Memory

WEIGHTS_BYTES, ACTIVATION_BYTES, CONTEXT_BYTES = 4096, 512, 1024
LAYERS = ("double", "double", "count")
"""Two layers of one name, and one that reports twice."""
OUTLIVED = (
    "a context outlived the streams that it was given",
    f"leaked: {WEIGHTS_BYTES} bytes, tensorrt",
    f"leaked: {CONTEXT_BYTES} bytes, tensorrt",
    "a context outlived its configuration",
)
"""What is wrong where TensorRT's objects live on while the device is closed."""
SLOW_STEPS, LAZY_LAUNCHES = 8, 5
"""How long kernels for any sizes take, and how often they run while others are compiled beside them."""
VERSIONS = {"tensorrt": "11.0.1", "tensorrt-rtx": "1.7.1.116"}


class DataType(enum.Enum):
    FLOAT, INT64, BF16 = range(3)


class TensorIOMode(enum.Enum):
    NONE, INPUT, OUTPUT = range(3)


class TensorLocation(enum.Enum):
    DEVICE, HOST = range(2)


class TensorFormat(enum.Enum):
    LINEAR, HWC8 = range(2)


class LayerInformationFormat(enum.Enum):
    ONELINE, JSON = range(2)


class ProfilingVerbosity(enum.Enum):
    LAYER_NAMES_ONLY, NONE, DETAILED = range(3)


class EngineStat(enum.Enum):
    TOTAL_WEIGHTS_SIZE = 0


class Strategy(enum.Enum):
    LAZY, EAGER, NONE = range(3)


@dataclass
class Kind:
    """What an engine is like.

    Attributes:
        sizes: of x and n, -1 where it is open.
        made: sizes of y and m in place of those of x and n.
        auxiliary: streams beside the main one.
        dtype: of x and y.
        place: of n and m.
        profiles: the least and the largest sizes of x and n by optimisation profile, where sizes are open.
        is_stripped: it has no weights until it is refitted.
        has_host_code: it is not read unless its code may run.
        backend: whose it is.
        is_capturable: what TensorRT-RTX says of that.
        padded: optimisation profiles in which x has its channels padded to a multiple of 8.
        streamable: bytes of weights that can be streamed.
        proposes: the budget for them, as an int32_t; None is half of them.
        takes_budgets: whether it keeps to a budget that is set.
        has_figures: whether the bindings can hand the size of the weights on; those of TensorRT 10 and 11 cannot.
    """

    sizes: tuple[int, ...] = (2, 4)
    made: tuple[int, ...] | None = None
    auxiliary: int = 0
    dtype: DataType = DataType.FLOAT
    place: TensorLocation = TensorLocation.DEVICE
    profiles: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (((1, 4), (8, 4)),)
    is_stripped: bool = False
    has_host_code: bool = False
    backend: str = "tensorrt"
    is_capturable: bool = True
    padded: tuple[int, ...] = ()
    streamable: int = WEIGHTS_BYTES
    proposes: int | None = None
    takes_budgets: bool = True
    has_figures: bool = True

    @property
    def is_rtx(self) -> bool:
        return self.backend == "tensorrt-rtx"


class FakeTensorRt(SimpleNamespace):
    """The module.

    Attributes:
        called: names of its calls so far.
        budgets: of weights on the device, that were set.
        plugins: that were there when an engine was read last.
        chosen: optimisation profiles that were changed to.
        has_raised: whether a call has failed by an exception, whose frames hold on to the objects here for a while.
    """

    def __init__(self, device: FakeDevice, kind: Kind | None = None, *, raises: bool = True) -> None:
        kind = kind or Kind()
        super().__init__(__version__=VERSIONS[kind.backend], device=device, kind=kind, raises=raises)
        self.has_raised = False
        self.called: set[str] = set()
        self.budgets: list[int] = []
        self.chosen: list[int] = []
        self.plugins: tuple[str, ...] = ()
        self.faults: Faults = device.faults
        self.ILogger = type("ILogger", (), {"__init__": lambda _: None})
        self.IProfiler = type("IProfiler", (), {"__init__": lambda _: None})
        self.TensorIOMode, self.TensorLocation = TensorIOMode, TensorLocation
        self.TensorFormat, self.ProfilingVerbosity = TensorFormat, ProfilingVerbosity
        self.LayerInformationFormat, self.EngineStat = LayerInformationFormat, EngineStat
        if kind.is_rtx:
            self.DynamicShapesKernelSpecializationStrategy = Strategy

    def Runtime(self, log: Any) -> Any:  # noqa: N802 - TensorRT's name
        """As TensorRT."""
        return None if self.says_no("Runtime") else _Runtime(self, log)

    def init_libnvinfer_plugins(self, log: Any, namespace: str) -> bool:
        """As TensorRT."""
        assert (log is None, namespace) == (False, "")
        self.count("init_libnvinfer_plugins")
        return True

    def Refitter(self, engine: Any, log: Any) -> Any:  # noqa: N802 - as above
        """As TensorRT."""
        assert log is not None
        self.count("Refitter")
        return _Refitter(self, engine)

    def OnnxParserRefitter(self, refitter: Any, log: Any) -> Any:  # noqa: N802 - as above
        """As TensorRT."""
        assert log is not None
        self.count("OnnxParserRefitter")
        return _ParserRefitter(self, refitter)

    def says_no(self, name: str) -> bool:
        """Counts a call; where it is to fail, says no, or raises."""
        self.called.add(name)
        due = self.faults.due(name)
        if due and self.raises:
            self.has_raised = True
            raise RuntimeError(f"{name}: made up")
        return due

    def count(self, name: str) -> None:
        """Counts a call that has no way to say no."""
        self.called.add(name)
        if self.faults.due(name):
            self.has_raised = True
            raise RuntimeError(f"{name}: made up")

    def take(self, size_bytes: int) -> Memory:
        """Memory of the device, by TensorRT's own hand."""
        memory = Memory(self.device, 1 << 40, size_bytes, "tensorrt")
        memory.address += id(memory)
        self.device._memories[memory.address] = memory
        return memory


class _Refitter:
    def __init__(self, trt: FakeTensorRt, engine: _Engine) -> None:
        self._trt, self._engine = trt, engine
        self.is_given = False

    def refit_cuda_engine(self) -> bool:
        if self._trt.says_no("refit_cuda_engine") or not self.is_given:
            return False
        self._engine.has_weights = True
        return True


class _ParserRefitter:
    def __init__(self, trt: FakeTensorRt, refitter: _Refitter) -> None:
        self._trt, self._refitter = trt, refitter

    def refit_from_file(self, model: str) -> bool:
        if self._trt.says_no("refit_from_file"):
            return False
        self._refitter.is_given = model.endswith(".onnx")
        return self._refitter.is_given


class _Runtime:
    engine_host_code_allowed = False

    def __init__(self, trt: FakeTensorRt, log: Any) -> None:
        self._trt, self._log = trt, log
        self._plugins: list[str] = []

    def get_plugin_registry(self) -> Any:
        self._trt.count("get_plugin_registry")
        return SimpleNamespace(load_library=self._load_library)

    def _load_library(self, path: str) -> object | None:
        self._plugins.append(path)
        return None if self._trt.says_no("load_library") else object()

    def deserialize_cuda_engine(self, plan: bytes) -> Any:
        self._trt.plugins = tuple(self._plugins)
        if plan != PLANS[self._trt.kind.backend]:
            self._log.log("Severity.ERROR", "IRuntime::deserializeCudaEngine: Error Code 1: Serialization")
            return None
        if self._trt.kind.has_host_code and not self.engine_host_code_allowed:
            why = "since IRuntime::getEngineHostCodeAllowed() is false."
            self._log.log("Severity.ERROR", f"Cannot deserialize engine with lean runtime {why}")
            return None
        if self._trt.says_no("deserialize_cuda_engine"):
            return None
        return (_RtxEngine if self._trt.kind.is_rtx else _Engine)(self._trt)


class _Engine:
    def __init__(self, trt: FakeTensorRt) -> None:
        self._trt = trt
        self.weights = trt.take(WEIGHTS_BYTES)
        self.names = ("x", "n", "y", "m")
        self.has_weights = not trt.kind.is_stripped
        self._has_contexts = False
        self._budget = int(trt.kind.streamable)

    def __del__(self) -> None:
        self.weights.is_open = False

    @property
    def num_io_tensors(self) -> int:
        self._trt.count("num_io_tensors")
        return len(self.names)

    @property
    def num_aux_streams(self) -> int:
        self._trt.count("num_aux_streams")
        return int(self._trt.kind.auxiliary)

    @property
    def device_memory_size_v2(self) -> int:
        self._trt.count("device_memory_size_v2")
        return ACTIVATION_BYTES

    def get_engine_stat(self, stat: EngineStat) -> int:
        self._trt.count(f"get_engine_stat {stat.value}")
        if not self._trt.kind.has_figures:
            raise TypeError("cannot create weak reference to 'int' object")
        return WEIGHTS_BYTES

    @property
    def num_optimization_profiles(self) -> int:
        self._trt.count("num_optimization_profiles")
        return len(self._trt.kind.profiles)

    def get_tensor_profile_shape(self, name: str, at: int) -> list[tuple[int, ...]]:
        self._trt.count(f"get_tensor_profile_shape {name}")
        low, high = self._trt.kind.profiles[at]
        return [low, low, high]

    def get_tensor_name(self, at: int) -> str:
        self._trt.count("get_tensor_name")
        return self.names[at]

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        self._trt.count("get_tensor_mode")
        return TensorIOMode.INPUT if name in "xn" else TensorIOMode.OUTPUT

    def get_tensor_location(self, name: str) -> TensorLocation:
        self._trt.count("get_tensor_location")
        return self._trt.kind.place if name in "nm" else TensorLocation.DEVICE

    def get_tensor_dtype(self, name: str) -> DataType:
        self._trt.count("get_tensor_dtype")
        return self._trt.kind.dtype if name in "xy" else DataType.INT64

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        self._trt.count(f"get_tensor_shape {name}")
        return tuple(self._trt.kind.sizes)

    def get_tensor_format(self, name: str, profile: int) -> TensorFormat:
        self._trt.count("get_tensor_format")
        return TensorFormat.HWC8 if name == "x" and profile in self._trt.kind.padded else TensorFormat.LINEAR

    def get_tensor_format_desc(self, name: str, profile: int) -> str:
        self._trt.count("get_tensor_format_desc")
        assert self.get_tensor_format(name, profile) is TensorFormat.HWC8
        return "Eight channel FP16 format (kHWC8) where C is padded to a multiple of 8"

    @property
    def streamable_weights_size(self) -> int:
        self._trt.count("streamable_weights_size")
        return int(self._trt.kind.streamable)

    def get_weight_streaming_automatic_budget(self) -> int:
        self._trt.count("get_weight_streaming_automatic_budget")
        proposed = self._trt.kind.proposes
        return self.streamable_weights_size // 2 if proposed is None else proposed

    @property
    def weight_streaming_budget_v2(self) -> int:
        self._trt.count("weight_streaming_budget_v2")
        return self._budget if self._trt.kind.takes_budgets else int(self._trt.kind.streamable)

    @weight_streaming_budget_v2.setter
    def weight_streaming_budget_v2(self, budget: int) -> None:
        self._trt.count("weight_streaming_budget_v2")
        self._trt.budgets.append(budget)
        self._budget = min(budget, self._trt.kind.streamable)
        if self._has_contexts:
            self._trt.device.wrongs.append("the budget of weights was set with a context there")

    def create_execution_context(self) -> Any:
        return _Context(self._trt, self) if self._may_have_context() else None

    def _may_have_context(self) -> bool:
        if not self.has_weights:
            self._trt.device.wrongs.append("an engine without weights was made ready to run")
        self._has_contexts = True
        return not self._trt.says_no("create_execution_context")

    def create_engine_inspector(self) -> Any:
        return None if self._trt.says_no("create_engine_inspector") else _Inspector(self._trt)


class _RtxEngine(_Engine):
    def create_runtime_config(self) -> Any:
        return None if self._trt.says_no("create_runtime_config") else _RuntimeConfig(self._trt, self)

    def create_execution_context(self, runtime_config: _RuntimeConfig | None = None) -> Any:
        return _RtxContext(self._trt, self, runtime_config) if self._may_have_context() else None


class _RuntimeConfig:
    """It holds its engine, and has to live as long as its contexts: not all bindings see to that."""

    def __init__(self, trt: FakeTensorRt, engine: _Engine) -> None:
        self._trt, self._engine = trt, engine
        self._strategy = Strategy.LAZY
        self.contexts: list[ReferenceType[_RtxContext]] = []

    @property
    def dynamic_shapes_kernel_specialization_strategy(self) -> Strategy:
        return self._strategy

    @dynamic_shapes_kernel_specialization_strategy.setter
    def dynamic_shapes_kernel_specialization_strategy(self, strategy: Strategy) -> None:
        self._trt.count("dynamic_shapes_kernel_specialization_strategy")
        self._strategy = strategy

    def __del__(self) -> None:
        if any(context() is not None for context in self.contexts):
            self._trt.device.wrongs.append("a context outlived its configuration")


class _Inspector:
    execution_context: Any = None

    def __init__(self, trt: FakeTensorRt) -> None:
        self._trt = trt

    def get_engine_information(self, form: LayerInformationFormat) -> str:
        self._trt.count("get_engine_information")
        assert form is LayerInformationFormat.JSON
        assert self.execution_context is not None
        tensor = {"Name": "t", "Dimensions": [8], "Format/Datatype": "Float"}
        layer = {"LayerType": "gemm", "Inputs": [tensor], "Outputs": [tensor], "TacticName": "k"}
        layers = [
            layer | {"Name": name, "Metadata": f"[ONNX Layer: node{at}]"} for at, name in enumerate((*LAYERS, "idle"))
        ]
        return json.dumps({"Layers": layers, "Bindings": ["x", "n", "y", "m"]})


class _Context:
    def __init__(self, trt: FakeTensorRt, engine: _Engine) -> None:
        self._trt, self._engine = trt, engine
        self._memory = trt.take(CONTEXT_BYTES)
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._addresses: dict[str, int] = {}
        self._streams: Sequence[int] = ()
        self._to_report = False
        self._profile = 0
        self.enqueue_emits_profile = True
        self.profiler: Any = None
        self._nvtx_verbosity = ProfilingVerbosity.DETAILED

    def __del__(self) -> None:
        for handle in self._streams:
            if not self._trt.device.stream(handle).is_open:
                self._trt.device.wrongs.append(OUTLIVED[0])
        self._memory.is_open = False

    @property
    def nvtx_verbosity(self) -> ProfilingVerbosity:
        return self._nvtx_verbosity

    @nvtx_verbosity.setter
    def nvtx_verbosity(self, verbosity: ProfilingVerbosity) -> None:
        self._trt.count("nvtx_verbosity")
        self._nvtx_verbosity = verbosity

    @property
    def active_optimization_profile(self) -> int:
        self._trt.count("active_optimization_profile")
        return self._profile

    def set_optimization_profile_async(self, at: int, handle: int) -> bool:
        if self._trt.says_no("set_optimization_profile_async"):
            return False
        assert self._trt.device.stream(handle).is_open
        self._profile = at
        self._trt.chosen.append(at)
        self._shapes.clear()
        self._addresses.clear()
        return True

    def set_input_shape(self, name: str, sizes: tuple[int, ...]) -> bool:
        if self._trt.says_no("set_input_shape"):
            return False
        known = self._trt.kind.sizes
        if min(known) < 0:
            low, high = self._trt.kind.profiles[self._profile]
            assert all(one <= size <= most for one, size, most in zip(low, sizes, high, strict=True))
        self._shapes[name] = sizes
        return len(sizes) == len(known) and all(
            size in (one, size if one < 0 else one) for size, one in zip(sizes, known, strict=True)
        )

    def infer_shapes(self) -> list[str]:
        self._trt.count("infer_shapes")
        return [name for name in ("x", "n") if name not in self._shapes]

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        self._trt.count("context.get_tensor_shape")
        return self._trt.kind.made or self._shapes[{"y": "x", "m": "n"}.get(name, name)]

    def set_tensor_address(self, name: str, address: int) -> bool:
        if self._trt.says_no("set_tensor_address"):
            return False
        self._addresses[name] = address
        return True

    def set_aux_streams(self, handles: Sequence[int]) -> None:
        self._trt.count("set_aux_streams")
        self._streams = handles

    def execute_async_v3(self, handle: int) -> bool:
        device = self._trt.device
        try:
            says_no = self._trt.says_no("execute_async_v3")
        except RuntimeError:
            device.fail_to_launch(handle, spoils=True)
            raise
        if says_no:
            device.fail_to_launch(handle, spoils=False)
            return False
        x, n, y, m = (device.memory(self._addresses[name]) for name in self._engine.names)
        count = prod(self._shapes["x"])

        def compute() -> None:
            y.array[: 4 * count] = (2 * x.array[: 4 * count].view(np.float32)).view(np.uint8)
            m.array[: 8 * count] = (1 + n.array[: 8 * count].view(np.int64)).view(np.uint8)

        own = (self._memory.address, self._engine.weights.address)
        reads, writes = (x.address, n.address, *own), (y.address, m.address)
        device.launch(handle, "execute", reads, writes, compute, steps=self._steps(handle))
        if self._nvtx_verbosity is not ProfilingVerbosity.NONE:
            device.wrongs.append("ranges of NVTX slow the launch down")
        if self.profiler is not None and self.enqueue_emits_profile:
            device.wrongs.append("the profiler slows the launch down")
        self._to_report = True
        return True

    def _steps(self, _handle: int) -> int:
        """How long kernels take that run now."""
        return 1

    def report_to_profiler(self) -> bool:
        if self._trt.says_no("report_to_profiler"):
            return False
        if not self._to_report:
            self._trt.device.wrongs.append("reported without a launch")
        for name in (*LAYERS, "count", "elsewhere"):
            self.profiler.report_layer_time(name, 0.002)
        self._to_report = False
        return True


class _RtxContext(_Context):
    def __init__(self, trt: FakeTensorRt, engine: _Engine, config: _RuntimeConfig | None) -> None:
        super().__init__(trt, engine)
        self._strategy = Strategy.LAZY
        self._launches: dict[tuple[int, ...], int] = {}
        if config is not None:
            self._strategy = config.dynamic_shapes_kernel_specialization_strategy
            config.contexts.append(ref(self))

    def is_stream_capturable(self, handle: int) -> bool:
        if self._trt.says_no("is_stream_capturable"):
            return False
        assert self._trt.device.stream(handle).is_open
        return bool(self._trt.kind.is_capturable)

    def _steps(self, handle: int) -> int:
        sizes = self._shapes["x"]
        before = self._launches.get(sizes, 0)
        self._launches[sizes] = before + 1
        if min(self._trt.kind.sizes) >= 0:
            return 1
        if self._strategy is Strategy.EAGER:
            if not before and self._trt.device.stream(handle).captured is not None:
                self._trt.device.wrongs.append("kernels were compiled in a capture")
            return 1
        return 1 if self._strategy is Strategy.LAZY and before >= LAZY_LAUNCHES else SLOW_STEPS


PLANS = {
    "tensorrt": b"ftrt" + bytes(60),
    "tensorrt-rtx": (b"vtrt" + bytes(12) + (64).to_bytes(8, "little") + bytes((1, 7, 1, 116))).ljust(32, b"\0")
    + b"\x0e".ljust(32, b"\0"),
}
"""Engines' files; that of TensorRT-RTX is for SM 8.0, 8.6 and 8.9."""


def plan(kind: Kind | None = None) -> bytes:
    """An engine's file."""
    return PLANS[(kind or Kind()).backend]
