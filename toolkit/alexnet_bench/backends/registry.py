"""The backends by name, in the order in which they are tried."""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import importlib.util
from collections.abc import Callable
from typing import Any

from alexnet_bench.backends.protocol import Availability, Backend, LayersReader, Runner
from alexnet_bench.core.errors import MissingRuntimeError, UsageError

BACKENDS: tuple[Backend, ...] = (
    Backend(
        name="onnxruntime-cpu",
        module="onnxruntime",
        install="alexnet-bench[cpu]",
        runner="alexnet_bench.backends.onnxruntime_cpu:OnnxRuntimeCpu",
        layers_reader="alexnet_bench.backends.onnxruntime_layers:read_layers",
    ),
)


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
    raise UsageError(f"unknown backend {name!r}", hint)


def choose_backend(name: str | None) -> Backend:
    """The backend asked for, else the first that works here.

    Raises:
        UsageError: the name is unknown.
        MissingRuntimeError: its runtime is not installed, or none is; the hint is the pip line.
    """
    candidates = [get_backend(name)] if name else [backend for backend in BACKENDS if backend.tried_by_default]
    for backend in candidates:
        if availability(backend).works:
            return backend
    missing = candidates[0] if name else get_backend("onnxruntime-cpu")
    what = (
        f"backend {missing.name} needs {missing.module}, which is not installed" if name else "no runtime is installed"
    )
    reason = availability(missing).reason if name else ""
    raise MissingRuntimeError(f"{what}{f' ({reason})' if reason else ''}", install_hint(missing))


def install_hint(backend: Backend) -> str:
    """The exact line that installs a backend."""
    return f'pip install "{backend.install}"    (or count without a runtime: --static)'


def availability(backend: Backend) -> Availability:
    """Whether the backend's packages are here; imports nothing heavy."""
    if importlib.util.find_spec(backend.module) is None:
        return Availability(backend.name, "", works=False, reason=f"{backend.module} is not installed")
    return Availability(backend.name, _version(backend.module), works=True)


def make_runner(name: str) -> Runner:
    """A new runner of the backend; imports its module, but not yet its runtime."""
    runner: Runner = _load(get_backend(name).runner)()
    return runner


def layers_reader(name: str) -> LayersReader:
    """The function that reads the backend's layer times."""
    reader: LayersReader = _load(get_backend(name).layers_reader)
    return reader


def _load(target: str) -> Callable[..., Any]:
    module, _, attribute = target.partition(":")
    loaded: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    return loaded


def _version(module: str) -> str:
    names = importlib.metadata.packages_distributions().get(module, [])
    return importlib.metadata.version(names[0]) if names else "unknown"
