"""The runner on ONNX Runtime's TensorRT provider, with the CPU provider in its place: there may be no GPU here."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import helper

from alexnet_bench.backends.client import _with_engines
from alexnet_bench.backends.onnxruntime import tensorrt as onnxruntime_tensorrt
from alexnet_bench.backends.onnxruntime.fallback import Fallen, left_by
from alexnet_bench.backends.onnxruntime.session import OPTIMISED_MODEL
from alexnet_bench.backends.onnxruntime.tensorrt import (
    NAME,
    PROVIDER,
    OnnxRuntimeTensorRt,
    missing,
    provider_options,
)
from alexnet_bench.backends.protocol import Loaded, LoadRequest
from alexnet_bench.backends.registry import availability, choose_backend, get_backend
from alexnet_bench.core.errors import BackendRefusal, MissingRuntimeError, UsageError
from alexnet_bench.core.packages import install_line
from alexnet_bench.core.workspace import runtimes_cache
from tests.unit.backends.made_elf import elf

if TYPE_CHECKING:
    from tests.unit.backends.conftest import Build

TENSORRT = "10.13.2"
CPU = "CPUExecutionProvider"


class OnCpu(OnnxRuntimeTensorRt):
    """The same with the CPU provider as the device, and the options that the other would get."""

    provider = CPU
    device = "cpu"
    asked: dict[str, str]

    def _load_tensorrt(self) -> str:
        return TENSORRT

    def _providers(self, settings: Any) -> list[object]:
        first = super()._providers(settings)[0]
        assert isinstance(first, tuple)
        self.asked = first[1]
        return [first[0]]


def save(path: Path, build: Build, *, scale: float = 1.0) -> Path:
    """A model with an open batch."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="conv", pads=[1] * 4),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        helper.make_node("Softmax", ["r"], ["y"], name="soft"),
    ]
    weights = np.full((64, 3, 3, 3), scale, np.float32)
    model = build.model(nodes, {"x": (1, 3, 8, 8)}, ["y"], {"w": weights})
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"
    onnx.save(model, path)
    return path


@pytest.fixture
def path(tmp_path: Path, build: Build) -> Path:
    return save(tmp_path / "a model.onnx", build)


@pytest.fixture(autouse=True)
def _process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The runner settles the process that it is alone in; here all of that has to go again."""
    for name in ("CUDA_LAUNCH_BLOCKING", "NVIDIA_TF32_OVERRIDE", "ORT_TENSORRT_FP16_ENABLE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.chdir(tmp_path)


def active(path: Path, **options: Any) -> tuple[OnCpu, Loaded]:
    runner = OnCpu()
    return runner, runner.activate(LoadRequest(NAME, str(path), 1, **options))


def image(batch: int) -> dict[str, np.ndarray[Any, Any]]:
    return {"x": np.random.default_rng(0).standard_normal((batch, 3, 8, 8)).astype(np.float32)}


def test_outputs_are_those_of_the_model_and_both_versions_are_said(path: Path) -> None:
    import onnxruntime

    runner, loaded = active(path)
    expected = onnxruntime.InferenceSession(path, providers=[CPU]).run(None, image(1))
    np.testing.assert_allclose(runner.infer(image(1))[0], expected[0], rtol=1e-5)
    assert loaded.backend_version == f"{onnxruntime.__version__} (TensorRT {TENSORRT})"
    assert loaded.settings["engine_cache"] == "off"
    runner.deactivate()


def test_a_layer_run_leaves_a_trace_and_asks_for_no_model_that_cannot_be_written(path: Path, tmp_path: Path) -> None:
    layers = tmp_path / "layers"
    layers.mkdir()
    runner, _ = active(Path(path.name), layers_dir=str(layers))  # the folder changes, and the model is found
    runner.infer(image(1))
    runner.deactivate()
    assert {item.name.partition("_")[0] for item in layers.iterdir()} == {"trace", "provider.json"}
    assert not (layers / OPTIMISED_MODEL).exists()
    assert runner.asked["trt_dump_subgraphs"] == "True"
    assert Path.cwd() == layers


def test_nothing_but_the_request_decides_what_is_built(path: Path) -> None:
    active(path)
    assert os.environ["NVIDIA_TF32_OVERRIDE"] == "0"
    assert "ORT_TENSORRT_FP16_ENABLE" not in os.environ
    active(path, settings={"tf32": "on"})
    assert "NVIDIA_TF32_OVERRIDE" not in os.environ


def test_settings_reach_the_provider(path: Path, tmp_path: Path) -> None:
    runner, _ = active(path, settings={"cuda_graph": "on"}, engines_dir=str(tmp_path / "engines"))
    (folder,) = (tmp_path / "engines").iterdir()
    assert runner.asked == provider_options(captures=True, dumps=False, engines=folder)
    assert runner.asked["trt_cuda_graph_enable"] == "True"
    assert runner.asked["trt_engine_cache_path"] == runner.asked["trt_timing_cache_path"] == str(folder)
    assert [runner.asked[f"trt_{name}_enable"] for name in ("fp16", "bf16", "int8")] == ["False"] * 3
    without = provider_options(captures=False, dumps=False, engines=None)
    assert without["trt_engine_cache_enable"] == without["trt_timing_cache_enable"] == "False"
    assert not any(name.endswith("_path") for name in without)
    with pytest.raises(UsageError, match="fallback of onnxruntime-tensorrt cannot be 'no'"):
        active(path, settings={"fallback": "no"})


def test_the_cuda_provider_runs_what_is_left_and_captures_nothing() -> None:
    runner = OnnxRuntimeTensorRt()
    runner._graph = True
    first, second, last = runner._providers({"tf32": "off"})
    assert isinstance(first, tuple)
    assert first[0] == PROVIDER
    assert second == ("CUDAExecutionProvider", {"enable_cuda_graph": "0", "use_tf32": "0"})
    assert last == CPU


def test_open_sizes_get_those_of_the_case(path: Path) -> None:
    runner, _ = active(path, shapes={"x": (2, 3, 8, 8)})
    assert runner._session.get_inputs()[0].shape == [2, 3, 8, 8]
    runner, _ = active(path, shapes={"x": (2, 3, 8, 8)}, settings={"shapes": "dynamic"})
    assert runner._session.get_inputs()[0].shape == ["N", 3, 8, 8]
    assert runner.infer(image(3))[0].shape == (3, 64, 8, 8)


def test_a_session_says_what_it_left_to_others(path: Path) -> None:
    runner, _ = active(path)
    assert left_by(runner._session, CPU) == []
    left = left_by(runner._session, PROVIDER)
    assert left == [Fallen("conv", "Conv", CPU), Fallen("relu", "Relu", CPU), Fallen("soft", "Softmax", CPU)]


def test_a_release_that_does_not_say_is_refused() -> None:
    with pytest.raises(BackendRefusal, match="does not say which nodes") as caught:
        left_by(object(), PROVIDER)
    assert "1.24" in caught.value.hint


def test_nodes_that_are_left_to_others_are_an_error_unless_allowed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime_tensorrt, "left_by", lambda session, _: left_by(session, PROVIDER))
    with pytest.raises(BackendRefusal) as caught:
        active(path)
    said = "onnxruntime runs 3 layers on the CPU, not on TensorRT: conv (Conv), relu (Relu), soft (Softmax)"
    assert caught.value.message == said
    assert 'fallback = "allowed"' in caught.value.hint
    active(path, settings={"fallback": "allowed"})


def test_without_the_provider_the_cpu_does_not_run_the_model(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    if PROVIDER in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has the provider")
    monkeypatch.setattr(OnnxRuntimeTensorRt, "_load_tensorrt", lambda _: TENSORRT)
    with (
        pytest.warns(UserWarning, match="is not in available provider names"),
        pytest.raises(BackendRefusal, match=f"cannot use {PROVIDER}"),
    ):
        OnnxRuntimeTensorRt().activate(LoadRequest(NAME, str(path), 1))


def test_tensorrt_is_checked_before_a_session_is_made(path: Path) -> None:
    """The installed onnxruntime has no provider to read, and the refusal says so instead of the session."""
    if availability(get_backend(NAME)).works:
        pytest.skip("it works here")
    with pytest.raises(BackendRefusal, match=r"TensorRT provider|installed is|not installed"):
        OnnxRuntimeTensorRt().activate(LoadRequest(NAME, str(path), 1))


def engines(path: Path, root: Path, **options: Any) -> set[str]:
    """The names of all folders after the model was loaded."""
    active(path, engines_dir=str(root), **options)
    return {folder.name for folder in root.iterdir()}


def test_each_model_and_all_that_its_engine_depends_on_has_a_folder(path: Path, tmp_path: Path, build: Build) -> None:
    root = tmp_path / "engines"
    first = engines(path, root)
    (name,) = first
    assert name.startswith("a_model-")
    assert engines(path, root) == first
    assert len(engines(path, root, settings={"tf32": "on"})) == 2
    assert len(engines(path, root, shapes={"x": (2, 3, 8, 8)})) == 3
    assert len(engines(path, root, shapes={"x": (2, 3, 8, 8)}, settings={"shapes": "dynamic"})) == 3
    save(path, build, scale=2.0)  # the same names, other weights
    assert len(engines(path, root)) == 4


def test_where_nothing_can_be_kept_it_is_built_again(path: Path, tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    for root in ("", str(tmp_path / "a file" / "engines")):
        runner, loaded = active(path, engines_dir=root)
        assert loaded.settings["engine_cache"] == "off"
        assert runner.asked["trt_engine_cache_enable"] == "False"


def test_the_client_says_where_engines_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    request = LoadRequest(NAME, "m.onnx", 1)
    assert _with_engines(request).engines_dir == str(runtimes_cache() / NAME)
    assert str(runtimes_cache()).startswith(str(tmp_path))
    for other in (replace(request, engines_dir=""), replace(request, backend="onnxruntime-cuda")):
        assert _with_engines(other) is other


def test_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no TensorRT provider: it is not onnxruntime-gpu" in missing(tmp_path)
    library = tmp_path / "capi" / "libonnxruntime_providers_tensorrt.so"
    library.parent.mkdir()
    library.write_bytes(elf(["libnvinfer.so.99"]))
    monkeypatch.setattr(onnxruntime_tensorrt, "no_driver", lambda: "no driver")
    assert missing(tmp_path) == "no driver"
    monkeypatch.setattr(onnxruntime_tensorrt, "no_driver", lambda: "")
    assert "libnvinfer.so.99, which is not installed: pip install 'tensorrt>=99,<100'" in missing(tmp_path)
    library.write_bytes(elf(["libc.so.6"]))
    assert missing(tmp_path) == ""


def test_the_backend_says_why_it_does_not_work_here() -> None:
    here = availability(get_backend(NAME))
    if here.works:
        pytest.skip("it works here")
    with pytest.raises(MissingRuntimeError, match=f"backend {NAME} does not work here") as caught:
        choose_backend(NAME)
    assert here.reason in caught.value.message
    assert install_line("ort-tensorrt") in caught.value.hint
