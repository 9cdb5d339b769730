"""Engines that somebody else built, run by the tool; the TensorRT and the device under it are made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexnet_bench import BuildOptions, Options, Profile, build_engine, profile
from alexnet_bench.backends.array_files import write_arrays
from alexnet_bench.backends.registry import get_backend
from alexnet_bench.backends.tensorrt import flavour
from alexnet_bench.core import document
from alexnet_bench.core.errors import (
    AlexnetBenchError,
    BackendRefusal,
    EngineError,
    MissingRuntimeError,
    ShapeError,
    UsageError,
)
from alexnet_bench.report.markdown import to_markdown
from alexnet_bench.workflows import given_inputs, run_plan
from alexnet_bench.workflows.profile import profile_set
from tests.unit.backends.fake_device import OP_S
from tests.unit.backends.tensorrt_here import needs_rtx
from tests.unit.workflows import tensorrt_in_process
from tests.unit.workflows.foreign_plans import change, held, leave_open, rtx_head, without_metadata, write_plan
from tests.unit.workflows.tensorrt_in_process import LAYER_S, WEIGHTS_BYTES, TensorRt

_LENET_MACS = 416_520


def _run(plan: Path, **options: Any) -> Profile:
    quick: dict[str, Any] = {} if options.get("static") else {"seconds": 0.05, "processes": 2}
    return profile(plan, options=Options(**quick, **options))


def _codes(found: Profile) -> list[str]:
    return [warning.code for warning in found.warnings]


def _check_measured(found: Profile) -> None:
    assert found.latency is not None
    assert found.latency.parts.compute_s == pytest.approx(OP_S)
    assert [layer.time_s for layer in found.layers] == [pytest.approx(LAYER_S)] * len(found.layers)
    assert all(layer.samples_s for layer in found.layers)
    assert found.engine is not None
    assert (found.engine.backend, found.engine.device, found.engine.passport_key) == (
        "tensorrt",
        "NVIDIA Nothing",
        None,
    )
    assert found.memory.device_weight_bytes == WEIGHTS_BYTES
    assert found.memory.device_activation_bytes == 10
    assert found.memory.device_context_bytes is not None
    assert found.memory.device_peak_bytes is not None


def test_with_its_model_the_layers_have_the_models_nodes(trt: TensorRt, tmp_path: Path) -> None:
    found = _run(write_plan(tmp_path), model="lenet-5")
    _check_measured(found)
    assert (found.model.name, found.totals.macs) == ("lenet-5", _LENET_MACS)
    assert found.coverage.macs_attributed_fraction == 1.0
    assert found.coverage.time_attributed_fraction == pytest.approx(1.0)
    assert sum(layer.macs or 0 for layer in found.layers) == _LENET_MACS
    assert (found.layers[0].name, found.layers[0].onnx_nodes) == ("conv1", ("conv1",))
    assert (found.layers[-1].name, found.layers[-1].bound) == ("Reformat", "overhead")
    assert "tf32-not-told" in _codes(found)
    assert {"no-model", "by-name"}.isdisjoint(_codes(found))
    assert trt.devices


@pytest.mark.usefixtures("trt")
def test_layers_without_nodes_go_by_their_own_names(tmp_path: Path) -> None:
    plan = write_plan(tmp_path)
    told = held(plan)["told"].replace('"Name": "Reformat"', '"Name": "Reformat for conv1"')
    last = _run(change(plan, told=told), model="lenet-5").layers[-1]
    assert (last.name, last.op, last.bound) == ("Reformat for conv1", "Reformat", "overhead")


@pytest.mark.usefixtures("trt")
def test_it_is_what_its_own_build_with_a_passport_is(tmp_path: Path) -> None:
    ours = tmp_path / "ours.plan"
    build_engine("lenet-5", options=BuildOptions(backend="tensorrt"), output=ours)
    known, foreign = _run(ours), _run(write_plan(tmp_path), model="lenet-5")
    assert [layer.onnx_nodes for layer in known.layers] == [layer.onnx_nodes for layer in foreign.layers]
    assert [layer.flop for layer in known.layers] == [layer.flop for layer in foreign.layers]
    assert known.totals == foreign.totals


@pytest.mark.usefixtures("trt")
def test_without_its_model_nothing_is_counted_and_nothing_attributed(tmp_path: Path) -> None:
    found = _run(write_plan(tmp_path))
    _check_measured(found)
    assert found.model.name == "foreign"
    assert [(item.name, item.shape, item.dtype) for item in found.model.inputs] == [
        ("input", (1, 1, 32, 32), "float32")
    ]
    assert (found.totals.macs, found.totals.flop, found.model.params, found.memory.static_peak_bytes) == (None,) * 4
    for layer in found.layers:
        counts = (layer.macs, layer.flop, layer.bytes, layer.params, layer.flop_per_s)
        assert (counts, layer.onnx_nodes, layer.fraction_of_ceiling) == ((None,) * 5, (), None)
    assert [layer.bound for layer in found.layers] == [*[None] * (len(found.layers) - 1), "overhead"]
    assert sum(layer.time_fraction or 0 for layer in found.layers) == pytest.approx(1.0)
    assert found.coverage.overhead_fraction == pytest.approx(1 / len(found.layers))
    assert found.coverage.time_attributed_fraction is None
    assert found.coverage.outside_kernels_fraction is not None
    assert found.layers[0].output_shapes == ((1, 6, 28, 28),)
    assert "no-model" in _codes(found)
    assert document.decode(document.encode(found)) == found
    assert "| time |" in " ".join(to_markdown(found).split())


@pytest.mark.usefixtures("trt")
def test_an_engine_without_details_has_names_and_times(tmp_path: Path) -> None:
    found = _run(without_metadata(write_plan(tmp_path)), model="lenet-5")
    _check_measured(found)
    assert found.coverage.macs_attributed_fraction == 0.0
    assert (found.layers[0].name, found.layers[0].macs) == ("__myl_conv1", None)
    assert {"names-only", "unattributed"} <= set(_codes(found))


@pytest.mark.usefixtures("trt")
def test_an_engine_that_describes_nothing_has_what_the_profiler_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = write_plan(tmp_path)
    monkeypatch.setattr(tensorrt_in_process._Engine, "layers", lambda _: ["one", "two", "two"])
    found = _run(change(plan, told=json.dumps({"Layers": [], "Bindings": []})))
    assert [(layer.name, layer.time_s) for layer in found.layers] == [("one", LAYER_S), ("two", 2 * LAYER_S)]
    assert found.coverage.overhead_fraction == 0.0


@pytest.mark.usefixtures("trt")
def test_open_sizes_are_the_usual_ones_or_those_that_are_given(tmp_path: Path) -> None:
    image = [1, 32, 32]
    ranges = [[[1, *image], [4, *image], [8, *image]], [[16, *image], [16, *image], [32, *image]]]
    plan = leave_open(write_plan(tmp_path), {"input": ranges})
    for batch, shapes, expected in (
        (None, None, 4),
        (2, None, 2),
        (32, None, 32),
        (None, {"input": (7, *image)}, 7),
    ):
        found = profile(plan, batch=batch, options=Options(seconds=0.05, processes=1, shapes=shapes, model="lenet-5"))
        assert (found.case.batch, found.case.shapes) == (expected, {"input": (expected, *image)})
        assert found.totals.macs == expected * _LENET_MACS
        assert found.latency is not None
        assert found.latency.throughput_per_s == pytest.approx(expected / found.latency.median_s)
    several = profile_set(plan, batches=(1, 8), options=Options(seconds=0.05, processes=1))
    assert [found.case.batch for found in several.profiles] == [1, 8]
    with pytest.raises(ShapeError, match="does not take a batch of 9"):
        profile(plan, batch=9, options=Options(seconds=0.05, processes=1))


def test_what_is_fed_has_the_types_of_the_engine(
    trt: TensorRt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with `trtexec --fp16 --inputIOFormats=fp16:chw` of a float32 model."""
    plan = change(write_plan(tmp_path), inputs={"input": [[1, 1, 32, 32], "float16"]})
    fed: list[np.ndarray] = []

    def keep(folder: Path, arrays: dict[str, np.ndarray]) -> list[str]:
        fed.extend(arrays.values())
        return write_arrays(folder, arrays)

    monkeypatch.setattr(given_inputs, "write_arrays", keep)
    for model in ("lenet-5", None):
        _run(plan, model=model, seed=3)
    assert [(array.dtype, array.shape) for array in fed] == [(np.dtype(np.float16), (1, 1, 32, 32))] * 2
    assert trt.devices


@pytest.mark.usefixtures("trt")
@pytest.mark.parametrize(
    ("options", "error", "why"),
    [
        ({"backend": "tensorrt-rtx"}, UsageError, "the engine is of tensorrt, and --backend asks for tensorrt-rtx"),
        ({"precision": "fp16"}, UsageError, "is an engine already"),
        ({"static": True}, UsageError, "without a graph to count"),
        ({"shapes": {"input": (2, 1, 32, 32)}}, ShapeError, "does not take input as 2x1x32x32"),
        ({"shapes": {"other": (1,)}}, ShapeError, "has no input other"),
        ({"model": "no-such-model"}, UsageError, "neither a model's name nor a file"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    tmp_path: Path, options: dict[str, Any], error: type[AlexnetBenchError], why: str
) -> None:
    with pytest.raises(error, match=why):
        _run(write_plan(tmp_path), **options)


def test_a_damaged_engine_is_refused_before_anything_is_loaded(trt: TensorRt, tmp_path: Path) -> None:
    plan = tmp_path / "cut.plan"
    plan.write_bytes(write_plan(tmp_path).read_bytes()[:39])
    with pytest.raises(EngineError, match="is cut short: 39 bytes"):
        _run(plan)
    (tmp_path / "junk.trt").write_bytes(b"nothing of the kind")
    with pytest.raises(EngineError, match="is no engine of TensorRT"):
        _run(tmp_path / "junk.trt")
    assert trt.devices == []


def test_code_of_a_foreign_engine_runs_where_the_user_lets_it(trt: TensorRt, tmp_path: Path) -> None:
    plan = change(write_plan(tmp_path), host_code=True)
    with pytest.raises(BackendRefusal, match="getEngineHostCodeAllowed") as refused:
        _run(plan)
    assert "give --host-code" in refused.value.hint
    _check_measured(_run(plan, host_code=True))
    assert trt.devices


@pytest.mark.parametrize(
    ("model", "options", "why"),
    [
        ("lenet-5", {}, "--host-code is for engines of TensorRT without a passport"),
        ("lenet-5", {"static": True}, "--host-code"),
        ("a.plan", {}, "engines of tensorrt-rtx carry no code"),
        ("a.plan", {"static": True}, "--static runs nothing .*: --host-code would do nothing"),
    ],
)
@needs_rtx
def test_nothing_else_has_code_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, options: dict[str, Any], why: str
) -> None:
    monkeypatch.setattr(run_plan, "usable_plan", lambda *_: get_backend("tensorrt-rtx"))
    rtx_head(tmp_path / "a.plan")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=why):
        profile(model, options=Options(host_code=True, **options))


def test_a_model_is_for_engines_and_files_of_trtexec(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="for engines without a passport"):
        profile("lenet-5", options=Options(model="lenet-5", static=True))
    assert list(tmp_path.iterdir()) == []


@needs_rtx
def test_without_a_driver_it_is_refused_by_what_is_wrong_first(tmp_path: Path) -> None:
    plan = rtx_head(tmp_path / "a.plan")
    with pytest.raises(MissingRuntimeError, match="cannot run them: no NVIDIA driver") as caught:
        _run(plan)
    assert f"inspect {plan}" in caught.value.hint
    with pytest.raises(EngineError, match="200 bytes of 201"):
        _run(rtx_head(plan, told=201))
    with pytest.raises(EngineError, match=r"was written by tensorrt-rtx 1\.6\.0\.1, and here is"):
        _run(rtx_head(plan, version=(1, 6, 0, 1)))
    assert flavour.cannot_run(Path()) == "no NVIDIA driver"
