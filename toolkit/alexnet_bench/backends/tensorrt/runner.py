"""Engines of TensorRT as a runner: what can be said of them before they are run. Running them comes later."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet_bench.backends.protocol import Loaded, LoadRequest
from alexnet_bench.backends.registry import RUN_ELSEWHERE, get_backend
from alexnet_bench.backends.tensorrt.flavour import cannot_run
from alexnet_bench.backends.tensorrt.plan_header import check_plan
from alexnet_bench.core.errors import BackendRefusal

if TYPE_CHECKING:
    import numpy as np

    from alexnet_bench.core.engine_layers import LayerTimes
    from alexnet_bench.core.graph import Graph


class TensorRt:
    """Refuses every engine, damaged and foreign ones with that reason."""

    def activate(self, request: LoadRequest) -> Loaded:
        """Raises EngineError for an engine that could not be run anywhere like here, BackendRefusal for all others."""
        backend = get_backend(request.backend)
        check_plan(Path(request.model_path), backend.name, importlib.import_module(backend.module).__version__)
        raise BackendRefusal(f"{backend.name} cannot run engines here: {cannot_run(Path())}", RUN_ELSEWHERE)

    def infer(self, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Never reached."""
        raise NotImplementedError

    def deactivate(self) -> None:
        """Nothing to end."""


def read_layers(folder: Path, graph: Graph, *, timed_runs: int, wall_s: tuple[float, ...]) -> LayerTimes:
    """Never reached: no engine is run."""
    raise NotImplementedError
