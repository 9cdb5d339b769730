"""ONNX Runtime's CPU provider, as a runner inside a worker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alexnet_bench.backends.onnxruntime.session import SETTINGS, open_session, run_session, session_options
from alexnet_bench.backends.protocol import Loaded, LoadRequest
from alexnet_bench.backends.settings import check_precision, chosen

if TYPE_CHECKING:
    import numpy as np

NAME = "onnxruntime-cpu"
_PROVIDER = "CPUExecutionProvider"


class OnnxRuntimeCpu:
    """One session with the default graph optimisations, as users ship it, unless settings say otherwise."""

    def __init__(self) -> None:
        self._session: Any = None
        self._outputs: list[str] = []
        self._profiling = False

    def activate(self, request: LoadRequest) -> Loaded:
        """Loads the model into a new session.

        Raises:
            BackendRefusal: ONNX Runtime does not take it; the message is its own.
            UsageError: a setting that it does not have, or a type other than the model's own.
        """
        settings = chosen(NAME, SETTINGS, request.settings)
        check_precision(NAME, request.precision, ("float32",))
        import onnxruntime as ort

        ort.disable_telemetry_events()
        self._profiling = bool(request.layers_dir)
        self._session = open_session(request, session_options(request, settings), [_PROVIDER])
        self._outputs = [output.name for output in self._session.get_outputs()]
        return Loaded(ort.__version__, tuple(self._outputs), "cpu", settings=settings)

    def infer(self, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """One forward pass.

        Raises:
            BackendRefusal: a kernel fails on these inputs.
        """
        return run_session(self._session, self._outputs, feeds)

    def deactivate(self) -> None:
        """Ends the session and completes the trace."""
        if self._profiling and self._session is not None:
            self._session.end_profiling()
        self._session = None
