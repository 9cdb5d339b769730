"""`profile`, `doctor` and `ceilings` where TensorRT runs: the tool is the real one, what is under it is made up."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from alexnet_bench import BuildOptions, Options, build_engine, profile
from alexnet_bench.backends.array_files import write_arrays
from alexnet_bench.backends.ceiling_models import write_triad
from alexnet_bench.backends.protocol import LoadRequest
from alexnet_bench.backends.registry import get_backend
from alexnet_bench.core.errors import EngineError, UsageError
from alexnet_bench.core.profile import Profile
from alexnet_bench.core.workspace import engines_root
from alexnet_bench.engine.loading import find_engine
from alexnet_bench.workflows import doctor
from alexnet_bench.workflows.ceilings import machine_ceilings
from alexnet_bench.workflows.inspection.inspect import inspect
from tests.unit.backends.fake_device import OP_S
from tests.unit.workflows import tensorrt_in_process
from tests.unit.workflows.tensorrt_in_process import LAYER_S, VERSION, InProcess, TensorRt

QUICK = Options(backend="tensorrt", seconds=0.05, processes=2)


def check_profile(found: Profile) -> None:
    assert found.engine is not None
    assert found.latency is not None
    assert (found.engine.backend, found.engine.backend_version) == ("tensorrt", VERSION)
    assert found.engine.device == "NVIDIA Nothing"
    assert found.coverage.macs_attributed_fraction == 1.0
    assert found.coverage.time_attributed_fraction == pytest.approx(1.0)
    parts = found.latency.parts
    assert [parts.h2d_s, parts.compute_s, parts.d2h_s] == pytest.approx([OP_S] * 3)
    assert parts.host_s == pytest.approx(found.latency.median_s - 3 * OP_S, rel=0.2)
    assert [layer.time_s for layer in found.layers] == [pytest.approx(LAYER_S)] * len(found.layers)
    assert found.memory.device_peak_bytes is not None
    assert "no-device" not in {warning.code for warning in found.warnings}
    run_s = LAYER_S * len(found.layers)
    assert found.coverage.outside_kernels_fraction == pytest.approx(max(0.0, 1 - run_s / OP_S), abs=0.01)


@pytest.mark.usefixtures("trt")
@pytest.mark.parametrize("precision", [None, "fp32", "fp16", "tf32"])
def test_a_model_is_built_run_and_its_layers_timed(precision: str | None) -> None:
    found = profile("lenet-5", options=Options(backend="tensorrt", seconds=0.05, processes=2, precision=precision))
    check_profile(found)
    expected = {None: "float32", "fp32": "float32", "fp16": "float16", "tf32": "tf32"}[precision]
    assert {layer.compute_dtype for layer in found.layers if layer.macs} == {expected}
    assert found.model.weights_sha256 is not None
    assert "cuda_graph" in str(found.environment.described["settings"])


@pytest.mark.usefixtures("trt")
def test_a_batch_is_built_for() -> None:
    found = profile("lenet-5", batch=4, options=QUICK)
    check_profile(found)
    assert found.case.batch == 4


def test_an_engine_is_profiled_from_its_file(trt: TensorRt, tmp_path: Path) -> None:
    plan = tmp_path / "lenet.plan"
    build_engine("lenet-5", options=BuildOptions(backend="tensorrt", precision="fp16"), output=plan)
    found = profile(plan, options=Options(seconds=0.05, processes=2, device_api="pycuda"))
    check_profile(found)
    assert found.model.weights_sha256 is None
    assert trt.devices


@pytest.fixture
def stripped(trt: TensorRt, tmp_path: Path) -> tuple[TensorRt, Path]:
    """An engine without weights, outside of the cache."""
    plan = tmp_path / "lenet.plan"
    build_engine(
        "lenet-5",
        options=BuildOptions(backend="tensorrt", precision="fp16", settings={"strip": "on"}),
        output=plan,
    )
    return trt, plan


def test_a_stripped_engine_takes_its_weights_from_the_cache(stripped: tuple[TensorRt, Path]) -> None:
    trt, plan = stripped
    passport = find_engine(str(plan), engines_root()).passport
    folder = engines_root() / passport.key
    assert passport.refit_sha256 is not None
    assert passport.size_bytes == plan.stat().st_size == (folder / "engine.plan").stat().st_size
    for engine in (plan, folder):
        check_profile(profile(engine, options=Options(seconds=0.05, processes=2)))
    assert set(trt.refitted_from) == {str(folder / "engine.onnx")}
    types = {item.data_type for item in onnx.load(folder / "engine.onnx").graph.initializer}
    assert TensorProto.FLOAT16 in types  # the graph after its passes, and not the model


def test_a_stripped_engine_whose_weights_are_gone_says_how_to_get_them(stripped: tuple[TensorRt, Path]) -> None:
    _, plan = stripped
    folder = engines_root() / find_engine(str(plan), engines_root()).passport.key
    with (folder / "engine.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(EngineError, match="are damaged, or others") as error:
        profile(plan, options=Options(seconds=0.05))
    assert "MODEL --backend tensorrt --precision fp16 --rebuild" in error.value.hint
    assert "are damaged, or others" in inspect(plan).reasons_against[0]
    (folder / "engine.onnx").unlink()
    with pytest.raises(EngineError, match="is kept without its weights, and the cache here does not have them"):
        profile(plan, options=Options(seconds=0.05))


def test_an_engine_runs_with_the_plugins_that_it_was_built_with_and_no_others(trt: TensorRt, tmp_path: Path) -> None:
    library, plan = tmp_path / "lib.so", tmp_path / "lenet.plan"
    library.write_bytes(b"\x7fELF one")
    options = BuildOptions(backend="tensorrt", precision="fp32", plugins=[library])
    passport = build_engine("lenet-5", options=options, output=plan)
    assert passport.recipe["plugins"] == [
        {"path": str(library), "sha256": hashlib.sha256(b"\x7fELF one").hexdigest()},
    ]
    check_profile(profile(plan, options=Options(seconds=0.05, processes=2)))
    assert set(trt.plugins) == {str(library)}
    assert inspect(plan).reasons_against == ()
    library.write_bytes(b"\x7fELF two")
    assert "is not the one that the engine was built with" in inspect(plan).reasons_against[0]
    with pytest.raises(EngineError, match="is not the one that the engine was built with"):
        profile(plan, options=Options(seconds=0.05))
    assert build_engine("lenet-5", options=options).key != passport.key
    library.unlink()
    with pytest.raises(EngineError, match="cannot be read: No such file"):
        profile(plan, options=Options(seconds=0.05))


@pytest.mark.usefixtures("trt")
def test_an_engine_with_weights_keeps_no_model_beside_it() -> None:
    passport = build_engine("lenet-5", options=BuildOptions(backend="tensorrt", precision="fp16"))
    assert passport.refit_sha256 is None
    assert not Path(passport.path).with_name("engine.onnx").exists()


@pytest.mark.usefixtures("trt")
def test_a_setting_that_is_not_of_the_flavour_is_refused_before_the_build() -> None:
    for name, said in (("compute_capability", "builds for the card at hand"), ("odd", "has no setting 'odd'")):
        with pytest.raises(UsageError, match=said):
            build_engine("lenet-5", options=BuildOptions(backend="tensorrt", settings={name: "89"}))


@pytest.mark.usefixtures("trt")
def test_times_of_layers_that_add_up_to_more_than_a_run_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorrt_in_process, "LAYER_S", 10 * OP_S)
    found = profile("lenet-5", options=QUICK)
    (said,) = [warning.message for warning in found.warnings if warning.code == "overlap"]
    assert "add up to" in said
    assert found.coverage.outside_kernels_fraction == 0.0


def test_the_doctor_runs_a_small_model(trt: TensorRt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "BACKENDS", (get_backend("tensorrt"),))
    (found,) = doctor.diagnose().backends
    assert (found.works, found.detail) == (True, "ran a small model on NVIDIA Nothing")
    assert trt.devices


def test_what_was_loaded_before_is_given_back_first(trt: TensorRt, tmp_path: Path) -> None:
    write_triad(tmp_path / "model.onnx", 16)
    write_arrays(tmp_path, {name: np.ones(16, np.float32) for name in ("a", "b")})
    with InProcess() as worker:
        for count in (1, 2):
            worker.load(LoadRequest("tensorrt", str(tmp_path / "model.onnx"), 1), tmp_path)
            worker.sample(seconds=0.0)
            assert [bool(device.open_resources()) for device in trt.devices] == [False] * (count - 1) + [True]


def test_ceilings_are_measured_without_the_copies(trt: TensorRt) -> None:
    found = machine_ceilings("tensorrt", threads=1, progress=lambda _: None)
    assert found.flop_per_s["float32"] == pytest.approx(2 * 32**3 / OP_S)
    assert trt.devices


@pytest.mark.usefixtures("trt")
def test_a_package_for_a_device_is_for_backends_that_have_one() -> None:
    for options, said in (
        (Options(backend="onnxruntime-cpu", device_api="pycuda"), "--pycuda is for tensorrt and tensorrt-rtx, and onn"),
        (Options(static=True, device_api="cuda-python"), "--static runs nothing .*: --cuda-python would"),
    ):
        with pytest.raises(UsageError, match=said):
            profile("lenet-5", options=options)
