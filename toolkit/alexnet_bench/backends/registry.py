"""The backends by name, in the order in which they are tried."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

from alexnet_bench.backends.protocol import (
    Availability,
    Backend,
    Described,
    LayersReader,
    LoadRequest,
    PlanBuilt,
    PlanRequest,
    Runner,
    Target,
)
from alexnet_bench.backends.settings import Setting
from alexnet_bench.core import packages
from alexnet_bench.core.errors import MissingRuntimeError, UsageError
from alexnet_bench.core.text import printable

BACKENDS: tuple[Backend, ...] = (
    Backend(
        name="onnxruntime-cpu",
        module="onnxruntime",
        api="InferenceSession",
        install="cpu",
        runner="alexnet_bench.backends.onnxruntime.cpu:OnnxRuntimeCpu",
        layers_reader="alexnet_bench.backends.onnxruntime.layers:read_layers",
        settings="alexnet_bench.backends.onnxruntime.cpu:SETTINGS",
        products=("float32", "float64", "float16", "bfloat16", "int8"),
    ),
    Backend(
        name="openvino",
        module="openvino",
        api="Core",
        install="openvino",
        runner="alexnet_bench.backends.openvino.backend:OpenVino",
        layers_reader="alexnet_bench.backends.openvino.layers:read_layers",
        settings="alexnet_bench.backends.openvino.backend:SETTINGS",
        products=("float32", "bfloat16", "float16", "int8"),
        precisions=("float32", "bfloat16", "float16"),
        kept_out=("openvino_telemetry",),
    ),
    Backend(
        name="onnxruntime-cuda",
        module="onnxruntime",
        api="InferenceSession",
        install="gpu",
        runner="alexnet_bench.backends.onnxruntime.cuda:OnnxRuntimeCuda",
        layers_reader="alexnet_bench.backends.onnxruntime.cuda:read_layers",
        settings="alexnet_bench.backends.onnxruntime.cuda:SETTINGS",
        tried_by_default=False,  # until it has been run on a GPU
        products=("float32", "float64", "float16", "bfloat16", "int8"),
        missing="alexnet_bench.backends.onnxruntime.cuda:missing",
        distribution="onnxruntime-gpu",
        device="cuda",
    ),
    Backend(
        name="onnxruntime-tensorrt",
        module="onnxruntime",
        api="InferenceSession",
        install="ort-tensorrt",
        runner="alexnet_bench.backends.onnxruntime.tensorrt:OnnxRuntimeTensorRt",
        layers_reader="alexnet_bench.backends.onnxruntime.tensorrt:read_layers",
        settings="alexnet_bench.backends.onnxruntime.tensorrt:SETTINGS",
        tried_by_default=False,
        products=("float32", "float16", "bfloat16", "int8"),
        missing="alexnet_bench.backends.onnxruntime.tensorrt:missing",
        distribution="onnxruntime-gpu",
        device="cuda",
        keeps_engines=True,
        compiles=True,
    ),
    Backend(
        name="torch",
        module="torch",
        api="nn",
        install="train",
        runner="alexnet_bench.backends.torch.runtime:Torch",
        layers_reader="alexnet_bench.backends.torch.layers:read_layers",
        settings="alexnet_bench.backends.torch.runtime:SETTINGS",
        tried_by_default=False,
        products=("float32", "float64", "bfloat16", "float16"),
        precisions=("float32", "bfloat16", "float16"),
    ),
    *(
        Backend(
            name=name,
            module=name.replace("-", "_"),
            api="Builder",
            install=extra,
            runner="alexnet_bench.backends.tensorrt.runner:TensorRt",
            layers_reader="alexnet_bench.backends.tensorrt.layer_times:read_layers",
            tried_by_default=False,  # until it has been run on a GPU
            products=("float32", "float16", "bfloat16", "int8"),
            missing="alexnet_bench.backends.tensorrt.flavour:cannot_run",
            planner="alexnet_bench.backends.tensorrt.build:build_plan",
            describer="alexnet_bench.backends.tensorrt.describe:describe_plan",
            cannot_build="alexnet_bench.backends.tensorrt.flavour:cannot_build",
            target="alexnet_bench.backends.tensorrt.flavour:target_of",
            device="cuda",
            compiles=True,
        )
        for name, extra in (("tensorrt", "tensorrt"), ("tensorrt-rtx", "rtx"))
    ),
)

RUN_ELSEWHERE = "alexnet-bench build-engine works here; run the engine where there is an NVIDIA GPU"


def get_backend(name: str) -> Backend:
    """The backend of that name.

    Raises:
        UsageError: there is none.
    """
    for backend in BACKENDS:
        if backend.name == name:
            return backend
    names = [backend.name for backend in BACKENDS]
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(names)}"
    raise UsageError(f"unknown backend {printable(name)!r}", hint)


def choose_backend(name: str | None) -> Backend:
    """The backend asked for, else the first that works here.

    Raises:
        UsageError: the name is unknown.
        MissingRuntimeError: its runtime is not installed, or none is; the hint is the pip line.
    """
    return _chosen(name, lambda here: here.works)[0]


def choose_builder(name: str | None) -> tuple[Backend, str]:
    """As `choose_backend`, of those that build engines here, with the version of its runtime."""
    backend, here = _chosen(name, lambda here: here.works or here.builds)
    return backend, here.version


def _chosen(name: str | None, will_do: Callable[[Availability], bool]) -> tuple[Backend, Availability]:
    """What is here of the first backend that will do; looking for that twice takes a while."""
    candidates = [get_backend(name)] if name else [backend for backend in BACKENDS if backend.tried_by_default]
    found = ((backend, availability(backend)) for backend in candidates)
    first = next((item for item in found if will_do(item[1])), None)
    if first is not None:
        return first
    here = availability(candidates[0])
    if name is None:
        damaged = f": {here.reason}" if packages.bringing(candidates[0].module) else ""
        raise MissingRuntimeError(
            f"no runtime {'works here' if damaged else 'is installed'}{damaged}", install_hint(candidates[0])
        )
    if here.builds:
        raise MissingRuntimeError(
            f"backend {name} builds engines here, and cannot run them: {here.reason}", RUN_ELSEWHERE
        )
    raise MissingRuntimeError(f"backend {name} does not work here: {here.reason}", install_hint(candidates[0]))


def install_hint(backend: Backend) -> str:
    """What to type so that a backend has its packages, after what makes room where another package is in their way."""
    return packages.install_hint(backend.module, backend.install, backend.distribution)


def repair_hint(backend: Backend) -> str:
    """What to type where a backend's packages are here, and do not work."""
    return packages.repair_hint(backend.module, backend.install)


def availability(backend: Backend) -> Availability:
    """Whether the backend's packages are here; imports nothing heavy."""
    folder = packages.folder_of(backend.module)
    if folder is None:
        return Availability(backend.name, "", works=False, reason=packages.absent(backend.module))
    reason = _load(backend.missing)(folder) if backend.missing else ""
    builds = not _load(backend.cannot_build)(backend.name) if backend.cannot_build else not reason
    version = packages.version_of(backend.module)
    return Availability(backend.name, version, works=not reason, reason=reason, builds=builds)


def import_runtime(name: str) -> None:
    """Imports a backend's runtime, in a worker, without its telemetry.

    Raises:
        MissingRuntimeError: it is not installed, cannot be imported, or is not whole.
    """
    backend = get_backend(name)
    for module in backend.kept_out:
        sys.modules[module] = None  # type: ignore[assignment]  # importing it fails (Python's import system, 5.3.1)
    packages.import_package(backend.module, backend.api, backend.install)


def settings_of(backend: Backend) -> Mapping[str, Setting]:
    """The options of a backend by name; imports its module, but not its runtime."""
    module, _, name = backend.settings.partition(":")
    known: Mapping[str, Setting] = getattr(importlib.import_module(module), name) if name else {}
    return known


def make_runner(name: str) -> Runner:
    """A new runner of the backend; imports its module, but not yet its runtime."""
    runner: Runner = _load(get_backend(name).runner)()
    return runner


def make_plan(request: PlanRequest) -> PlanBuilt:
    """Builds an engine in a format of the runtime's own; inside a worker. Raises as the backend's planner."""
    built: PlanBuilt = _load(get_backend(request.backend).planner)(request)
    return built


def describe(request: LoadRequest) -> Described:
    """Asks an engine in a format of the runtime's own what it is; inside a worker. Raises as its describer."""
    described: Described = _load(get_backend(request.backend).describer)(request)
    return described


def target_here(backend: Backend) -> Target | None:
    """What engines are for that a backend builds here; None for those that run on the processor."""
    target: Target | None = _load(backend.target)(backend.name) if backend.target else None
    return target


def layers_reader(name: str) -> LayersReader:
    """The function that reads the backend's layer times."""
    reader: LayersReader = _load(get_backend(name).layers_reader)
    return reader


def _load(target: str) -> Callable[..., Any]:
    module, _, attribute = target.partition(":")
    loaded: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    return loaded
