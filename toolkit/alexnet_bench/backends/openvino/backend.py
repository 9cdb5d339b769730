"""OpenVINO's CPU plugin, as a runner inside a worker.

OpenVINO runs a float32 model in bfloat16 on processors with matrix units unless it is told not to, and rounds to bytes
what it multiplies by weights in bytes; here float32 means float32. What it computes in is read back for each kernel,
and the properties in force are in `Loaded.settings`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alexnet_bench.backends.openvino.arrays import bfloat16_tensor, is_bfloat16, widened
from alexnet_bench.backends.openvino.recorder import ROUNDED_TOGETHER, Recorder
from alexnet_bench.backends.protocol import ELSEWHERE, NAMED_MODEL, Loaded, LoadRequest
from alexnet_bench.backends.settings import Setting, check_precision, chosen
from alexnet_bench.core.errors import AlexnetBenchError, BackendRefusal
from alexnet_bench.core.text import printable
from alexnet_bench.graph.onnx_io import open_model

if TYPE_CHECKING:
    import numpy as np

NAME = "openvino"
PRECISIONS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}
"""Types to compute in, and OpenVINO's words for them."""
SETTINGS: Mapping[str, Setting] = {
    "hint": Setting(("LATENCY", "THROUGHPUT"), "what OpenVINO tunes for"),
    "streams": Setting(
        ("1", "2", "4", "8", "16", "32", "AUTO"),
        "into how many groups the threads are split; one pass runs on one of them, and AUTO follows the hint",
    ),
    "pinning": Setting(("YES", "NO"), "whether each thread stays on one core"),
    "hyper_threading": Setting(("NO", "YES"), "whether both threads of a core may work"),
    "dynamic_quantization": Setting(
        ("0", "16", "32", "64", "128"),
        "how many activations are rounded to bytes with one scale, for weights that are bytes; 0 rounds none",
    ),
    "shapes": Setting(("static", "dynamic"), "whether dynamic inputs get the sizes of the case before compiling"),
}
_READ_BACK = (
    *("INFERENCE_PRECISION_HINT", "PERFORMANCE_HINT", "NUM_STREAMS", "INFERENCE_NUM_THREADS", "ENABLE_CPU_PINNING"),
    *("ENABLE_HYPER_THREADING", "EXECUTION_MODE_HINT", "PERF_COUNT", ROUNDED_TOGETHER),
)


class OpenVino:
    """One compiled model with one inference request, whose inputs are bound without a copy."""

    def __init__(self) -> None:
        self._request: Any = None
        self._bound: dict[str, np.ndarray] = {}
        self._inputs: dict[str, Any] = {}
        self._outputs: list[bool] = []
        self._recorder: Recorder | None = None

    def activate(self, request: LoadRequest) -> Loaded:
        """Reads and compiles the model.

        Raises:
            BackendRefusal: OpenVINO does not take it; the message is its own.
            UsageError: a setting or a type that it does not know.
        """
        settings = chosen(NAME, SETTINGS, request.settings)
        precision = check_precision(NAME, request.precision, tuple(PRECISIONS))
        import openvino

        version = openvino.get_version().partition("-")[0]
        self._recorder = Recorder(Path(request.layers_dir)) if request.layers_dir else None
        try:
            core = openvino.Core()
            model = core.read_model(source_of(request))
            outputs = tuple(port.any_name for port in model.outputs)
            if settings["shapes"] == "static":
                fix_shapes(model, request.shapes)
            if self._recorder is not None:
                self._recorder.mark(model)
            compiled = core.compile_model(
                model, "CPU", _properties(request.threads, precision, settings, is_timed=self._recorder is not None)
            )
            self._request = compiled.create_infer_request()
            if self._recorder is not None:
                self._recorder.compiled(compiled)
            self._inputs = {name: port for port in compiled.inputs for name in port.names}
            self._outputs = [is_bfloat16(port) for port in compiled.outputs]
            in_force = {key: _text(compiled.get_property(key)) for key in _READ_BACK}
        except Exception as error:  # noqa: BLE001 - what it raises has no common base of its own
            raise BackendRefusal(
                f"openvino {version} refuses the model: {_reason(error)}",
                _hint(request),
            ) from None
        return Loaded(version, outputs, "cpu", settings=settings | in_force)

    def infer(self, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """One forward pass; the outputs are OpenVINO's own memory, and hold until the next one. bfloat16 is widened.

        Raises:
            BackendRefusal: an input is missing or unknown, or a kernel fails on these inputs.
        """
        try:
            self._bind(feeds)
            if self._recorder is None:
                self._request.infer()
            else:
                self._recorder.run(self._request)
        except Exception as error:  # noqa: BLE001 - as above
            raise BackendRefusal(f"openvino fails while running: {_reason(error)}", ELSEWHERE) from None
        made = [self._request.get_output_tensor(index).data for index in range(len(self._outputs))]
        return [widened(data) if is_half else data for data, is_half in zip(made, self._outputs, strict=True)]

    def deactivate(self) -> None:
        """Ends the request, and writes what was recorded."""
        if self._recorder is not None and self._request is not None:
            self._recorder.finish()
        self._request = None

    def _bind(self, feeds: Mapping[str, np.ndarray]) -> None:
        """Points the request at arrays that it does not know yet; the others stay bound."""
        if (
            self._bound
            and feeds.keys() == self._bound.keys()
            and all(feeds[name] is self._bound[name] for name in feeds)
        ):
            return
        import openvino

        unknown = sorted(feeds.keys() - self._inputs.keys())
        missing = sorted(name for name, port in self._inputs.items() if not port.names & feeds.keys())
        if unknown or missing:
            raise ValueError(f"unknown inputs {unknown}, missing ones {missing}")
        for name, array in feeds.items():
            port = self._inputs[name]
            is_half = is_bfloat16(port) and array.dtype == "float32"
            tensor = bfloat16_tensor(array) if is_half else openvino.Tensor(array, shared_memory=True)
            self._request.set_tensor(port, tensor)
        self._bound = dict(feeds)  # the arrays have to live as long as they are bound


def source_of(request: LoadRequest) -> str:
    """The model's path; of a model with functions, the copy in which they are inlined, when one was made.

    OpenVINO would name the tensors inside functions in its own way. Other copies only name nodes, which is not needed.
    """
    named = Path(request.layers_dir) / NAMED_MODEL
    if request.layers_dir and named.is_file() and open_model(Path(request.model_path)).has_functions:
        return str(named)
    return request.model_path


def _hint(request: LoadRequest) -> str:
    """What to do about a model that OpenVINO does not take; some functions it takes only inlined."""
    try:
        has_functions = open_model(Path(request.model_path)).has_functions
    except AlexnetBenchError:
        return ELSEWHERE
    inlined = (
        f"`alexnet-bench build-engine --backend {NAME}` inlines the model's functions, and profile runs its engine"
    )
    return f"{inlined}; {ELSEWHERE}" if has_functions else ELSEWHERE


def fix_shapes(model: Any, shapes: Mapping[str, Sequence[int]]) -> None:
    """Gives dynamic inputs the sizes of the case."""
    dynamic = {
        name: list(shapes[name])
        for port in model.inputs
        for name in port.names
        if name in shapes and port.partial_shape.is_dynamic
    }
    if dynamic:
        model.reshape(dynamic)


def _properties(
    threads: int, precision: str, settings: Mapping[str, str], *, is_timed: bool
) -> dict[str, str | int | bool]:
    """What OpenVINO is told; it would choose the number of streams and the types by itself."""
    return {
        "INFERENCE_PRECISION_HINT": PRECISIONS[precision],
        "PERFORMANCE_HINT": settings["hint"],
        "NUM_STREAMS": settings["streams"],
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_CPU_PINNING": settings["pinning"] == "YES",
        "ENABLE_HYPER_THREADING": settings["hyper_threading"] == "YES",
        ROUNDED_TOGETHER: int(settings["dynamic_quantization"]),
        "PERF_COUNT": is_timed,
    }


def _text(value: Any) -> str:
    """A property's value in OpenVINO's own words."""
    return str(value.get_type_name() if hasattr(value, "get_type_name") else getattr(value, "name", value))


def _reason(error: Exception) -> str:
    return printable(" ".join(str(error).split()), 600)
