"""ONNX Runtime's CPU provider, as a runner inside a worker."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alexnet_bench.backends.protocol import NAMED_MODEL, Loaded, LoadRequest
from alexnet_bench.core.errors import BackendRefusal
from alexnet_bench.core.text import printable

if TYPE_CHECKING:
    import numpy as np

OPTIMISED_MODEL = "optimised.onnx"
TRACE_PREFIX = "trace"
_PROVIDER = "CPUExecutionProvider"


class OnnxRuntimeCpu:
    """One session with the default graph optimisations, as users ship it."""

    def __init__(self) -> None:
        self._session: Any = None
        self._outputs: list[str] = []
        self._profiling = False

    def activate(self, request: LoadRequest) -> Loaded:
        """Loads the model into a new session.

        Raises:
            BackendRefusal: ONNX Runtime does not take it; the message is its own.
        """
        import onnxruntime as ort

        ort.disable_telemetry_events()
        options = ort.SessionOptions()
        options.intra_op_num_threads = request.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._profiling = bool(request.layers_dir)
        if self._profiling:
            _record_layers(options, Path(request.layers_dir))
        try:
            self._session = ort.InferenceSession(_source(request, options), options, providers=[_PROVIDER])
        except Exception as error:  # noqa: BLE001 - the runtime's exception classes have no common base of their own
            raise BackendRefusal(
                f"onnxruntime {ort.__version__} refuses the model: {printable(str(error), 600)}",
                "see `alexnet-bench doctor` for other backends, or count without running: --static",
            ) from None
        self._outputs = [output.name for output in self._session.get_outputs()]
        return Loaded(backend_version=ort.__version__, outputs=tuple(self._outputs), device="cpu")

    def infer(self, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """One forward pass.

        Raises:
            BackendRefusal: a kernel fails on these inputs.
        """
        try:
            outputs: list[np.ndarray] = self._session.run(self._outputs, feeds)
        except Exception as error:  # noqa: BLE001 - as above
            raise BackendRefusal(f"onnxruntime fails while running: {printable(str(error), 600)}") from None
        return outputs

    def deactivate(self) -> None:
        """Ends the session and completes the trace."""
        if self._profiling and self._session is not None:
            self._session.end_profiling()
        self._session = None


def _record_layers(options: Any, folder: Path) -> None:
    """Trace and optimised model come from one session: the names it makes up differ from session to session."""
    options.enable_profiling = True
    options.profile_file_prefix = str(folder / TRACE_PREFIX)
    options.optimized_model_filepath = str(folder / OPTIMISED_MODEL)
    # Without these two, every weight is embedded in the optimised model.
    options.add_session_config_entry("session.optimized_model_external_initializers_file_name", "weights.bin")
    options.add_session_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "1")


def _source(request: LoadRequest, options: Any) -> str | bytes:
    """The model's path; while layers are timed, a copy whose nodes all have names, when one was made."""
    named = Path(request.layers_dir) / NAMED_MODEL
    if not request.layers_dir or not named.is_file():
        return request.model_path
    # From memory, so that the folder of external data can be named.
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", str(Path(request.model_path).resolve().parent)
    )
    return named.read_bytes()
