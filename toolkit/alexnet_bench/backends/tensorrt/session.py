"""An engine that is loaded, with its execution context: every call to TensorRT that running it takes, each checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from alexnet_bench.backends.protocol import ShapeBounds
from alexnet_bench.backends.tensorrt.checked import Checked
from alexnet_bench.backends.tensorrt.engine_tensor import DTYPES, EngineTensor
from alexnet_bench.backends.tensorrt.flavour import flavour_of
from alexnet_bench.backends.tensorrt.profiler import make_profiler
from alexnet_bench.backends.tensorrt.profiles import holding_profile
from alexnet_bench.backends.tensorrt.weight_budget import automatic_budget
from alexnet_bench.core.errors import BackendRefusal
from alexnet_bench.core.text import printable


class Session(Checked):
    """Holds TensorRT's objects, which are never handed out: they have to be gone before the device is.

    Args:
        backend: its name, for messages.
        trt: its module.
    """

    def __init__(self, backend: str, trt: Any) -> None:
        super().__init__(backend, trt)
        self._runtime: Any = None
        self._registry: Any = None
        self._engine: Any = None
        self._runtime_config: Any = None
        self._context: Any = None
        self._inspector: Any = None
        self._profiler: Any = None
        self._refitter: Any = None
        self._parser_refitter: Any = None

    def load(self, plan: bytes, *, runs_host_code: bool = False, plugins: Sequence[str] = ()) -> None:
        """Reads an engine; its weights lie on the device then.

        Args:
            plan: the engine.
            runs_host_code: lets it run code that it carries itself: version compatible engines have some.
            plugins: libraries that it needs.

        Raises:
            BackendRefusal: TensorRT does not take it, with its reason; so do all methods here.
        """
        self._runtime = self._must("trt", "Runtime", self._log)
        self._call("trt", "init_libnvinfer_plugins", self._log, "")
        self._registry = self._must("runtime", "get_plugin_registry")
        for path in plugins:
            self._must("registry", "load_library", path)
        if runs_host_code:
            self._set("runtime", "engine_host_code_allowed", value=True)
        self._engine = self._must("runtime", "deserialize_cuda_engine", plan)

    def refit(self, model: str) -> None:
        """Puts weights into an engine, before its context is made.

        Args:
            model: the ONNX file that the engine was built from, with its weights.
        """
        try:
            with self._told("Refitter"):  # not by name: a frame that is passed an engine would hold on to it
                self._refitter = self._trt.Refitter(self._engine, self._log)
            with self._told("OnnxParserRefitter"):
                self._parser_refitter = self._trt.OnnxParserRefitter(self._refitter, self._log)
            self._must("parser_refitter", "refit_from_file", model)
            self._must("refitter", "refit_cuda_engine")
        finally:
            self._parser_refitter = None
            self._refitter = None

    def stream_weights(self, budget_bytes: int | None, free_bytes: int) -> int:
        """Keeps weights on the host that are over a budget, before the context is made.

        Args:
            budget_bytes: the most of them that lie on the device; None takes what TensorRT proposes for this device.
            free_bytes: on the device.

        Returns:
            the budget; that of an engine whose weights all lie on the device is the size of all that can be streamed.
        """
        most = int(self._get("engine", "streamable_weights_size"))
        if budget_bytes is None:
            told = int(self._must("engine", "get_weight_streaming_automatic_budget"))
            budget_bytes = automatic_budget(told, most, free_bytes - (self.activation_bytes or 0))
            if budget_bytes is None:
                raise self._refusal("get_weight_streaming_automatic_budget", f"it proposes {told:,} bytes")
        budget_bytes = min(budget_bytes, most)
        self._set("engine", "weight_streaming_budget_v2", value=budget_bytes)
        kept = int(self._get("engine", "weight_streaming_budget_v2"))
        if kept != budget_bytes:  # the bindings drop the answer of the call, which is no
            said = f"it is given {budget_bytes:,} bytes, and keeps to {kept:,}"
            raise self._refusal("weight_streaming_budget_v2", said)
        return kept

    def prepare(self) -> None:
        """Makes the execution context, whose activations lie on the device.

        One that compiles kernels for the sizes of its inputs does so in the first run with them, and not beside it: a
        graph would go on with the kernels that run meanwhile, and their time would be taken for that of the engine.
        """
        if flavour_of(self.backend, self._trt.__version__).compiles_while_running:
            self._make_eager_context()
        else:
            self._context = self._must("engine", "create_execution_context")
        # The engine has details for its inspector; as ranges of NVTX they make each launch longer.
        self._set("context", "nvtx_verbosity", value=self._trt.ProfilingVerbosity.NONE)

    def tensors(self) -> tuple[EngineTensor, ...]:
        """Inputs and outputs, in the engine's order."""
        count = self._get("engine", "num_io_tensors")
        names = [self._must("engine", "get_tensor_name", at) for at in range(count)]
        return tuple(self._tensor(name) for name in names)

    def ranges(self, name: str) -> tuple[ShapeBounds, ...]:
        """The sizes that an input may have, by optimisation profile."""
        count = self._get("engine", "num_optimization_profiles")
        bounds = [self._must("engine", "get_tensor_profile_shape", name, at) for at in range(count)]
        return tuple(ShapeBounds(*(tuple(sizes) for sizes in of_profile)) for of_profile in bounds)

    def use_profile(
        self, tensors: Sequence[EngineTensor], shapes: Mapping[str, Sequence[int]], stream_handle: int
    ) -> int:
        """Takes the first optimisation profile that holds the sizes of all inputs that the engine leaves open.

        Args:
            tensors: of the engine.
            shapes: of its inputs.
            stream_handle: that the change of profile goes into.

        Returns:
            its number.
        """
        ranges = {tensor.name: self.ranges(tensor.name) for tensor in tensors if tensor.is_open_input}
        if not ranges:
            return 0
        chosen = holding_profile(ranges, shapes)
        if chosen != self._get("context", "active_optimization_profile"):
            self._must("context", "set_optimization_profile_async", chosen, stream_handle)
        return chosen

    def check_linear(self, tensors: Sequence[EngineTensor], profile: int) -> None:
        """Refuses inputs and outputs that are vectorised or padded: all is copied as plain arrays.

        Args:
            tensors: of the engine.
            profile: the optimisation profile in use.
        """
        for name in (tensor.name for tensor in tensors):
            if self._must("engine", "get_tensor_format", name, profile) != self._trt.TensorFormat.LINEAR:
                form = printable(str(self._call("engine", "get_tensor_format_desc", name, profile)), 200)
                raise BackendRefusal(
                    f"{self.backend} cannot run this engine here: {printable(name, 200)} is no plain array: {form}",
                    "build it with linear inputs and outputs (trtexec: --inputIOFormats=fp32:chw, "
                    "--outputIOFormats=fp32:chw)",
                )

    def set_shapes(self, shapes: Mapping[str, Sequence[int]]) -> None:
        """Says how large each input is."""
        for name, sizes in shapes.items():
            self._must("context", "set_input_shape", name, tuple(sizes))
        if unknown := self._must("context", "infer_shapes"):
            raise self._refusal("infer_shapes", f"sizes are missing for {', '.join(map(str, unknown))}")

    def shape_of(self, name: str) -> tuple[int, ...]:
        """How large a tensor is, now that inputs have sizes."""
        sizes = tuple(self._must("context", "get_tensor_shape", name))
        if any(size < 0 for size in sizes):
            raise BackendRefusal(
                f"{self.backend} cannot run this engine here: the sizes {sizes} of output {printable(name, 200)} "
                "depend on the data",
                "cut the model before such nodes (NonZero, NonMaxSuppression), or run it on onnxruntime-cpu",
            )
        return sizes

    def bind(self, name: str, address: int) -> None:
        """Says where a tensor lies on the device."""
        self._must("context", "set_tensor_address", name, address)

    def launch(self, stream_handle: int) -> None:
        """Puts one inference into a stream."""
        self._must("context", "execute_async_v3", stream_handle)

    def check_capturable(self, stream_handle: int) -> None:
        """Refuses what TensorRT says that it cannot be captured; not every version says."""
        if not hasattr(self._context, "is_stream_capturable"):
            return
        if not self._call("context", "is_stream_capturable", stream_handle):
            raise BackendRefusal(f"{self.backend} says that this engine cannot be captured")

    @property
    def auxiliary_streams(self) -> int:
        """How many streams it runs layers on beside the one that it is given."""
        return int(self._get("engine", "num_aux_streams"))

    def use_streams(self, handles: Sequence[int]) -> None:
        """Gives it those, which live longer than the session."""
        self._call("context", "set_aux_streams", list(handles))

    def time_layers(self, report: Callable[[str, float], None]) -> None:
        """Has the time of each layer reported, by `report_layers` after each inference, and not while it is launched.

        Args:
            report: told the layer's name and its time in milliseconds.
        """
        self._profiler = make_profiler(self._trt, report)
        self._set("context", "enqueue_emits_profile", value=False)
        self._set("context", "profiler", value=self._profiler)

    def report_layers(self) -> None:
        """Has the layers of the last inference reported."""
        self._must("context", "report_to_profiler")

    def description(self) -> str:
        """The layers, as JSON of the engine inspector, for the sizes that inputs have."""
        self._inspector = self._must("engine", "create_engine_inspector")
        self._set("inspector", "execution_context", value=self._context)
        form = self._trt.LayerInformationFormat.JSON
        try:
            return str(self._must("inspector", "get_engine_information", form))
        finally:
            self._inspector = None

    @property
    def weight_bytes(self) -> int | None:
        """Of all weights in the engine, None where TensorRT does not say."""
        if not hasattr(self._trt, "EngineStat"):
            return None
        return self._figure(lambda: self._must("engine", "get_engine_stat", self._trt.EngineStat.TOTAL_WEIGHTS_SIZE))

    @property
    def activation_bytes(self) -> int | None:
        """Of the memory that layers share for what flows between them, None where TensorRT does not say."""
        return self._figure(lambda: self._get("engine", "device_memory_size_v2"))

    def close(self) -> None:
        """Ends the context, then the engine, then the runtime."""
        self._context = None
        self._profiler = None
        self._runtime_config = None
        self._engine = None
        self._registry = None
        self._runtime = None

    def _make_eager_context(self) -> None:
        self._runtime_config = self._must("engine", "create_runtime_config")
        with self._told("dynamic_shapes_kernel_specialization_strategy"):
            eager = self._trt.DynamicShapesKernelSpecializationStrategy.EAGER
            self._runtime_config.dynamic_shapes_kernel_specialization_strategy = eager
        with self._told("create_execution_context"):  # not by name: as in `refit`
            self._context = self._engine.create_execution_context(self._runtime_config)
        if self._context is None:
            raise self._refusal("create_execution_context", "")

    def _figure(self, ask: Callable[[], Any]) -> int | None:
        """A size; that it cannot be had is no reason against the engine.

        `get_engine_stat` of TensorRT's bindings ties its answer to the engine (keep_alive), which no int can be.
        """
        try:
            return int(ask())
        except BackendRefusal:
            return None

    def _tensor(self, name: str) -> EngineTensor:
        trt, shown = self._trt, printable(name, 200)
        dtype = str(self._must("engine", "get_tensor_dtype", name)).rpartition(".")[2]
        if self._must("engine", "get_tensor_location", name) == trt.TensorLocation.HOST:
            raise BackendRefusal(f"{self.backend} cannot run this engine here: {shown} holds sizes of other tensors")
        if dtype not in DTYPES:
            raise BackendRefusal(f"{self.backend} cannot run this engine here: {shown} is {dtype}, which numpy lacks")
        is_input = self._must("engine", "get_tensor_mode", name) == trt.TensorIOMode.INPUT
        return EngineTensor(name, DTYPES[dtype], tuple(self._must("engine", "get_tensor_shape", name)), is_input)
