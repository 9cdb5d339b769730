"""ONNX Runtime's TensorRT provider, as a runner inside a worker.

Not yet run on an NVIDIA GPU: what needs none is tested with the CPU provider in its place, and the names of options
against the provider's library.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from alexnet_bench.backends import nvinfer
from alexnet_bench.backends.device.driver import no_driver
from alexnet_bench.backends.onnxruntime.cuda import SETTINGS as CUDA_SETTINGS
from alexnet_bench.backends.onnxruntime.cuda import OnnxRuntimeCuda, check_linked, cuda_provider, may_round
from alexnet_bench.backends.onnxruntime.engines import engine_folder, fix_sizes
from alexnet_bench.backends.onnxruntime.fallback import RECORD_ASSIGNMENT, left_by, refusal
from alexnet_bench.backends.onnxruntime.layers import layer_times
from alexnet_bench.backends.onnxruntime.partition import executed_nodes, parts
from alexnet_bench.backends.onnxruntime.session import SETTINGS as SESSION_SETTINGS
from alexnet_bench.backends.onnxruntime.session import open_session, session_options
from alexnet_bench.backends.onnxruntime.trace import read_trace
from alexnet_bench.backends.onnxruntime.types import rounded_to_tf32
from alexnet_bench.backends.protocol import Loaded, LoadRequest
from alexnet_bench.backends.settings import Setting
from alexnet_bench.core.engine_layers import EngineLayer, LayerTimes
from alexnet_bench.core.graph import Graph

NAME = "onnxruntime-tensorrt"
PROVIDER = "TensorrtExecutionProvider"
SETTINGS: Mapping[str, Setting] = {
    **CUDA_SETTINGS,
    "fallback": Setting(("refused", "allowed"), "whether nodes that TensorRT does not take may run on CUDA or the CPU"),
    "shapes": Setting(("static", "dynamic"), "whether open sizes of inputs get those of the case before building"),
}
_CPU = "CPUExecutionProvider"
_TF32_OVERRIDE = "NVIDIA_TF32_OVERRIDE"
"""TensorRT uses TF32 untold, and the provider has no option for it. NVIDIA's libraries obey this variable of the
process, and read it once (onnxruntime issue 26029)."""
_PROVIDER_VARIABLES = "ORT_TENSORRT_"
"""How variables begin by which the user's shell could change what the provider builds."""
_ALLOW = 'or allow it in a recipe: [settings] fallback = "allowed"; or choose --backend onnxruntime-cuda'


class OnnxRuntimeTensorRt(OnnxRuntimeCuda):
    """A session whose graph is given to TensorRT as a whole, unless parts are allowed to run elsewhere."""

    name = NAME
    settings = SETTINGS
    provider = PROVIDER

    def __init__(self) -> None:
        super().__init__()
        self._version = ""
        self._engines: Path | None = None

    def activate(self, request: LoadRequest) -> Loaded:
        """Loads TensorRT and builds the engines of the model, or takes those that were built before.

        Raises:
            BackendRefusal: TensorRT is not installed or of another major version, ONNX Runtime does not take the model,
                or TensorRT does not take all of it.
            UsageError: a setting that it does not have, or a type other than the model's own.
        """
        loaded = super().activate(request)
        version = f"{loaded.backend_version} (TensorRT {self._version})"
        cache = {"engine_cache": "on" if self._engines else "off"}
        return replace(loaded, backend_version=version, settings=loaded.settings | cache)

    def _open(self, request: LoadRequest, settings: Mapping[str, str]) -> Any:
        # Without following links: external data lies beside the name that was given.
        request = replace(request, model_path=str(Path(request.model_path).absolute()))
        _settle_process(settings, request.layers_dir)
        self._version = self._load_tensorrt()
        check_linked(nvinfer.PROVIDER)
        options = session_options(request, {name: settings[name] for name in SESSION_SETTINGS}, writes_model=False)
        options.add_session_config_entry(RECORD_ASSIGNMENT, "1")
        shapes = request.shapes if settings["shapes"] == "static" else {}
        fix_sizes(options, Path(request.model_path), shapes)
        made_with = (self._version, settings["tf32"], sorted(shapes.items()))
        self._engines = engine_folder(request, made_with)
        session = open_session(request, options, self._providers(settings))
        has_provider = session.get_providers()[0] == self.provider  # without it, the caller refuses
        fallen = left_by(session, self.provider) if has_provider and settings["fallback"] == "refused" else []
        if fallen:
            raise refusal(fallen, "TensorRT", f"change these nodes, {_ALLOW}")
        return session

    def _load_tensorrt(self) -> str:
        import onnxruntime as ort

        return nvinfer.load(Path(ort.__file__).parent)

    def _providers(self, settings: Mapping[str, str]) -> list[object]:
        options = provider_options(captures=self._graph, dumps=self._profiling, engines=self._engines)
        return [(self.provider, options), cuda_provider(settings, captures=False), _CPU]


def provider_options(*, captures: bool, dumps: bool, engines: Path | None) -> dict[str, str]:
    """Options of the provider, whose booleans are "True" and "False": ONNX Runtime's Python module takes no others.

    Without one of the three types, the provider makes a strongly typed network: types are those of the graph.

    Args:
        captures: whether runs are captured and replayed.
        dumps: whether the parts that TensorRT takes are written to the working folder.
        engines: where engines are kept, None to keep none; what was timed while they were built is kept beside it.
    """
    options = {
        "trt_fp16_enable": str(False),
        "trt_bf16_enable": str(False),
        "trt_int8_enable": str(False),
        "trt_cuda_graph_enable": str(captures),
        "trt_dump_subgraphs": str(dumps),
        "trt_engine_cache_enable": str(engines is not None),
        "trt_timing_cache_enable": str(engines is not None),
    }
    if engines is not None:
        options |= {"trt_engine_cache_path": str(engines), "trt_timing_cache_path": str(engines)}
    return options


def read_layers(folder: Path, graph: Graph, *, timed_runs: int, wall_s: tuple[float, ...]) -> LayerTimes:
    """The parts that TensorRT took, each one layer that owns all of its nodes, and the nodes that ran elsewhere.

    Raises:
        BackendCrash: the files are not there, or not what ONNX Runtime writes.
    """
    trace = read_trace(folder, timed_runs=timed_runs, wall_s=wall_s, nested=())
    tf32 = may_round(folder)
    compiled = parts(folder, trace, PROVIDER)
    times = layer_times(executed_nodes(trace, graph, compiled), trace, graph)
    computed = {
        name: "tf32" if tf32 and part.compute_dtype == "float32" else part.compute_dtype
        for name, part in compiled.items()
    }
    layers = tuple(_computed(layer, computed) for layer in times.layers)
    if tf32:
        on_cuda = {name for name, shown in trace.shown.items() if shown.provider == OnnxRuntimeCuda.provider}
        layers = tuple(rounded_to_tf32(layer) if layer.name in on_cuda else layer for layer in layers)
    return replace(times, layers=layers)


def _computed(layer: EngineLayer, dtypes: Mapping[str, str]) -> EngineLayer:
    return replace(layer, compute_dtype=dtypes[layer.name]) if layer.name in dtypes else layer


def _settle_process(settings: Mapping[str, str], layers_dir: str) -> None:
    """Sets what the provider and its libraries take from the process: variables, and the folder to write parts to."""
    for name in [name for name in os.environ if name.startswith(_PROVIDER_VARIABLES)]:
        del os.environ[name]
    os.environ.pop(_TF32_OVERRIDE, None)
    if settings["tf32"] == "off":
        os.environ[_TF32_OVERRIDE] = "0"
    if layers_dir:
        os.chdir(layers_dir)


def missing(package: Path) -> str:
    """What the backend lacks here, "" when nothing; nothing is imported or loaded.

    Args:
        package: the folder of the installed onnxruntime.
    """
    if not (package / nvinfer.PROVIDER).is_file():
        return "the installed onnxruntime has no TensorRT provider: it is not onnxruntime-gpu"
    return no_driver() or nvinfer.missing(package)
