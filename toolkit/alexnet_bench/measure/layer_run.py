"""Layer times: a run of its own, because the profiler that gives them slows the runtime down."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from alexnet_bench.backends.client import Worker
from alexnet_bench.backends.protocol import NAMED_MODEL
from alexnet_bench.backends.registry import layers_reader
from alexnet_bench.core.engine_layers import LayerTimes
from alexnet_bench.core.graph import Graph
from alexnet_bench.graph.control_flow import turns_of
from alexnet_bench.measure.latency import LatencyCase, Sampler, warm_up

MAX_EVENTS = 60_000
"""Kernels in one trace: enough for steady medians, and read in well under a second."""
_TURNS = 4
_MIN_RUNS, _MAX_RUNS = 3, 1000
_WARMUP_S = 0.2
"""With the profiler, whose trace has to hold these runs too."""


def measure_layers(case: LatencyCase, graph: Graph, *, seconds: float, named_model: bytes | None) -> LayerTimes:
    """Times every layer of an engine, in terms of the user's tensors.

    Args:
        case: what to run.
        graph: the user's graph, with the shapes of the case.
        seconds: for how long, within the limits of a trace's size.
        named_model: a copy of the model in which every node has a name, when the file itself lacks that.

    Raises:
        BackendRefusal: the runtime does not take the model.
        BackendCrash: a worker died or hung, or left no trace.
    """
    with Worker(case.deadlines) as profiled, Worker(case.deadlines) as plain:
        folder = profiled.scratch / "layers"
        folder.mkdir()
        if named_model is not None:
            (folder / NAMED_MODEL).write_bytes(named_model)
        with ThreadPoolExecutor(1) as aside:  # two processes load side by side; nothing is timed yet
            loading = aside.submit(plain.load, case.request, case.inputs_dir)
            try:
                profiled.load(replace(case.request, layers_dir=str(folder)), case.inputs_dir)
                loading.result()
            except BaseException:
                plain.kill()  # leaving would wait for its answer, after Ctrl-C too
                raise
        most = _runs_per_turn(graph)
        before_s = profiled.sample(seconds=_WARMUP_S, min_runs=_MIN_RUNS, max_runs=most).wall_s
        warm_up(plain)  # threads of a new process may share a core at first, and take twice as long
        wall_s, plain_wall_s = _alternate(profiled, plain, seconds=seconds / _TURNS, max_runs=most)
        profiled.unload()
        read = layers_reader(case.request.backend)
        times = read(folder, graph, timed_runs=len(wall_s), wall_s=(*before_s, *wall_s))
    return replace(times, plain_wall_s=plain_wall_s)


def _runs_per_turn(graph: Graph) -> int:
    """At least one, however large the graph."""
    return max(1, min(_MAX_RUNS, MAX_EVENTS // max(1, _events(graph))) // _TURNS)


def _events(graph: Graph) -> int:
    """Kernels that one run of a graph may start, those of every turn of a loop included, as far as that is known."""
    found = len(graph.live_nodes)
    for node in graph.live_nodes:
        inside = max((_events(body) for _, body in node.bodies), default=0)  # of several, one is taken
        turns = turns_of(graph, node) if node.op_type in ("Loop", "Scan") and inside else None
        found += inside * (1 if turns is None else turns)
    return found


def _alternate(
    profiled: Sampler, plain: Sampler, *, seconds: float, max_runs: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Wall times with and without the profiler, taken in turns: their ratio is what the profiler costs."""
    wall_s: list[float] = []
    plain_wall_s: list[float] = []
    for _ in range(_TURNS):
        plain_wall_s += plain.sample(seconds=seconds / 2, min_runs=_MIN_RUNS, max_runs=max_runs).wall_s
        wall_s += profiled.sample(seconds=seconds, min_runs=_MIN_RUNS, max_runs=max_runs).wall_s
    return tuple(wall_s), tuple(plain_wall_s)
