"""The reader of ONNX Runtime's files on recorded ones: it needs no runtime."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from alexnet_bench.attribution.join import join
from alexnet_bench.backends.onnxruntime.layers import read_layers
from alexnet_bench.backends.onnxruntime.trace import read_trace
from alexnet_bench.core.engine_layers import ArenaUse, LayerTimes
from alexnet_bench.core.errors import BackendCrash
from alexnet_bench.core.graph import Graph
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.onnx_io import build_graph, open_model

RECORDED = Path(__file__).parents[2] / "data" / "onnxruntime_layers"
TRACE = "trace_recorded.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(RECORDED, tmp_path / "layers")


def user_graph() -> Graph:
    return build_graph(open_model(RECORDED / "model.onnx"), name="recorded")


def read(folder: Path, runs: int = 2) -> LayerTimes:
    return read_layers(folder, user_graph(), timed_runs=runs, wall_s=(1.0,) * runs)


def events(*described: tuple[str, str, int, int]) -> bytes:
    """A trace of events as (category, name, start, duration)."""
    return json.dumps(
        [
            {"cat": cat, "name": name, "ts": ts, "dur": dur, "args": {"op_name": "Op"}}
            for cat, name, ts, dur in described
        ]
    ).encode()


def kernel(name: str, ts: int, dur: int, in_use: int, requested: int, delta: int) -> dict[str, object]:
    """A kernel with what onnxruntime 1.31 says of its arena, in text as there."""
    said = {"mem_bytes_in_use": in_use, "mem_bytes_requested_in_use": requested, "mem_in_use_delta": delta}
    args = {"op_name": "Op", **{key: str(value) for key, value in said.items()}}
    return {"cat": "Node", "name": f"{name}_kernel_time", "ts": ts, "dur": dur, "args": args}


def run(ts: int, dur: int) -> dict[str, object]:
    return {"cat": "Session", "name": "model_run", "ts": ts, "dur": dur}


def microseconds(values_s: Sequence[float]) -> list[int]:
    return [round(value * 1e6) for value in values_s]


def test_recorded_files_give_the_layers_in_terms_of_the_user(folder: Path) -> None:
    times = read(folder)
    attribution = join(user_graph(), count(user_graph()), times.layers)
    assert [(owned.layer.op, owned.nodes) for owned in attribution.owned] == [
        ("ReorderInput", ()),
        ("Conv", ("n_c",)),
        ("Conv", ("n_d", "n_s", "n_r")),
        ("MaxPool", ("n_p",)),
        ("ReorderOutput", ()),
        ("Flatten", ("n_f",)),
        ("FusedGemm", ("n_h", "n_y")),
    ]
    assert attribution.unattributed == ()
    assert {layer.compute_dtype for layer in times.layers} == {"float32"}
    assert times.arena_peak_bytes is not None
    assert len(times.run_s) == 2
    assert all(len(samples) == 2 for samples in times.samples_s.values())


def test_only_the_last_runs_count(folder: Path) -> None:
    both, last = read(folder), read(folder, runs=1)
    assert last.run_s == both.run_s[1:]
    assert {name: samples[1:] for name, samples in both.samples_s.items()} == last.samples_s


@pytest.mark.parametrize("content", [b"", b"[", b"not JSON", b"{}", b'[{"name": 1}]', b'[{"cat": "\xff"}]'])
def test_a_broken_trace_is_a_crash(folder: Path, content: bytes) -> None:
    (folder / TRACE).write_bytes(content)
    with pytest.raises(BackendCrash, match="trace") as caught:
        read(folder)
    assert caught.value.exit_code == 5


def test_a_trace_that_was_cut_is_a_crash(folder: Path) -> None:
    content = (folder / TRACE).read_bytes()
    (folder / TRACE).write_bytes(content[: len(content) // 2])
    with pytest.raises(BackendCrash, match="cannot be read"):
        read(folder)


@pytest.mark.parametrize(
    ("recorded", "kept"),
    [(5, (2, 3, 4)), (4, (2, 3)), (3, (2,)), (2, (1,)), (1, (0,))],
)
def test_of_a_trace_that_is_full_the_runs_that_it_holds_count(
    recorded: int, kept: tuple[int, ...], tmp_path: Path
) -> None:
    """Two runs warmed up, and three were timed; the last of the former is better than nothing."""
    runs = [("Session", "model_run", 100 * number, 90 + number) for number in range(recorded)]
    kernels = [("Node", "k_kernel_time", 100 * number, 10 + number) for number in range(recorded + 1)]
    (tmp_path / TRACE).write_bytes(events(*runs, *kernels))
    trace = read_trace(tmp_path, timed_runs=3, wall_s=(0.0, 1.0, 2.0, 3.0, 4.0), nested=())
    assert trace.wall_s == kept
    assert microseconds(trace.run_s) == [90 + number for number in kept]
    assert microseconds(trace.samples_s["k"]) == [10 + number for number in kept]


def test_a_trace_without_a_whole_run_is_a_crash(tmp_path: Path) -> None:
    (tmp_path / TRACE).write_bytes(events(("Node", "k_kernel_time", 0, 10)))
    with pytest.raises(BackendCrash, match="holds no whole run"):
        read_trace(tmp_path, timed_runs=1, wall_s=(1.0, 1.0), nested=())


def test_a_missing_trace_is_a_crash(folder: Path) -> None:
    (folder / TRACE).unlink()
    with pytest.raises(BackendCrash, match="no trace"):
        read(folder)


def test_a_missing_optimised_model_is_a_crash(folder: Path) -> None:
    (folder / "optimised.onnx").unlink()
    with pytest.raises(BackendCrash, match="optimised model"):
        read(folder)


def test_a_damaged_optimised_model_is_a_crash(folder: Path) -> None:
    content = (folder / "optimised.onnx").read_bytes()
    (folder / "optimised.onnx").write_bytes(content[: len(content) // 2])
    with pytest.raises(BackendCrash, match="cannot be read"):
        read(folder)


def test_a_kernel_of_no_node_is_unmatched(folder: Path) -> None:
    recorded = json.loads((folder / TRACE).read_text())
    for event in recorded:
        event["name"] = event["name"].replace("n_f_kernel_time", "stranger_kernel_time")
    (folder / TRACE).write_text(json.dumps(recorded))
    assert [layer.name for layer in read(folder).layers if layer.is_unmatched] == ["stranger"]


def test_nested_kernels_are_left_out_by_time_and_by_name(tmp_path: Path) -> None:
    kernel = "Node"
    (tmp_path / TRACE).write_bytes(
        events(
            ("Session", "model_run", 0, 100),
            (kernel, "inner_kernel_time", 20, 10),
            (kernel, "outer_kernel_time", 10, 40),
            (kernel, "rounded_kernel_time", 50, 0),  # inside, but it seems to start as the outer one ends
            (kernel, "next_kernel_time", 60, 5),
            (kernel, "next_fence_before", 59, 1),
        )
    )
    trace = read_trace(tmp_path, timed_runs=1, wall_s=(1.0,), nested={"rounded"})
    assert {name: microseconds(samples) for name, samples in trace.samples_s.items()} == {"outer": [40], "next": [5]}
    assert trace.order == ("outer", "next")
    assert trace.recorded == 4
    assert microseconds(trace.run_s) == [100]


def test_a_kernel_that_runs_twice_in_a_run_counts_twice_and_one_that_does_not_run_counts_nothing(
    tmp_path: Path,
) -> None:
    (tmp_path / TRACE).write_bytes(
        events(
            ("Session", "model_run", 0, 50),
            ("Node", "a_kernel_time", 1, 10),
            ("Node", "a_kernel_time", 20, 5),
            ("Session", "model_run", 100, 50),
            ("Node", "b_kernel_time", 110, 7),
        )
    )
    trace = read_trace(tmp_path, timed_runs=2, wall_s=(1.0, 1.0), nested=())
    assert {name: microseconds(samples) for name, samples in trace.samples_s.items()} == {"a": [15, 0], "b": [0, 7]}
    assert trace.recorded == 1
    assert trace.arena_peak_bytes is None


def test_the_arena_is_that_of_the_first_run_even_when_that_is_not_timed(tmp_path: Path) -> None:
    (tmp_path / TRACE).write_bytes(
        json.dumps([
            kernel("a", 1, 10, 1256, 1100, 256),
            kernel("b", 20, 5, 1512, 1300, 256),
            kernel("c", 30, 5, 1256, 1200, -256),
            run(0, 50),
            kernel("a", 101, 10, 9000, 8000, 0),
            kernel("b", 120, 5, 9000, 8000, 0),
            kernel("c", 130, 5, 9000, 8000, 0),
            run(100, 50),
        ]).encode()
    )  # fmt: skip
    for timed_runs in (1, 2):
        arena = read_trace(tmp_path, timed_runs=timed_runs, wall_s=(1.0,) * timed_runs, nested=()).arena
        assert arena == ArenaUse(1000, {"a": 1256, "b": 1512, "c": 1256}, {"a": 1100, "b": 1300, "c": 1200})


def test_what_runs_inside_a_kernel_counts_as_its(tmp_path: Path) -> None:
    (tmp_path / TRACE).write_bytes(
        json.dumps([
            kernel("loop", 10, 40, 300, 300, 200),
            kernel("inner", 20, 5, 900, 600, 400),
            kernel("inner", 30, 5, 700, 650, -200),
            kernel("next", 60, 5, 400, 400, 100),
            run(0, 100),
            kernel("late", 150, 5, 7000, 7000, 0),
        ]).encode()
    )  # fmt: skip
    arena = read_trace(tmp_path, timed_runs=1, wall_s=(1.0,), nested={"inner"}).arena
    assert arena == ArenaUse(100, {"loop": 900, "next": 400}, {"loop": 650, "next": 400})


@pytest.mark.parametrize("lost", ["mem_bytes_in_use", "mem_bytes_requested_in_use", "mem_in_use_delta"])
def test_a_release_that_does_not_say_what_the_arena_holds_gives_no_curve(tmp_path: Path, lost: str) -> None:
    event = kernel("a", 1, 10, 5, 5, 5)
    assert isinstance(event["args"], dict)
    del event["args"][lost]
    (tmp_path / TRACE).write_bytes(json.dumps([run(0, 50), event]).encode())
    assert read_trace(tmp_path, timed_runs=1, wall_s=(1.0,), nested=()).arena is None


def test_the_recorded_trace_says_only_the_peak(folder: Path) -> None:
    times = read(folder)
    assert times.arena_peak_bytes
    assert times.arena is None
