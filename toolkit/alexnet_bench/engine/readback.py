"""What an engine really computes in: loaded once into a worker that reports its layers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from alexnet_bench.backends.client import Deadlines, Worker
from alexnet_bench.backends.protocol import NAMED_MODEL, Loaded, LoadRequest
from alexnet_bench.backends.registry import layers_reader
from alexnet_bench.core.engine_layers import EngineLayer
from alexnet_bench.core.graph import Graph


@dataclass(frozen=True)
class ReadBack:
    """What the runtime says of an engine.

    Attributes:
        loaded: of itself.
        layers: in terms of the engine's tensors, in execution order.
    """

    loaded: Loaded
    layers: tuple[EngineLayer, ...]


def read_back(
    request: LoadRequest,
    inputs_dir: Path,
    graph: Graph,
    deadlines: Deadlines,
    *,
    named_model: bytes | None = None,
) -> ReadBack:
    """Runs an engine once and reads what its layers are.

    Args:
        request: what to load.
        inputs_dir: the arrays to feed.
        graph: of the engine, with the shapes of those arrays.
        deadlines: how long the runtime may take.
        named_model: a copy in which every node has a name, when the file itself lacks that.

    Raises:
        BackendRefusal: the runtime does not take the engine.
        BackendCrash: the worker died or hung.
    """
    with Worker(deadlines) as worker:
        folder = worker.scratch / "layers"
        folder.mkdir()
        if named_model is not None:
            (folder / NAMED_MODEL).write_bytes(named_model)
        loaded = worker.load(replace(request, layers_dir=str(folder)), inputs_dir)
        wall_s = tuple(worker.sample(seconds=0.0).wall_s)
        worker.unload()
        read = layers_reader(request.backend)
        return ReadBack(loaded, read(folder, graph, timed_runs=len(wall_s), wall_s=wall_s).layers)


def try_once(request: LoadRequest, inputs_dir: Path, deadlines: Deadlines) -> None:
    """Runs an engine once, as at the ends of the range of its batches. Raises as `read_back`."""
    with Worker(deadlines) as worker:
        worker.load(request, inputs_dir)
        worker.sample(seconds=0.0)
