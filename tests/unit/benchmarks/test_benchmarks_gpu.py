"""The benchmark of GPUs, on the processor: what differs there is the list of those that run."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from benchmarks import contenders
from benchmarks.contenders import Engines, Roofs, TorchLoop
from benchmarks.questions import gpu
from benchmarks.rows import Row
from benchmarks.settings import Settings
from benchmarks.throughput import Case, Subject

from alexnet_bench.backends.registry import BACKENDS
from alexnet_bench.core.errors import BackendCrash, BackendRefusal, EngineError

ROOFS = Roofs({"fp32": 1e12}, 1e11, "made up")


def rows_of(folder: Path, precisions: tuple[str, ...] = ("fp32",), *, batch: int = 2) -> list[Row]:
    settings = Settings(folder, lambda _: None, quick=True)
    return list(gpu.throughput_rows("cpu", "lenet-5", (batch,), precisions, settings))


def test_all_that_there_is_runs_on_the_processor_with_its_own_ceilings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole path: an engine is built and timed, torch's loop and ceilings are those of the scripts.

    One backend and one mode of torch are enough; torch.compile takes a minute.
    """
    all_there_are = contenders.contenders("cpu")
    here = [item for item in all_there_are if item.name in ("onnxruntime-cpu", "torch, eager")]
    assert [item.name for item in all_there_are] == ["onnxruntime-cpu", "openvino", "torch, eager", "torch, compiled"]
    monkeypatch.setattr(contenders, "contenders", lambda _: here)
    found = {row.what.removeprefix("throughput on cpu, lenet-5, "): row for row in rows_of(tmp_path)}
    expected = {"batch 2, fp32, onnxruntime-cpu": "onnxruntime", "batch 2, fp32, torch, eager": "torch"}
    expected = {what: module for what, module in expected.items() if importlib.util.find_spec(module)}
    assert found.keys() >= expected.keys()
    for what in expected:
        row = found[what]
        assert not row.failure
        assert row.ours is not None
        assert row.peer is not None
        assert row.ratio is not None
        assert row.ratio.value == pytest.approx(row.ours.value / row.peer.value)
        assert len(row.samples["ours"]) == 1


def test_where_there_is_no_gpu_one_row_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contenders, "no_driver", lambda: "no NVIDIA driver")
    (row,) = gpu.run(Settings(tmp_path, lambda _: None))
    assert row.notes == ("left out: no NVIDIA driver",)
    assert not row.fails_the_run


def test_every_backend_of_a_device_is_asked_and_torch_in_every_mode() -> None:
    on_cuda = contenders.contenders("cuda")
    names = [item.backend for item in on_cuda if isinstance(item, Engines)]
    assert set(names) == {backend.name for backend in BACKENDS if backend.device == "cuda"}
    graphs = [
        item.settings["cuda_graph"] for item in on_cuda if item == Engines("onnxruntime-cuda", item_settings(item))
    ]
    assert graphs == ["off", "on"]
    loops = [item for item in on_cuda if isinstance(item, TorchLoop)]
    assert [(loop.mode, loop.device) for loop in loops] == [
        (mode, "cuda:0") for mode in ("eager", "compiled", "cuda_graph")
    ]


def item_settings(item: object) -> dict[str, str]:
    return dict(item.settings) if isinstance(item, Engines) else {}


class MadeUp:
    """A contender that does as it is told: errors are by precision."""

    counted = "nothing"

    def __init__(self, name: str, *, reason: str = "", latency_s: float = 1.0, **errors: Exception) -> None:
        self.name, self.roofs_by = name, name
        self._reason, self._errors, self._latency_s = reason, errors, latency_s

    def left_out(self) -> str:
        return self._reason

    def roofs(self, precisions: tuple[str, ...], threads: int) -> Roofs:  # noqa: ARG002
        return ROOFS

    def subject(self, case: Case, network: str, precision: str) -> Subject:  # noqa: ARG002
        if precision in self._errors:
            raise self._errors[precision]
        return lambda: self._latency_s


def test_one_that_does_not_run_is_told_from_one_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal of one type is no failure, but that of all; a crash always is."""
    no_kernel = BackendRefusal("no kernel")
    made = [
        MadeUp("absent", reason="not installed"),
        MadeUp("picky", tf32=no_kernel),
        MadeUp("useless", fp32=no_kernel, tf32=EngineError("for SM 8.9")),
        MadeUp("for others", fp32=EngineError("for SM 8.9"), tf32=EngineError("for SM 8.9")),
        MadeUp("shaky", tf32=BackendCrash("it died")),
        MadeUp("right", latency_s=0.5),
    ]
    monkeypatch.setattr(contenders, "contenders", lambda _: made)
    rows = {row.what.removeprefix("throughput on cpu, lenet-5, "): row for row in rows_of(tmp_path, ("fp32", "tf32"))}
    assert rows["absent"].notes == ("left out: not installed",)
    assert rows["for others"].notes == ("left out: for SM 8.9",)
    assert rows["batch 2, tf32, picky"].failure == "refused: no kernel"
    failing = {name: row.failure for name, row in rows.items() if row.fails_the_run}
    assert failing == {
        "batch 2, tf32, shaky": "it died",
        "useless": "ran in no precision and no batch: see its rows",
    }
    assert rows["batch 2, fp32, right"].samples == {"ours": [4.0]}  # two images in half a second
    assert rows["batch 2, tf32, right"].ratio is None
    assert "right has no ceiling of this precision" in rows["batch 2, tf32, right"].notes


@pytest.mark.parametrize(
    ("precision", "batch", "roofs", "bound_s"),
    [
        ("fp32", 1, Roofs({"fp32": 1e9}, 1e12, ""), 2 * 416_520 / 1e9),
        ("fp32", 8, Roofs({"fp32": 1e9}, 1e12, ""), 8 * 2 * 416_520 / 1e9),
        ("fp32", 1, Roofs({"fp32": 1e15}, 1e9, ""), 4 * (61_706 + 1024 + 10) / 1e9),
        ("fp16", 1, Roofs({"fp16": 1e15}, 1e9, ""), 2 * (61_706 + 1024 + 10) / 1e9),
    ],
)
def test_the_ceiling_of_a_network_is_by_its_products_or_by_what_it_moves_once(
    precision: str, batch: int, roofs: Roofs, bound_s: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = MadeUp("one")
    monkeypatch.setattr(one, "roofs", lambda *_: roofs)
    monkeypatch.setattr(contenders, "contenders", lambda _: [one])
    (row,) = rows_of(tmp_path, (precision,), batch=batch)
    assert row.peer is not None
    assert row.peer.value == pytest.approx(batch / bound_s)
