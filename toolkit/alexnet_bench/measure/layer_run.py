"""Layer times: a run of its own, because the profiler that gives them slows the runtime down."""

from __future__ import annotations

from dataclasses import replace

from alexnet_bench.backends.client import Worker
from alexnet_bench.backends.registry import layers_reader
from alexnet_bench.core.engine_layers import LayerTimes
from alexnet_bench.core.graph import Graph
from alexnet_bench.measure.latency import LatencyCase

MAX_EVENTS = 60_000
"""Kernels in one trace: enough for steady medians, and read in well under a second."""
_MIN_RUNS, _MAX_RUNS = 5, 200
_WARMUP_RUNS = 3


def measure_layers(case: LatencyCase, graph: Graph, *, seconds: float, named_model: bytes | None) -> LayerTimes:
    """Times every layer of an engine, in terms of the user's tensors.

    Args:
        case: what to run.
        graph: the user's graph, with the shapes of the case.
        seconds: for how long, within the limits of a trace's size.
        named_model: a copy of the model in which every node has a name, when the file itself lacks that.
    """
    with Worker() as worker:
        folder = worker.scratch / "layers"
        folder.mkdir()
        if named_model is not None:
            (folder / "named.onnx").write_bytes(named_model)
        worker.load(replace(case.request, layers_dir=str(folder)), case.inputs_dir)
        worker.sample(seconds=0.0, min_runs=_WARMUP_RUNS)
        most = max(_MIN_RUNS, min(_MAX_RUNS, MAX_EVENTS // max(1, len(graph.live_nodes))))
        samples = worker.sample(seconds=seconds, min_runs=_MIN_RUNS, max_runs=most)
        worker.unload()
        read = layers_reader(case.request.backend)
        return read(folder, graph, timed_runs=len(samples.wall_s), wall_s=tuple(samples.wall_s))
