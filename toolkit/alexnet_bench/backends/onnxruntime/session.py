"""What the runners on ONNX Runtime share: options of a session, the model's source, and a run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alexnet_bench.backends.protocol import ELSEWHERE, NAMED_MODEL, LoadRequest
from alexnet_bench.backends.settings import Setting
from alexnet_bench.core.errors import BackendRefusal
from alexnet_bench.core.text import printable

if TYPE_CHECKING:
    import numpy as np

OPTIMISED_MODEL = "optimised.onnx"
TRACE_PREFIX = "trace"
SETTINGS: Mapping[str, Setting] = {
    "graph_optimization": Setting(
        ("all", "none", "basic", "extended", "layout"),
        "how far the graph is rewritten; below layout, channels are not kept in blocks",
    ),
    "arena": Setting(("on", "off"), "whether memory is kept between runs"),
    "memory_pattern": Setting(("on", "off"), "whether the memory of a run is planned as one block after the first run"),
    "spinning": Setting(("on", "off"), "whether threads wait actively: session.intra_op.allow_spinning"),
}
_NO_KERNEL = re.compile("NOT_IMPLEMENTED : Could not find an implementation for .* node with name '(.*)'")
_LEVELS = {
    "all": "ORT_ENABLE_ALL",
    "none": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "layout": "ORT_ENABLE_LAYOUT",
}


def session_options(request: LoadRequest, settings: Mapping[str, str], *, writes_model: bool = True) -> Any:
    """Options of a session that records its layers where layer times are asked for.

    Args:
        request: what is to be loaded.
        settings: the values of `SETTINGS`.
        writes_model: whether the optimised model is recorded too; a session with a provider that compiles parts of the
            model fails when it is asked to ("Unable to serialize model as it contains compiled nodes").

    Raises:
        BackendRefusal: this release lacks an optimisation level.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = request.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    wanted = settings["graph_optimization"]
    level = getattr(ort.GraphOptimizationLevel, _LEVELS[wanted], None)
    if level is None:
        raise BackendRefusal(f"onnxruntime {ort.__version__} has no graph_optimization {wanted}")
    options.graph_optimization_level = level
    options.enable_cpu_mem_arena = settings["arena"] == "on"
    options.enable_mem_pattern = settings["memory_pattern"] == "on"
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if settings["spinning"] == "on" else "0")
    if request.layers_dir:
        folder = Path(request.layers_dir)
        options.enable_profiling = True
        options.profile_file_prefix = str(folder / TRACE_PREFIX)
        if writes_model:
            _record_model(options, folder)
    return options


def open_session(request: LoadRequest, options: Any, providers: Sequence[object]) -> Any:
    """A new session on the request's model, with those providers or not at all.

    The Python module would otherwise try again without a provider that fails, and only print the reason.

    Raises:
        BackendRefusal: ONNX Runtime does not take it; the message is its own.
    """
    import onnxruntime as ort

    try:
        return ort.InferenceSession(_source(request, options), options, providers=list(providers), enable_fallback=0)
    except Exception as error:  # noqa: BLE001 - the runtime's exception classes have no common base of their own
        raise BackendRefusal(
            f"onnxruntime {ort.__version__} refuses the model: {printable(str(error), 600)}",
            ELSEWHERE,
        ) from None


def node_without_kernel(refusal: str) -> str:
    """The node that ONNX Runtime has no kernel for, by the message of its refusal; "" for any other refusal."""
    found = _NO_KERNEL.search(refusal)
    return found[1] if found else ""


def run_session(session: Any, outputs: Sequence[str], feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """One forward pass.

    Raises:
        BackendRefusal: a kernel fails on these inputs.
    """
    try:
        made: list[np.ndarray] = session.run(outputs, feeds)
    except Exception as error:  # noqa: BLE001 - as above
        raise BackendRefusal(f"onnxruntime fails while running: {printable(str(error), 600)}", ELSEWHERE) from None
    return made


def _record_model(options: Any, folder: Path) -> None:
    """Trace and optimised model come from one session: the names it makes up differ from session to session."""
    options.optimized_model_filepath = str(folder / OPTIMISED_MODEL)
    # Without these two, every weight is embedded in the optimised model. Small ones are: rules ask for sizes and axes.
    options.add_session_config_entry("session.optimized_model_external_initializers_file_name", "weights.bin")
    options.add_session_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "1024")


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
