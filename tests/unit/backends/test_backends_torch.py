"""The torch runner: reference networks, layer by layer or compiled."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from alexnet_bench.attribution.join import join  # noqa: E402
from alexnet_bench.backends.ceiling_models import PRODUCT, PRODUCT_TYPES, write_matrix_product, write_triad  # noqa: E402
from alexnet_bench.backends.onnxruntime.cpu import OnnxRuntimeCpu  # noqa: E402
from alexnet_bench.backends.protocol import LoadRequest  # noqa: E402
from alexnet_bench.backends.torch.layers import read_layers  # noqa: E402
from alexnet_bench.backends.torch.runtime import Torch, _captured  # noqa: E402
from alexnet_bench.core.errors import BackendCrash, BackendRefusal, UsageError  # noqa: E402
from alexnet_bench.graph.counting import count  # noqa: E402
from alexnet_bench.graph.onnx_io import build_graph, open_model  # noqa: E402
from alexnet_bench.network import architectures  # noqa: E402
from alexnet_bench.network.initialise import initialise  # noqa: E402
from alexnet_bench.network.onnx_export import export  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from alexnet_bench.core.engine_layers import LayerTimes
    from tests.unit.backends.conftest import Build

Array = np.ndarray[Any, Any]


@pytest.fixture
def exported(tmp_path: Path) -> Callable[[str], Path]:
    def write(name: str) -> Path:
        network = architectures.get(name)
        export(network, initialise(network, 0, "he"), tmp_path / f"{name}.onnx")
        return tmp_path / f"{name}.onnx"

    return write


def image(name: str) -> dict[str, Array]:
    shape = (1, *architectures.get(name).input_shape)
    return {"input": np.random.default_rng(0).uniform(size=shape).astype(np.float32)}


def timed(path: Path, folder: Path, feeds: dict[str, Array], **options: Any) -> LayerTimes:
    folder.mkdir()
    runner = Torch()
    runner.activate(LoadRequest("torch", str(path), 1, str(folder), **options))
    for _ in range(3):
        runner.infer(feeds)
    runner.deactivate()
    return read_layers(folder, build_graph(open_model(path), name="g"), timed_runs=2, wall_s=(1.0, 1.0))


@pytest.mark.parametrize("name", ["lenet-5", "alexnet-2012", "alexnet-bn"])
def test_it_gives_what_onnxruntime_gives(name: str, exported: Callable[[str], Path]) -> None:
    path = exported(name)
    ours, theirs = Torch(), OnnxRuntimeCpu()
    assert ours.activate(LoadRequest("torch", str(path), 1)).outputs == ("logits",)
    theirs.activate(LoadRequest("onnxruntime-cpu", str(path), 1))
    (got,), (expected,) = ours.infer(image(name)), theirs.infer(image(name))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-3 * float(np.abs(expected).max()))


def test_every_layer_has_its_nodes(exported: Callable[[str], Path], tmp_path: Path) -> None:
    path = exported("alexnet-2012")
    times = timed(path, tmp_path / "layers", image("alexnet-2012"))
    graph = build_graph(open_model(path), name="g")
    attribution = join(graph, count(graph), times.layers)
    assert attribution.unattributed == ()
    owned = {item.layer.name: item.nodes for item in attribution.owned}
    assert owned["conv1"] == ("conv1",)
    assert owned["norm1"] == ("norm1/split_towers", "norm1", "norm1/join_towers")
    assert owned["fc8"] == ("fc8",)
    assert [layer.op for layer in times.layers if layer.is_overhead] == ["Dropout", "Dropout"]
    assert not any(layer.is_unmatched for layer in times.layers)
    for index in range(2):
        inside = sum(samples[index] for samples in times.samples_s.values())
        assert 0 < inside <= times.run_s[index] * 1.0001


@pytest.mark.parametrize(("precision", "dtype"), [("", "float32"), ("bfloat16", "bfloat16")])
def test_the_type_asked_for_is_the_type_read_back(
    precision: str, dtype: str, exported: Callable[[str], Path], tmp_path: Path
) -> None:
    times = timed(exported("lenet-5"), tmp_path / "layers", image("lenet-5"), precision=precision)
    assert {layer.compute_dtype for layer in times.layers} == {dtype}
    with pytest.raises(UsageError, match="cannot be told to compute in int8"):
        Torch().activate(LoadRequest("torch", "", 1, precision="int8"))


@pytest.mark.skipif(shutil.which("g++") is None and shutil.which("clang++") is None, reason="there is no C++ compiler")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's own compiler
def test_a_compiled_network_is_one_layer(
    exported: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "inductor"))
    path, feeds = exported("lenet-5"), image("lenet-5")
    compiled: dict[str, Any] = {"settings": {"mode": "compiled"}, "shapes": {"input": feeds["input"].shape}}
    eager, runner = Torch(), Torch()
    eager.activate(LoadRequest("torch", str(path), 1))
    runner.activate(LoadRequest("torch", str(path), 1, **compiled))
    np.testing.assert_allclose(runner.infer(feeds)[0], eager.infer(feeds)[0], rtol=1e-3, atol=1e-4)
    times = timed(path, tmp_path / "layers", feeds, **compiled)
    assert [(layer.op, layer.reads, layer.makes) for layer in times.layers] == [("compiled", ("input",), ("logits",))]
    with pytest.raises(BackendRefusal, match="has to know the shape"):
        Torch().activate(LoadRequest("torch", str(path), 1, settings={"mode": "compiled"}))


def test_a_compiler_that_fails_is_a_refusal_with_its_reason(
    exported: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> Callable[[object], None]:
        def fail(_: object) -> None:
            raise OSError("no C++ compiler\nwas found")

        return fail

    monkeypatch.setattr(torch, "compile", broken)
    request = LoadRequest(
        "torch", str(exported("lenet-5")), 1, settings={"mode": "compiled"}, shapes={"input": (1, 1, 32, 32)}
    )
    with pytest.raises(BackendRefusal, match=r"does not work here: OSError: no C\+\+ compiler was found") as caught:
        Torch().activate(request)
    assert "g++" in caught.value.hint


def test_a_device_that_is_not_there(exported: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BackendRefusal, match="finds no cuda:0"):
        Torch().activate(LoadRequest("torch", str(exported("lenet-5")), 1, settings={"device": "cuda:0"}))


def test_a_graph_of_cuda_is_refused_on_a_processor(exported: Callable[[str], Path]) -> None:
    with pytest.raises(UsageError, match="captures the kernels of a card, and device is cpu"):
        Torch().activate(LoadRequest("torch", str(exported("lenet-5")), 1, settings={"mode": "cuda_graph"}))


class Replayed:
    """CUDA's graphs on the processor: a replay computes anew from where the inputs lay, to where the outputs lay."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: Any) -> None:
        self.module, self.replays = module, 0
        self.captured: list[tuple[Any, Any]] = []
        self._is_capturing = False
        monkeypatch.setattr(torch.cuda, "Stream", lambda: SimpleNamespace(wait_stream=lambda _: None))
        monkeypatch.setattr(torch.cuda, "current_stream", lambda: SimpleNamespace(wait_stream=lambda _: None))
        monkeypatch.setattr(torch.cuda, "stream", lambda _: nullcontext())
        monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: self)
        monkeypatch.setattr(torch.cuda, "graph", self._capture)

    def __call__(self, tensor: Any) -> Any:
        output = self.module(tensor)
        if self._is_capturing:
            self.captured.append((tensor, output))
        return output

    @contextmanager
    def _capture(self, graph: object) -> Iterator[None]:
        assert graph is self
        self._is_capturing = True
        yield
        self._is_capturing = False

    def replay(self) -> None:
        self.replays += 1
        ((tensor, output),) = self.captured
        output.copy_(self.module(tensor))


def test_a_graph_of_cuda_is_replayed_on_what_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    replayed = Replayed(monkeypatch, torch.nn.Linear(4, 2))
    forward = _captured(replayed, torch.zeros(1, 4))
    for number in range(3):
        given = torch.full((1, 4), float(number))
        with torch.inference_mode():
            torch.testing.assert_close(forward(given), replayed.module(given))
    assert replayed.replays == 3
    with pytest.raises(ValueError, match=r"captured for \(1, 4\), and is given \(2, 4\)"):
        forward(torch.zeros(2, 4))


def test_what_cannot_be_captured_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("operation not permitted when stream is capturing")

    replayed = Replayed(monkeypatch, torch.nn.Identity())
    monkeypatch.setattr(replayed, "module", fail)
    with pytest.raises(BackendRefusal, match="cannot capture this network: operation not permitted"):
        _captured(replayed, torch.zeros(1, 4))


def test_other_models_are_refused_by_name(exported: Callable[[str], Path], tmp_path: Path, build: Build) -> None:
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    onnx.save(build.model([node], {"x": (1,)}, ["y"], {}), tmp_path / "mine.onnx")
    changed = onnx.load(exported("lenet-5"))
    changed.graph.node[1].op_type = "Relu"
    onnx.save(changed, tmp_path / "changed.onnx")
    for name in ("mine.onnx", "changed.onnx"):
        with pytest.raises(BackendRefusal, match="torch runs no ONNX files but those of the reference"):
            Torch().activate(LoadRequest("torch", str(tmp_path / name), 1))


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_products_behind_the_ceilings(dtype: str, tmp_path: Path) -> None:
    write_matrix_product(tmp_path / "product.onnx", 4, 8, 2, dtype)
    feeds = {"x": np.arange(32).reshape(4, 8).astype(PRODUCT_TYPES[dtype].feed)}
    times = timed(tmp_path / "product.onnx", tmp_path / "layers", feeds, precision=dtype if dtype != "float64" else "")
    assert [layer.compute_dtype for layer in times.layers if PRODUCT in layer.makes] == [dtype]
    runner = Torch()
    runner.activate(LoadRequest("torch", str(tmp_path / "product.onnx"), 1))
    assert runner.infer(feeds)[0].tolist() == [[28.0]]


def test_a_sum_and_a_product_of_bytes(tmp_path: Path) -> None:
    write_triad(tmp_path / "triad.onnx", 4)
    runner = Torch()
    runner.activate(LoadRequest("torch", str(tmp_path / "triad.onnx"), 1))
    feeds = {name: np.full(4, value, np.float32) for name, value in (("a", 1), ("b", 2))}
    assert runner.infer(feeds)[0].tolist() == [3.0]
    for form in ("int8", "int8 behind Q/DQ"):
        write_matrix_product(tmp_path / "bytes.onnx", 4, 8, 2, form)
        with pytest.raises(BackendRefusal, match="torch has no"):
            Torch().activate(LoadRequest("torch", str(tmp_path / "bytes.onnx"), 1))


def test_inputs_that_do_not_fit_are_refused(exported: Callable[[str], Path]) -> None:
    runner = Torch()
    runner.activate(LoadRequest("torch", str(exported("lenet-5")), 1))
    for feeds in ({}, {"input": np.ones((1, 3, 32, 32), np.float32)}):
        with pytest.raises(BackendRefusal, match="torch fails while running"):
            runner.infer(feeds)


def test_a_record_that_is_missing_or_lacks_runs(exported: Callable[[str], Path], tmp_path: Path) -> None:
    path = exported("lenet-5")
    timed(path, tmp_path / "layers", image("lenet-5"))
    graph = build_graph(open_model(path), name="g")
    with pytest.raises(BackendCrash, match="3 runs of 4"):
        read_layers(tmp_path / "layers", graph, timed_runs=4, wall_s=(1.0,) * 4)
    with pytest.raises(BackendCrash, match="cannot be read"):
        read_layers(tmp_path, graph, timed_runs=1, wall_s=(1.0,))
