"""The OpenVINO runner, on the real OpenVINO: what it is told, what it is fed, and what it refuses."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, helper

openvino = pytest.importorskip("openvino", reason="openvino is not installed")

from alexnet_bench.backends.array_files import write_arrays  # noqa: E402
from alexnet_bench.backends.client import Worker  # noqa: E402
from alexnet_bench.backends.onnxruntime.cpu import OnnxRuntimeCpu  # noqa: E402
from alexnet_bench.backends.openvino import backend, recorder  # noqa: E402
from alexnet_bench.backends.openvino.backend import OpenVino  # noqa: E402
from alexnet_bench.backends.protocol import LoadRequest  # noqa: E402
from alexnet_bench.core.errors import BackendRefusal, UsageError  # noqa: E402
from alexnet_bench.measure.ceiling_kernels import product  # noqa: E402
from alexnet_bench.measure.ceiling_runs import Workers, _best_product, _Runs, computed_dtype, why_emulated  # noqa: E402
from tests.unit.backends.openvino_runs import profiled  # noqa: E402

if TYPE_CHECKING:
    from tests.unit.backends.conftest import Build

SHAPE = (1, 16, 16, 16)
WEIGHTS = {"w": (16, 16, 3, 3), "b": (16,)}


def two_outputs(build: Build) -> ModelProto:
    """The second output is computed first; Identity gives it another name."""
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], pads=[1] * 4),
        helper.make_node("Identity", ["c"], ["odd name/\n"]),
        helper.make_node("Relu", ["c"], ["y"]),
    ]
    return build.model(nodes, {"x": SHAPE}, ["y", "odd name/\n"], WEIGHTS)


@pytest.fixture
def path(tmp_path: Path, build: Build) -> Path:
    onnx.save(two_outputs(build), tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def image(seed: int = 0) -> dict[str, np.ndarray[Any, Any]]:
    return {"x": np.random.default_rng(seed).standard_normal(SHAPE).astype(np.float32)}


def active(path: Path, **options: Any) -> OpenVino:
    runner = OpenVino()
    runner.activate(LoadRequest("openvino", str(path), 1, **options))
    return runner


def bfloat16_becomes() -> str:
    """What OpenVINO itself says that it takes that hint for here: AVX-512 is enough, as it emulates the products."""
    given = openvino.opset13.parameter([1], np.float32)
    model = openvino.Model([openvino.opset13.relu(given)], [given])
    told = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "bf16"})
    return {"bf16": "bfloat16", "f32": "float32"}[told.get_property("INFERENCE_PRECISION_HINT").get_type_name()]


def test_outputs_come_in_the_order_and_by_the_names_of_the_model(path: Path) -> None:
    ours, theirs = OpenVino(), OnnxRuntimeCpu()
    assert ours.activate(LoadRequest("openvino", str(path), 1)).outputs == ("y", "odd name/\n")
    theirs.activate(LoadRequest("onnxruntime-cpu", str(path), 1))
    for got, expected in zip(ours.infer(image()), theirs.infer(image()), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


def test_a_tensor_under_two_names_keeps_the_name_of_each_output(tmp_path: Path, build: Build) -> None:
    nodes = [helper.make_node("Relu", ["x"], ["c"]), helper.make_node("Identity", ["c"], ["b"])]
    for outputs in (["b", "c"], ["c", "b"]):
        onnx.save(build.model(nodes, {"x": SHAPE}, outputs, {}), tmp_path / "model.onnx")
        loaded = OpenVino().activate(LoadRequest("openvino", str(tmp_path / "model.onnx"), 1))
        assert loaded.outputs == tuple(outputs)


def test_inputs_are_bound_without_a_copy_and_bound_again_when_they_change(path: Path) -> None:
    runner = active(path)
    first, second = image(1), image(2)
    made = [np.array(runner.infer(feeds)[0]) for feeds in (first, second, first)]
    assert np.array_equal(made[0], made[2])
    assert not np.array_equal(made[0], made[1])
    assert np.shares_memory(runner._request.get_input_tensor(0).data, first["x"])
    first["x"][:] = second["x"]
    assert np.array_equal(runner.infer(first)[0], made[1])


def test_what_is_in_force_is_read_back(path: Path) -> None:
    threads = min(2, len(os.sched_getaffinity(0)))
    loaded = OpenVino().activate(LoadRequest("openvino", str(path), threads, settings={"pinning": "NO"}))
    wanted = {"INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": "1", "PERF_COUNT": "NO"}
    wanted |= {"INFERENCE_NUM_THREADS": str(threads)}
    wanted |= {"PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": "False", "pinning": "NO", "hint": "LATENCY"}
    assert {name: loaded.settings.get(name) for name in wanted} == wanted
    assert loaded.backend_version == openvino.__version__.partition("-")[0]


@pytest.mark.parametrize("layers", [True, False])
def test_a_property_that_a_release_lacks_is_said_in_its_own_words(
    layers: bool, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if layers:
        monkeypatch.setattr(recorder, "ROUNDED_TOGETHER", "NOT_YET_THERE")
    else:
        monkeypatch.setattr(backend, "_READ_BACK", ("NOT_YET_THERE",))
    with pytest.raises(BackendRefusal, match=r"refuses the model: .*NOT_YET_THERE"):
        active(path, layers_dir=str(tmp_path) if layers else "")


def test_float32_is_float32_and_another_type_is_seen(build: Build) -> None:
    assert {layer.compute_dtype for layer in profiled(two_outputs(build)).layers if layer.macs} == {"float32"}
    run = profiled(two_outputs(build), precision="bfloat16")
    assert {layer.compute_dtype for layer in run.layers if layer.macs} == {bfloat16_becomes()}


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({"settings": {"spin": "on"}}, "no setting 'spin'", "hint, streams, pinning"),
        ({"settings": {"pinning": "maybe"}}, "pinning of openvino cannot be 'maybe'", "YES, NO"),
        ({"precision": "int8"}, "cannot be told to compute in int8", "float32, bfloat16, float16"),
    ],
)
def test_what_it_does_not_know_is_refused_with_what_it_knows(
    options: dict[str, Any], message: str, hint: str, path: Path
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        active(path, **options)
    assert hint in caught.value.hint


def test_a_model_that_it_does_not_take_is_refused_with_its_own_words(tmp_path: Path, build: Build) -> None:
    node = helper.make_node("NoSuchOperator", ["x"], ["y"], domain="nowhere")
    model = build.model([node], {"x": SHAPE}, ["y"], {})
    model.opset_import.append(helper.make_opsetid("nowhere", 1))
    onnx.save(model, tmp_path / "odd.onnx")
    with pytest.raises(BackendRefusal, match=r"openvino .* refuses the model: .*NoSuchOperator"):
        active(tmp_path / "odd.onnx")


@pytest.mark.parametrize("has_functions", [True, False])
def test_a_model_that_it_refuses_may_do_with_its_functions_inlined(
    has_functions: bool, tmp_path: Path, build: Build
) -> None:
    """OpenVINO takes the functions of a model in few cases."""
    opset = helper.make_opsetid("my.dom", 1)
    unknown = helper.make_node("NoSuchOperator", ["a"], ["o"], domain="my.dom")
    block = helper.make_function("my.dom", "Block", ["a"], ["o"], [unknown], [opset])
    model = build.model([helper.make_node("Block", ["x"], ["y"], domain="my.dom")], {"x": SHAPE}, ["y"], {})
    model.opset_import.append(opset)
    model.functions.extend([block] if has_functions else [])
    onnx.save(model, tmp_path / "odd.onnx")
    with pytest.raises(BackendRefusal, match="refuses the model") as caught:
        active(tmp_path / "odd.onnx")
    assert ("build-engine --backend openvino" in caught.value.hint) == has_functions
    assert "doctor" in caught.value.hint


@pytest.mark.parametrize("feeds", [{}, {"x": np.ones(SHAPE, np.float32), "z": np.ones(1, np.float32)}])
def test_inputs_that_do_not_fit_are_refused(feeds: dict[str, np.ndarray[Any, Any]], path: Path) -> None:
    with pytest.raises(BackendRefusal, match=r"missing ones \['x'\]|unknown inputs \['z'\]"):
        active(path).infer(feeds)


@pytest.mark.parametrize("shapes", ["static", "dynamic"])
def test_dynamic_inputs(shapes: str, path: Path) -> None:
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"
    expected = [np.array(output) for output in active(path).infer(image())]
    onnx.save(model, path)
    runner = active(path, shapes={"x": SHAPE}, settings={"shapes": shapes})
    compiled = runner._request.get_compiled_model()
    assert compiled.inputs[0].partial_shape.is_static == (shapes == "static")
    for got, wanted in zip(runner.infer(image()), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4)


def test_weights_beside_the_model_and_nodes_without_names(path: Path) -> None:
    expected = np.array(active(path).infer(image())[0])
    outside = path.with_name("outside.onnx")
    onnx.save(onnx.load(path), outside, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert np.array_equal(active(outside).infer(image())[0], expected)
    profiled(outside).check()


def test_it_runs_in_a_worker_and_leaves_layer_times(path: Path, tmp_path: Path) -> None:
    inputs, layers = tmp_path / "inputs", tmp_path / "layers"
    inputs.mkdir()
    layers.mkdir()
    write_arrays(inputs, image())
    with Worker() as worker:
        assert worker.load(LoadRequest("openvino", str(path), 1, str(layers)), inputs).device == "cpu"
        assert len(worker.sample(seconds=0.0, min_runs=3).wall_s) == 3
        worker.unload()
    assert [file.name for file in layers.iterdir()] == ["openvino.json"]


def test_no_telemetry_is_imported_and_nothing_is_written_to_the_users_home(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, inputs = tmp_path / "home", tmp_path / "inputs"
    home.mkdir()
    inputs.mkdir()
    write_arrays(inputs, image())
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(home))
    with Worker() as worker:
        worker.load(LoadRequest("openvino", str(path), 1), inputs)
        worker.sample(seconds=0.0)
        assert {file.name for file in worker.scratch.rglob("*")} <= {"stderr", "stderr.txt", ".in-use"}
    assert list(home.rglob("*")) == []


def test_the_products_behind_the_ceilings_are_computed_in_the_types_that_they_stand_for() -> None:
    here = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    forms = {"float32": "", "bfloat16": "bfloat16", "int8": "", "int8 behind Q/DQ": ""}
    with Worker() as worker:
        found = {
            form: computed_dtype(worker, "openvino", 1, replace(product(form, 64, 64, 64), precision=precision))
            for form, precision in forms.items()
        }
    assert found["float32"] == found["int8"] == "float32"
    assert found["int8 behind Q/DQ"] == ("int8" if "INT8" in here else "float32")
    assert found["bfloat16"] == bfloat16_becomes()


def test_bfloat16_without_instructions_for_it_is_said_to_be_emulated() -> None:
    has_instructions = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    why = why_emulated("openvino", 1, "bfloat16", {})
    assert bool(why) == (bfloat16_becomes() == "bfloat16" and not has_instructions), why
    assert why_emulated("openvino", 1, "float32", {}) == ""


def test_the_ceiling_of_int8_takes_the_form_that_is_computed_in_it() -> None:
    if "INT8" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("this processor has no products of bytes")
    with Worker() as worker:
        runs = _best_product(Workers(worker, worker), "openvino", 1, "int8", _Runs())
    assert runs.rates
    assert runs.why_none == ""


@pytest.mark.parametrize(("streams", "in_force"), [("1", "1"), ("2", "2")])
def test_streams_are_those_that_it_is_told(path: Path, streams: str, in_force: str) -> None:
    runner = OpenVino()
    loaded = runner.activate(LoadRequest("openvino", str(path), 2, settings={"streams": streams}))
    assert (loaded.settings["streams"], loaded.settings["NUM_STREAMS"]) == (streams, in_force)
    assert len(runner.infer(image())) == 2
