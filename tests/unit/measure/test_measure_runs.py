"""Warming up, the order of runs, layer times: with fakes where time matters, with ONNX Runtime once from end to end."""

from __future__ import annotations

import itertools
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from types import TracebackType

import numpy as np
import onnx
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper

from alexnet_bench.backends.array_files import write_arrays
from alexnet_bench.backends.client import Deadlines
from alexnet_bench.backends.onnxruntime import trace
from alexnet_bench.backends.protocol import Loaded, LoadRequest
from alexnet_bench.backends.worker import Samples
from alexnet_bench.core.graph import Graph, Node
from alexnet_bench.graph.model_bytes import named_copy
from alexnet_bench.graph.onnx_io import build_graph, open_model
from alexnet_bench.measure import latency, layer_run
from alexnet_bench.measure.latency import LatencyCase, measure_latency, warm_up
from tests.cli.hostile import billion


@dataclass
class Scripted:
    """A sampler whose runs take what a script says; the last value is repeated."""

    durations_s: Iterator[float]
    asked: list[tuple[float, int, int]] = field(default_factory=list)

    def sample(self, *, seconds: float, min_runs: int = 1, max_runs: int = 1_000_000) -> Samples:
        self.asked.append((seconds, min_runs, max_runs))
        return Samples([next(self.durations_s)] * min(min_runs, max_runs), 1)


@pytest.mark.parametrize(
    ("durations_s", "stable", "chunks"),
    [
        ([1.0, 1.0], True, 2),
        ([1.0, 1.02], True, 2),
        ([1.0, 0.98], True, 2),
        ([1.0, 1.04, 1.03], True, 3),
        ([4.0, 3.0, 2.0, 1.9, 1.89], True, 5),
        ([1.0, 2.0, 1.0, 2.0, 1.0, 2.0], False, 6),
        ([0.0, 0.0], True, 2),
    ],
)
def test_warming_up_ends_when_two_chunks_agree(durations_s: list[float], stable: bool, chunks: int) -> None:
    sampler = Scripted(itertools.chain(durations_s, itertools.repeat(0.1)))
    assert warm_up(sampler) is stable
    assert len(sampler.asked) == chunks
    assert all(seconds > 0 and min_runs >= 2 for seconds, min_runs, _ in sampler.asked)


class FakeWorker:
    """A worker that only notes what happens to it."""

    log: list[str]
    starts: Iterator[int]

    def __init__(self, deadlines: Deadlines) -> None:
        assert deadlines == Deadlines()

    def __enter__(self) -> FakeWorker:
        self.number = next(self.starts)
        self.runs = 0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.log.append("end")

    def load(self, request: LoadRequest, inputs_dir: Path) -> Loaded:
        self.log.append(f"load {request.model_path} with {inputs_dir.name}")
        return Loaded("1", ("y",), "cpu", 100 + self.number)

    def sample(self, *, seconds: float, min_runs: int = 1, max_runs: int = 1_000_000) -> Samples:
        self.runs += 1
        duration_s = 1.0 if self.number else float(self.runs)  # the first process is never stable
        return Samples([duration_s] * min(min_runs, max_runs), 200 - self.number if seconds else None)


def test_cases_alternate_in_fresh_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeWorker.log, FakeWorker.starts = [], itertools.count()
    monkeypatch.setattr(latency, "Worker", FakeWorker)
    cases = [LatencyCase(LoadRequest("b", name, 1), Path(f"inputs-{name}")) for name in ("m", "n")]
    runs = measure_latency(cases, seconds=9.0, processes=3, progress=lambda said: FakeWorker.log.append(f"# {said}"))
    one_round = ["load m with inputs-m", "end", "load n with inputs-n", "end"]
    assert FakeWorker.log == [line for turn in (1, 2, 3) for line in (f"# latency, process {turn} of 3", *one_round)]
    assert [len(run.samples_s) for run in runs] == [3, 3]
    assert all(len(samples) >= latency.MIN_RUNS for run in runs for samples in run.samples_s)
    assert [run.unstable_processes for run in runs] == [1, 0]
    assert [run.load_peak_bytes for run in runs] == [104, 105]
    assert [run.run_peak_bytes for run in runs] == [200, 199]


def test_peaks_that_no_process_knows_stay_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeWorker.log, FakeWorker.starts = [], itertools.count(1)
    monkeypatch.setattr(latency, "Worker", FakeWorker)
    case = LatencyCase(LoadRequest("b", "m", 1), Path("inputs"))
    (run,) = measure_latency([case], seconds=0.0, processes=2, progress=lambda _: None)
    assert run.run_peak_bytes is None


def test_runs_with_and_without_the_profiler_take_turns() -> None:
    order: list[str] = []

    @dataclass
    class Noting:
        name: str

        def sample(self, *, seconds: float, min_runs: int = 1, max_runs: int = 1_000_000) -> Samples:
            assert seconds > 0
            order.append(self.name)
            return Samples([float(len(order))] * min(min_runs, max_runs), None)

    with_profiler, without = layer_run._alternate(Noting("profiled"), Noting("plain"), seconds=1.0, max_runs=10)
    assert order == ["plain", "profiled"] * 4
    assert sorted(set(without)) == [1, 3, 5, 7]
    assert sorted(set(with_profiler)) == [2, 4, 6, 8]


@pytest.mark.parametrize(("nodes", "most"), [(1, 250), (60, 250), (150, 100), (6_000, 2), (15_001, 1), (10**6, 1)])
def test_the_size_of_a_trace_is_limited_and_there_is_always_a_run(nodes: int, most: int) -> None:
    class Sized:
        live_nodes = (Node("n", "Relu", "", ("x",), ("y",), {}),) * nodes

    assert layer_run._runs_per_turn(Sized()) == most  # type: ignore[arg-type]


def looped(turns: int, inside: int) -> ModelProto:
    """A loop of so many turns around so many nodes, and an If in it with as many on one side and one on the other."""
    info = helper.make_tensor_value_info

    def chain(first: str, last: str, nodes: int) -> list[NodeProto]:
        names = [first, *(f"{last}{number}" for number in range(nodes - 1)), last]
        return [helper.make_node("Neg", [left], [right], f"to_{right}") for left, right in pairwise(names)]

    made = info("made", TensorProto.FLOAT, [4])
    branches = {
        "then_branch": helper.make_graph(chain("carried", "made", inside), "long", [], [made]),
        "else_branch": helper.make_graph(chain("carried", "made", 1), "short", [], [made]),
    }
    body = helper.make_graph(
        [
            helper.make_node("Less", ["turn", "half"], ["early"], "early"),
            helper.make_node("If", ["early"], ["either"], "if", **branches),
            *chain("either", "next", inside),
            helper.make_node("Identity", ["on"], ["still"], "still"),
        ],
        "body",
        [
            info("turn", TensorProto.INT64, []),
            info("on", TensorProto.BOOL, []),
            info("carried", TensorProto.FLOAT, [4]),
        ],
        [info("still", TensorProto.BOOL, []), info("next", TensorProto.FLOAT, [4])],
    )
    graph = helper.make_graph(
        [helper.make_node("Loop", ["turns", "go", "x"], ["y"], "loop", body=body)],
        "g",
        [info("x", TensorProto.FLOAT, [4])],
        [info("y", TensorProto.FLOAT, [4])],
        [
            helper.make_tensor("turns", TensorProto.INT64, [], [turns]),
            helper.make_tensor("go", TensorProto.BOOL, [], [True]),
            helper.make_tensor("half", TensorProto.INT64, [], [turns // 2]),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize(("turns", "inside", "most"), [(10, 10, 64), (100, 10, 6), (1000, 100, 1)])
def test_what_runs_inside_a_loop_fills_a_trace_in_every_turn(
    turns: int, inside: int, most: int, tmp_path: Path
) -> None:
    onnx.save(looped(turns, inside), tmp_path / "m.onnx")
    graph = build_graph(open_model(tmp_path / "m.onnx"), name="m")
    assert layer_run._runs_per_turn(graph) == most


@pytest.fixture
def small(tmp_path: Path) -> tuple[LatencyCase, Graph, bytes | None]:
    """A model whose nodes have no names."""
    nodes = [helper.make_node("Relu", ["x"], ["r"]), helper.make_node("MatMul", ["r", "r"], ["y"])]
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [16, 16]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "small", infos[:1], infos[1:])
    path = tmp_path / "small.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    write_arrays(inputs, {"x": np.ones((16, 16), np.float32)})
    file = open_model(path)
    case = LatencyCase(LoadRequest("onnxruntime-cpu", str(path), 1), inputs)
    return case, build_graph(file, name="small"), named_copy(file)


def test_layer_times_from_end_to_end(small: tuple[LatencyCase, Graph, bytes | None]) -> None:
    case, graph, named = small
    times = layer_run.measure_layers(case, graph, seconds=0.05, named_model=named)
    assert [(layer.op, layer.reads, layer.makes) for layer in times.layers] == [
        ("Relu", ("x",), ("r",)),
        ("MatMul", ("r",), ("y",)),
    ]
    assert len(times.run_s) == len(times.wall_s) >= 12
    assert len(times.plain_wall_s) >= 12
    assert times.recorded_kernels == 2
    assert all(len(samples) == len(times.run_s) for samples in times.samples_s.values())
    assert times.profiling_overhead_fraction is not None
    # x is the caller's; r and y are made in the arena, 16 x 16 floats each.
    assert times.arena is not None
    asked = {layer.op: times.arena.requested_bytes[layer.name] - times.arena.loaded_bytes for layer in times.layers}
    assert asked == {"Relu": 1024, "MatMul": 2048}
    assert all(times.arena.in_use_bytes[name] >= value for name, value in times.arena.requested_bytes.items())


def test_what_runs_inside_a_loop_is_watched_in_every_turn(tmp_path: Path) -> None:
    onnx.save(looped(10, 10), tmp_path / "m.onnx")
    write_arrays(tmp_path, {"x": np.ones(4, np.float32)})
    case = LatencyCase(LoadRequest("onnxruntime-cpu", str(tmp_path / "m.onnx"), 1), tmp_path)
    graph = build_graph(open_model(tmp_path / "m.onnx"), name="m")
    times = layer_run.measure_layers(case, graph, seconds=0.05, named_model=None)
    assert [layer.op for layer in times.layers] == ["Loop"]
    assert times.recorded_kernels is not None
    assert 10 * 10 + 5 * 10 < times.recorded_kernels <= layer_run._events(graph)


def test_runs_behind_the_end_of_a_full_trace_are_left_out_with_their_wall_times(
    small: tuple[LatencyCase, Graph, bytes | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    case, graph, named = small
    whole = trace.read_events

    def cut(folder: Path) -> list[trace.Event]:
        """As if nothing had been recorded after the third of five runs, the first of which warms up."""
        events = whole(folder)
        ends = sorted(event.ts + event.dur for event in events if event.name == "model_run")
        assert len(ends) == 5
        return [event for event in events if event.ts <= ends[2]]

    monkeypatch.setattr(trace, "read_events", cut)
    monkeypatch.setattr(layer_run, "_MAX_RUNS", 4)
    times = layer_run.measure_layers(case, graph, seconds=0.05, named_model=named)
    assert len(times.run_s) == len(times.wall_s) == 2
    assert all(run <= wall for run, wall in zip(times.run_s, times.wall_s, strict=True))
    assert all(len(samples) == 2 for samples in times.samples_s.values())


def test_runs_that_layer_times_are_compared_with_begin_when_they_are_stable(
    small: tuple[LatencyCase, Graph, bytes | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The threads of a new process may share a core at first: the profiler would then seem to make runs faster."""
    case, graph, named = small
    order: list[str] = []

    def note(name: str) -> None:
        whole = getattr(layer_run, name)

        def noted(*given: object, **options: object) -> object:
            order.append(name)
            return whole(*given, **options)

        monkeypatch.setattr(layer_run, name, noted)

    note("warm_up")
    note("_alternate")
    layer_run.measure_layers(case, graph, seconds=0.05, named_model=named)
    assert order == ["warm_up", "_alternate"]


def test_latency_from_end_to_end(small: tuple[LatencyCase, Graph, bytes | None]) -> None:
    (run,) = measure_latency([small[0]], seconds=0.02, processes=2, progress=lambda _: None)
    assert run.loaded.outputs == ("y",)
    assert len(run.samples_s) == 2
    assert all(sample > 0 for samples in run.samples_s for sample in samples)


def test_an_interrupt_while_both_processes_load_ends_both(
    small: tuple[LatencyCase, Graph, bytes | None], tmp_path: Path
) -> None:
    """Thirty functions that call each other twice: ONNX Runtime would put 2^30 nodes in their place."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    case, graph, _ = small
    (tmp_path / "hangs.onnx").write_bytes(billion().SerializeToString())
    hangs = replace(case, request=replace(case.request, model_path=str(tmp_path / "hangs.onnx")))
    previous = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 2.0)
    begun = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            layer_run.measure_layers(hangs, graph, seconds=0.05, named_model=None)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert time.monotonic() - begun < 20
