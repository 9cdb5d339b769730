"""An engine that is loaded, with its execution context: every call to TensorRT that running it takes, each checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from alexnet_bench.backends.tensorrt.build_log import make_log
from alexnet_bench.core.errors import BackendRefusal
from alexnet_bench.core.text import printable

_DTYPES = {
    "FLOAT": "float32",
    "HALF": "float16",
    "INT8": "int8",
    "INT32": "int32",
    "INT64": "int64",
    "BOOL": "bool",
    "UINT8": "uint8",
}
"""What an engine may read and write here: the types that numpy has too."""


@dataclass(frozen=True, slots=True)
class EngineTensor:
    """An input or output of an engine.

    Attributes:
        name: of the model.
        dtype: numpy's name of its type.
        shape: -1 where the engine leaves a size open.
        is_input: or an output.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    is_input: bool


class Session:
    """Holds TensorRT's objects, which are never handed out: they have to be gone before the device is.

    Args:
        backend: its name, for messages.
        trt: its module.
    """

    def __init__(self, backend: str, trt: Any) -> None:
        self.backend = backend
        self._trt = trt
        self._log = make_log(trt)
        self._runtime: Any = None
        self._engine: Any = None
        self._context: Any = None
        self._inspector: Any = None
        self._profiler: Any = None

    def load(self, plan: bytes) -> None:
        """Reads an engine; its weights lie on the device then.

        Raises:
            BackendRefusal: TensorRT does not take it, with its reason; so do all methods here.
        """
        self._runtime = self._must("trt", "Runtime", self._log)
        self._engine = self._must("runtime", "deserialize_cuda_engine", plan)

    def prepare(self) -> None:
        """Makes the execution context, whose activations lie on the device."""
        self._context = self._must("engine", "create_execution_context")

    def tensors(self) -> tuple[EngineTensor, ...]:
        """Inputs and outputs, in the engine's order."""
        count = self._get("engine", "num_io_tensors")
        names = [self._must("engine", "get_tensor_name", at) for at in range(count)]
        return tuple(self._tensor(name) for name in names)

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
        self._profiler = _make_profiler(self._trt, report)
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
        return int(self._must("engine", "get_engine_stat", self._trt.EngineStat.TOTAL_WEIGHTS_SIZE))

    @property
    def activation_bytes(self) -> int:
        """Of the memory that layers share for what flows between them."""
        return int(self._get("engine", "device_memory_size_v2"))

    def close(self) -> None:
        """Ends the context, then the engine, then the runtime."""
        self._context = None
        self._profiler = None
        self._engine = None
        self._runtime = None

    def _tensor(self, name: str) -> EngineTensor:
        trt, shown = self._trt, printable(name, 200)
        dtype = str(self._must("engine", "get_tensor_dtype", name)).rpartition(".")[2]
        if self._must("engine", "get_tensor_location", name) == trt.TensorLocation.HOST:
            raise BackendRefusal(f"{self.backend} cannot run this engine here: {shown} holds sizes of other tensors")
        if dtype not in _DTYPES:
            raise BackendRefusal(f"{self.backend} cannot run this engine here: {shown} is {dtype}, which numpy lacks")
        is_input = self._must("engine", "get_tensor_mode", name) == trt.TensorIOMode.INPUT
        return EngineTensor(name, _DTYPES[dtype], tuple(self._must("engine", "get_tensor_shape", name)), is_input)

    def _must(self, owner: str, function: str, *arguments: object) -> Any:
        """What a call gives, which is an error when it is nothing, or no."""
        answer = self._call(owner, function, *arguments)
        if answer is None or answer is False:
            raise self._refusal(function, "")
        return answer

    def _call(self, owner: str, function: str, *arguments: object) -> Any:
        """A call; its owner goes by name, so that an error on its way holds on to nothing of TensorRT."""
        with self._told(function):
            return getattr(getattr(self, f"_{owner}"), function)(*arguments)

    def _get(self, owner: str, name: str) -> Any:
        with self._told(name):
            return getattr(getattr(self, f"_{owner}"), name)

    def _set(self, owner: str, name: str, *, value: object) -> None:
        with self._told(name):
            setattr(getattr(self, f"_{owner}"), name, value)

    @contextmanager
    def _told(self, function: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the bindings raise classes of several modules
            raise self._refusal(function, f"{type(error).__name__}: {error}") from None

    def _refusal(self, function: str, reason: str) -> BackendRefusal:
        """The refusal, with what TensorRT last said in its log."""
        said = self._log.errors[-1] if self._log.errors else ""
        why = printable(
            "; ".join(" ".join(part.split()) for part in (reason, said) if part) or "it gives no reason", 600
        )
        return BackendRefusal(f"{self.backend} fails in {function}: {why}")


def _make_profiler(trt: Any, report: Callable[[str, float], None]) -> Any:
    class Profiler(trt.IProfiler):  # type: ignore[misc]  # the base class is only known here
        """Passes on what it is told."""

        def __init__(self) -> None:
            trt.IProfiler.__init__(self)

        def report_layer_time(self, layer_name: str, ms: float) -> None:
            """Called by TensorRT for each layer."""
            report(layer_name, ms)

    return Profiler()
