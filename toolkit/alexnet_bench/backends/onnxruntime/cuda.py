"""ONNX Runtime's CUDA provider, as a runner inside a worker.

Not yet run on an NVIDIA GPU: what needs none is tested with the CPU provider in its place.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from alexnet_bench.backends.device.card import first_card
from alexnet_bench.backends.device.driver import no_driver
from alexnet_bench.backends.elf import needed_libraries
from alexnet_bench.backends.onnxruntime import layers
from alexnet_bench.backends.onnxruntime.fallback import floats_on, refusal
from alexnet_bench.backends.onnxruntime.session import (
    SETTINGS as SESSION_SETTINGS,
)
from alexnet_bench.backends.onnxruntime.session import open_session, session_options
from alexnet_bench.backends.onnxruntime.types import rounded_to_tf32
from alexnet_bench.backends.protocol import ELSEWHERE, Loaded, LoadRequest
from alexnet_bench.backends.run_record import read_record, write_record
from alexnet_bench.backends.settings import Setting, check_precision, chosen
from alexnet_bench.core.engine_layers import LayerTimes
from alexnet_bench.core.errors import BackendRefusal
from alexnet_bench.core.graph import Graph
from alexnet_bench.core.text import printable

if TYPE_CHECKING:
    import numpy as np

NAME = "onnxruntime-cuda"
SETTINGS: Mapping[str, Setting] = {
    **SESSION_SETTINGS,
    "cuda_graph": Setting(("off", "on"), "whether a run is captured once and replayed; needs fixed shapes"),
    "tf32": Setting(("off", "on"), "whether products of float32 may round their factors to 10 bits"),
}
_CPU = "CPUExecutionProvider"
_LIBRARY = Path("capi", "libonnxruntime_providers_cuda.so")
_RECORD = "provider.json"
_NO_KERNEL = "they have no CUDA kernel for their type or attributes; --backend onnxruntime-cpu runs all of them"


class _Record(msgspec.Struct):
    """What a layer run leaves beside its trace."""

    tf32: bool


class OnnxRuntimeCuda:
    """A session whose inputs and outputs lie on the device; a run includes the copy of the outputs to the host."""

    name = NAME
    settings = SETTINGS
    provider = "CUDAExecutionProvider"
    device = "cuda"

    def __init__(self) -> None:
        self._session: Any = None
        self._renewed: Callable[[], Any] | None = None
        self._binding: Any = None
        self._bound: dict[str, np.ndarray] = {}
        self._kinds: dict[str, Any] | None = None
        self._values: dict[str, Any] = {}
        self._outputs: tuple[str, ...] = ()
        self._profiling = self._graph = False

    def activate(self, request: LoadRequest) -> Loaded:
        """Loads the model into a new session, layer by layer where layers are timed.

        Raises:
            BackendRefusal: ONNX Runtime does not take the model, or would run it on the CPU.
            UsageError: a setting that it does not have, or a type other than the model's own.
        """
        settings = chosen(self.name, self.settings, request.settings)
        check_precision(self.name, request.precision, ("float32",))
        self._profiling = bool(request.layers_dir)
        self._graph = settings["cuda_graph"] == "on" and not self._profiling
        if self._profiling:
            # Launches return at once otherwise, and a kernel's time in the trace would be that of its launch.
            os.environ["CUDA_LAUNCH_BLOCKING"] = "1"
            write_record(Path(request.layers_dir, _RECORD), _Record(settings["tf32"] == "on"))
        import onnxruntime as ort

        ort.disable_telemetry_events()
        if hasattr(ort, "preload_dlls"):  # the loader does not find CUDA and cuDNN inside NVIDIA's wheels
            ort.preload_dlls(directory="")
        self._session = self._open(request, settings)
        self._renewed = partial(self._open, request, settings)
        if self._session.get_providers()[0] != self.provider:
            raise BackendRefusal(
                f"onnxruntime {ort.__version__} cannot use {self.provider}, and would run the model on the CPU",
                "is there a driver, and do its CUDA and cuDNN fit onnxruntime-gpu? or choose --backend onnxruntime-cpu",
            )
        self._outputs = tuple(output.name for output in self._session.get_outputs())
        card = first_card()
        return Loaded(ort.__version__, self._outputs, card.name if card else f"{self.device}:0", settings=settings)

    def infer(self, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """One forward pass; arrays are copied to the device when they are others than before.

        Raises:
            BackendRefusal: a kernel fails on these inputs, or arrays of these sizes cannot be given to the device.
        """
        try:
            self._feed(feeds)
            self._session.run_with_iobinding(self._binding)
            self._binding.synchronize_outputs()
            return [value.numpy() for value in self._binding.get_outputs()]
        except Exception as error:  # noqa: BLE001 - the runtime's exception classes have no common base of their own
            raise BackendRefusal(f"onnxruntime fails while running: {printable(str(error), 600)}", ELSEWHERE) from None

    def deactivate(self) -> None:
        """Ends the session and completes the trace."""
        if self._profiling and self._session is not None:
            self._session.end_profiling()
        self._session = self._renewed = self._binding = self._kinds = None
        self._values = {}

    def _open(self, request: LoadRequest, settings: Mapping[str, str]) -> Any:
        """A session of the request's model with those settings."""
        check_linked(_LIBRARY)
        options = session_options(request, {name: settings[name] for name in SESSION_SETTINGS})
        return open_session(request, options, self._providers(settings))

    def _providers(self, settings: Mapping[str, str]) -> list[object]:
        return [cuda_provider(settings, captures=self._graph), _CPU]

    def _feed(self, feeds: Mapping[str, np.ndarray]) -> None:
        """Gives the device the arrays that are others than before, in the memory that it knows where they fit it.

        A captured run reads the memory that it was captured with, whatever is bound later.
        """
        kinds = {name: (array.dtype, array.shape) for name, array in feeds.items()}
        if kinds != self._kinds:
            self._kinds = None
            self._bind(feeds)
        else:
            for name, array in feeds.items():
                if self._bound[name] is not array:
                    self._values[name].update_inplace(array)
        self._bound, self._kinds = dict(feeds), kinds

    def _bind(self, feeds: Mapping[str, np.ndarray]) -> None:
        import onnxruntime as ort

        if self._graph and self._binding is not None and self._renewed is not None:
            # A session replays what it captured for sizes that are others, too; not every provider can release it.
            self._session = self._binding = None
            self._session = self._renewed()
        self._binding = self._session.io_binding()
        self._values = {name: ort.OrtValue.ortvalue_from_numpy(array, self.device, 0) for name, array in feeds.items()}
        for name, value in self._values.items():
            self._binding.bind_ortvalue_input(name, value)
        for name in self._outputs:
            self._binding.bind_output(name, self.device)
        if self._graph:
            self._fix_outputs(ort)

    def _fix_outputs(self, ort: Any) -> None:
        """One run that is not captured gives the outputs the addresses that a captured one needs."""
        options = ort.RunOptions()
        options.add_run_config_entry("gpu_graph_id", "-1")
        self._session.run_with_iobinding(self._binding, options)
        for name, value in zip(self._outputs, self._binding.get_outputs(), strict=True):
            self._binding.bind_ortvalue_output(name, value)


def cuda_provider(settings: Mapping[str, str], *, captures: bool) -> tuple[str, dict[str, str]]:
    """The CUDA provider with its options.

    Args:
        settings: as `SETTINGS` has them.
        captures: whether runs are captured and replayed by this provider.
    """
    asked = {"enable_cuda_graph": str(int(captures)), "use_tf32": str(int(settings["tf32"] == "on"))}
    return OnnxRuntimeCuda.provider, asked


def check_linked(library: Path) -> None:
    """Loads what a provider is linked to; ONNX Runtime would say no more than that it cannot use it.

    Args:
        library: of the provider, within the folder of onnxruntime; where it is not there, nothing happens.

    Raises:
        BackendRefusal: a library is not there, or cannot be loaded.
    """
    import onnxruntime as ort

    path = Path(ort.__file__).parent / library
    if not path.is_file():
        return
    for name in needed_libraries(path):
        try:
            ctypes.CDLL(name)
        except OSError as error:
            raise BackendRefusal(
                f"{library.name} is linked to {printable(name)}, which cannot be loaded: {printable(str(error), 400)}",
                'of CUDA and cuDNN: pip install "onnxruntime-gpu[cuda,cudnn]", or NVIDIA\'s packages for the system',
            ) from None


def read_layers(folder: Path, graph: Graph, *, timed_runs: int, wall_s: tuple[float, ...]) -> LayerTimes:
    """As `layers.read_layers`, products in TF32 told; that a kernel was left to the CPU is an error.

    Raises:
        BackendRefusal: kernels that compute floating-point numbers ran on the CPU.
        BackendCrash: the files are not there, or not what ONNX Runtime writes.
    """
    if fallen := floats_on(_CPU, folder):
        raise refusal(fallen, "the GPU", _NO_KERNEL)
    times = layers.read_layers(folder, graph, timed_runs=timed_runs, wall_s=wall_s)
    return replace(times, layers=tuple(map(rounded_to_tf32, times.layers))) if may_round(folder) else times


def may_round(folder: Path) -> bool:
    """Whether products of float32 could be rounded to TF32 in the layer run of a folder.

    Raises:
        BackendCrash: the run left no word on that.
    """
    return read_record(folder / _RECORD, _Record, "onnxruntime").tf32


def missing(package: Path) -> str:
    """What the backend lacks here, "" when nothing; nothing is imported.

    Args:
        package: the folder of the installed onnxruntime.
    """
    if not (package / _LIBRARY).is_file():
        return "the installed onnxruntime has no CUDA provider: it is not onnxruntime-gpu"
    return no_driver()
