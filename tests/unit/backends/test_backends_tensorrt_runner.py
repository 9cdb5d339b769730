"""The whole way of an engine, from its file to its outputs, on a device and a TensorRT that are made up."""

from __future__ import annotations

import gc
import importlib
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexnet_bench.backends.device.cuda_python import CudaPython
from alexnet_bench.backends.device.protocol import Device
from alexnet_bench.backends.device.pycuda_device import PyCuda
from alexnet_bench.backends.protocol import DeviceUse, Loaded, LoadRequest, RunParts
from alexnet_bench.backends.registry import get_backend
from alexnet_bench.backends.tensorrt import engine_tensor, ready, source
from alexnet_bench.backends.tensorrt.layer_times import read_layers
from alexnet_bench.backends.tensorrt.profiler import make_profiler
from alexnet_bench.backends.tensorrt.runner import TensorRt
from alexnet_bench.backends.worker import Request, time_runs
from alexnet_bench.core.errors import BackendRefusal, EngineError, MissingRuntimeError, UsageError
from tests.unit.backends import fake_device, fake_tensorrt
from tests.unit.backends.fake_cuda import put_cuda_python, put_pycuda
from tests.unit.backends.fake_device import OP_S, FakeDevice, Faults
from tests.unit.backends.fake_tensorrt import DataType, FakeTensorRt, Kind, TensorLocation
from tests.unit.backends.tensorrt_here import needs_rtx
from tests.unit.backends.test_backends_tensorrt_layer_times import chain

Feeds = dict[str, np.ndarray]
Package = type[CudaPython | PyCuda]


@dataclass
class Bench:
    """A runner with what is under it."""

    device: FakeDevice
    trt: FakeTensorRt
    path: Path
    package: Package | None = None
    runner: TensorRt = field(default_factory=TensorRt)
    opened: list[Device] = field(default_factory=list)

    def load(self, **changes: Any) -> Loaded:
        return self.runner.activate(LoadRequest(self.trt.kind.backend, str(self.path), 1, **changes))

    def open(self, _: str) -> Device:
        self.opened.append(self.device.open() if self.package is None else self.package())
        return self.opened[-1]

    def check(self) -> None:
        """Nothing is left, though devices that were closed live on, and nothing was done wrong."""
        self.runner = TensorRt()
        if self.device.open_resources():  # an error's frames may be part of a circle
            gc.collect()
        assert self.device.open_resources() == []
        assert self.device.error == ""
        # An exception's frames hold on to TensorRT's objects here; the real one has no frames of Python.
        tolerated = fake_tensorrt.OUTLIVED if self.trt.has_raised else ()
        assert [wrong for wrong in self.device.wrongs if wrong not in tolerated] == []


Make = Callable[..., Bench]
PUT: dict[Package, Callable[[pytest.MonkeyPatch, FakeDevice], object]] = {
    CudaPython: put_cuda_python,
    PyCuda: put_pycuda,
}
"""What has a package work on the device that is made up."""


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    path = tmp_path / "engine.plan"
    monkeypatch.setattr(ready, "cannot_run", lambda _: "")

    def put(
        kind: Kind | None = None,
        *,
        faults: Faults | None = None,
        captures: bool = True,
        raises: bool = True,
        package: Package | None = None,
    ) -> Bench:
        device = FakeDevice(faults, captures=captures)
        trt = FakeTensorRt(device, kind, raises=raises)
        path.write_bytes(fake_tensorrt.plan(trt.kind))
        monkeypatch.setitem(sys.modules, get_backend(trt.kind.backend).module, trt)
        if package is not None:
            PUT[package](monkeypatch, device)
        bench = Bench(device, trt, path, package)
        monkeypatch.setattr(ready, "open_device", bench.open)
        return bench

    gc.freeze()  # what all other tests have left need not be looked through each time
    yield put
    gc.unfreeze()


def feeds(seed: int, *sizes: int) -> Feeds:
    generator = np.random.default_rng(seed)
    shape = sizes or (2, 4)
    return {"x": generator.random(shape, np.float32), "n": generator.integers(0, 99, shape)}


def right(outputs: list[np.ndarray], fed: Feeds) -> bool:
    y, m = outputs
    return np.array_equal(y, 2 * fed["x"]) and np.array_equal(m, fed["n"] + 1)


@pytest.mark.parametrize("settings", [{}, {"cuda_graph": "off"}])
@pytest.mark.parametrize("auxiliary", [0, 3])
def test_outputs_are_those_of_the_inputs_that_are_fed(make: Make, settings: dict[str, str], auxiliary: int) -> None:
    bench = make(Kind(auxiliary=auxiliary))
    loaded = bench.load(settings=settings)
    assert (loaded.outputs, loaded.device, loaded.backend_version) == (("y", "m"), "NVIDIA Nothing", "11.0.1")
    assert loaded.settings == {
        "device_api": "fake",
        "cuda_graph": settings.get("cuda_graph", "on"),
        "tf32": "off",
        "auxiliary_streams": str(auxiliary),
    }
    for seed in (1, 2, 1):
        fed = feeds(seed)
        assert right(bench.runner.infer(fed), fed)
        assert right(bench.runner.infer(fed), fed)
    bench.runner.deactivate()
    bench.check()


def test_addresses_are_bound_once_and_kernels_launched_as_one(make: Make) -> None:
    bench = make()
    bench.load()
    for _ in range(5):
        bench.runner.infer(feeds(0))
    seen = bench.device.faults.seen
    assert seen.count("set_tensor_address") == 4
    assert seen.count("execute_async_v3") == 2  # once on zeros, once to be captured
    assert seen.count("graph.launch") == 5
    assert seen.count("stream.synchronize") == 1 + 5


def test_open_sizes_are_bound_when_they_are_known_and_again_when_they_change(make: Make) -> None:
    bench = make(Kind(sizes=(-1, 4)))
    bench.load()
    assert "set_input_shape" not in bench.device.faults.seen
    for count in (1, 3, 3, 2):
        fed = feeds(count, count, 4)
        assert right(bench.runner.infer(fed), fed)
    assert bench.device.faults.seen.count("capture") == 3
    bench.runner.deactivate()
    bench.check()


_TWO = (((1, 4), (2, 4)), ((4, 4), (8, 4)))


def test_the_first_profile_that_holds_the_sizes_is_taken(make: Make) -> None:
    bench = make(Kind(sizes=(-1, 4), profiles=(*_TWO, ((1, 4), (99, 4)))))
    bench.load()
    for count in (1, 2, 4, 8, 5, 2, 50, 6):
        fed = feeds(count, count, 4)
        assert right(bench.runner.infer(fed), fed)
    assert bench.trt.chosen == [1, 0, 2, 1]
    bench.runner.deactivate()
    bench.check()


def test_sizes_outside_of_all_profiles_are_refused_with_their_ranges_before_a_run(make: Make) -> None:
    bench = make(Kind(sizes=(-1, 4), profiles=_TWO))
    bench.load()
    for sizes in ((3, 4), (4, 4, 1)):
        shown = "x".join(map(str, sizes))
        said = f"does not take x {shown}, n {shown}; it takes x 1x4 to 2x4, n 1x4 to 2x4; or x 4x4 to 8x4, n 4x4 to 8x4"
        with pytest.raises(BackendRefusal, match=said):
            bench.runner.infer(feeds(0, *sizes))
    assert "execute_async_v3" not in bench.device.faults.seen
    bench.runner.deactivate()
    bench.check()


def test_an_engine_whose_inputs_are_padded_is_refused_before_anything_is_copied(make: Make) -> None:
    """Its buffer would be longer than the array: trtexec --inputIOFormats=fp16:hwc8."""
    bench = make(Kind(padded=(0,)))
    said = r"cannot run this engine here: x is no plain array: Eight channel FP16 format \(kHWC8\)"
    with pytest.raises(BackendRefusal, match=said) as refused:
        bench.load()
    assert "--inputIOFormats=fp32:chw" in refused.value.hint
    assert {"allocate", "set_tensor_address", "execute_async_v3"}.isdisjoint(bench.device.faults.seen)
    bench.check()


def test_only_the_profile_that_is_run_has_to_take_plain_arrays(make: Make) -> None:
    bench = make(Kind(sizes=(-1, 4), profiles=_TWO, padded=(1,)))
    bench.load()
    fed = feeds(1, 2, 4)
    assert right(bench.runner.infer(fed), fed)
    with pytest.raises(BackendRefusal, match="x is no plain array"):
        bench.runner.infer(feeds(1, 4, 4))
    assert right(bench.runner.infer(fed), fed)
    bench.runner.deactivate()
    bench.check()


def test_sizes_of_the_request_are_bound_before_the_first_run(make: Make) -> None:
    bench = make(Kind(sizes=(-1, 4)))
    bench.load(shapes={"x": (3, 4), "n": (3, 4)})
    assert bench.device.faults.seen.count("set_tensor_address") == 4
    bench.runner.infer(feeds(0, 3, 4))
    assert bench.device.faults.seen.count("set_tensor_address") == 4


def test_where_capture_does_not_work_runs_go_on_without_and_say_so(make: Make) -> None:
    bench = make(captures=False)
    assert bench.load().settings["cuda_graph"] == "off: the device captures nothing"
    fed = feeds(1)
    assert right(bench.runner.infer(fed), fed)
    bench.runner.deactivate()
    bench.check()


def test_copies_and_computing_are_timed_apart(make: Make) -> None:
    bench = make()
    bench.load()
    parts: list[RunParts] = []
    wall_s = time_runs(bench.runner, feeds(0), Request(op="sample", min_runs=3, max_runs=3), parts)
    assert len(wall_s) == len(parts) == 3
    assert [(part.h2d_s, part.compute_s, part.d2h_s) for part in parts] == [
        pytest.approx((2 * OP_S, OP_S, 2 * OP_S))
    ] * 3


def test_memory_is_told_by_tensorrt_and_by_the_devices_counter(make: Make) -> None:
    bench = make()
    loaded = bench.load()
    buffers = 2 * (8 * 4 + 8 * 8)
    assert loaded.device_use == DeviceUse(
        fake_tensorrt.WEIGHTS_BYTES,
        fake_tensorrt.ACTIVATION_BYTES,
        fake_tensorrt.CONTEXT_BYTES,
        fake_tensorrt.WEIGHTS_BYTES + fake_tensorrt.CONTEXT_BYTES + buffers,
    )


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Kind(made=(-1, 4)), r"the sizes \(-1, 4\) of output y depend on the data"),
        (Kind(place=TensorLocation.HOST), "n holds sizes of other tensors"),
        (Kind(dtype=DataType.BF16), "x is BF16, which numpy lacks"),
    ],
)
def test_engines_that_cannot_be_run_here_are_refused(make: Make, kind: Kind, said: str) -> None:
    bench = make(kind)
    with pytest.raises(BackendRefusal, match=said):
        bench.load()
    bench.check()


@pytest.mark.parametrize(
    ("fed", "said"),
    [
        ({"x": feeds(0)["x"]}, "tensorrt is not given the input n"),
        (feeds(0) | {"x": np.zeros((2, 4))}, "input x is float64, and the engine takes float32"),
        (feeds(0, 3, 4), "tensorrt fails in set_input_shape"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(make: Make, fed: Feeds, said: str) -> None:
    bench = make()
    bench.load()
    with pytest.raises(BackendRefusal, match=said):
        bench.runner.infer(fed)
    again = feeds(1)
    assert right(bench.runner.infer(again), again)
    bench.runner.deactivate()
    bench.check()


def test_an_engine_that_tensorrt_does_not_read_has_its_reason(make: Make) -> None:
    bench = make()
    bench.path.write_bytes(b"ftrt" + bytes(99))
    with pytest.raises(
        BackendRefusal, match=r"tensorrt fails in deserialize_cuda_engine: .*Error Code 1: Serialization"
    ):
        bench.load()
    bench.path.write_bytes(b"vtrt" + bytes(99))
    with pytest.raises(EngineError, match="is of tensorrt-rtx"):
        bench.load()
    bench.check()


def test_settings_of_the_build_are_let_through_and_unknown_ones_are_not(make: Make) -> None:
    bench = make()
    bench.load(settings={"optimization_level": "5", "timing_cache": "off", "device_api": "pycuda"})
    bench.runner.deactivate()
    for settings in ({"cuda_grph": "on"}, {"device_api": "cupy"}):
        with pytest.raises(UsageError):
            bench.load(settings=settings)
    with pytest.raises(UsageError, match="cannot be told to compute in float16"):
        bench.load(precision="float16")
    bench.check()


def test_an_engine_without_weights_is_refitted_before_it_is_made_ready(make: Make) -> None:
    bench = make(Kind(is_stripped=True))
    loaded = bench.load(settings={"strip": "on"}, weights_path="weights.onnx")
    assert loaded.settings["refitted"] == "on"
    fed = feeds(1)
    assert right(bench.runner.infer(fed), fed)
    bench.runner.deactivate()
    bench.check()
    other = make(Kind(is_stripped=True))
    with pytest.raises(BackendRefusal, match="tensorrt fails in refit_from_file"):
        other.load(settings={"strip": "on"}, weights_path="no_model")
    other.check()


def test_code_of_an_engine_runs_only_where_it_was_built_with_some(make: Make) -> None:
    bench = make(Kind(has_host_code=True))
    with pytest.raises(BackendRefusal, match="Cannot deserialize engine with lean runtime") as refused:
        bench.load()
    assert "--host-code" in refused.value.hint
    bench.check()
    other = make(Kind(has_host_code=True))
    other.load(settings={"version_compatible": "on"})
    other.runner.deactivate()
    other.check()


def test_libraries_of_plugins_are_there_when_the_engine_is_read(make: Make) -> None:
    bench = make()
    bench.load(plugins=("a.so", "b.so"))
    assert bench.trt.plugins == ("a.so", "b.so")
    bench.runner.deactivate()
    bench.check()


@pytest.mark.parametrize(
    ("streaming", "budget"), [("on", fake_tensorrt.WEIGHTS_BYTES // 2), ("1KiB", 1024), ("off", None)]
)
def test_weights_are_streamed_within_a_budget(make: Make, streaming: str, budget: int | None) -> None:
    bench = make()
    settings = bench.load(settings={"weight_streaming": streaming}).settings
    assert bench.trt.budgets == ([] if budget is None else [budget])
    assert settings.get("weight_budget_bytes") == (None if budget is None else str(budget))
    bench.runner.deactivate()
    bench.check()


_GIB = 1 << 30


@pytest.mark.parametrize(
    ("streaming", "kind", "budget"),
    [
        ("1MiB", Kind(), fake_tensorrt.WEIGHTS_BYTES),  # more than there is: all of it stays on the device
        ("3GiB", Kind(streamable=5 * _GIB), 3 * _GIB),
        ("on", Kind(streamable=5 * _GIB, proposes=3 * _GIB - 4 * _GIB), 3 * _GIB),
        ("on", Kind(streamable=5 * _GIB, proposes=_GIB), 5 * _GIB),
    ],
)
def test_budgets_beyond_what_the_bindings_hand_on_are_whole(
    make: Make, streaming: str, kind: Kind, budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_device, "TOTAL_BYTES", 8 * _GIB)
    bench = make(kind)
    assert bench.load(settings={"weight_streaming": streaming}).settings["weight_budget_bytes"] == str(budget)
    assert bench.trt.budgets == [budget]
    bench.runner.deactivate()
    bench.check()


@pytest.mark.parametrize(
    ("streaming", "kind", "said"),
    [
        ("1KiB", Kind(takes_budgets=False), "it is given 1,024 bytes, and keeps to 4,096"),
        ("on", Kind(takes_budgets=False), "it is given 2,048 bytes, and keeps to 4,096"),
        ("on", Kind(proposes=-1), "get_weight_streaming_automatic_budget: it proposes -1 bytes"),
    ],
)
def test_a_budget_that_is_not_kept_to_is_refused(make: Make, streaming: str, kind: Kind, said: str) -> None:
    bench = make(kind)
    with pytest.raises(BackendRefusal, match=said):
        bench.load(settings={"weight_streaming": streaming})
    bench.check()


def test_a_size_that_the_bindings_do_not_hand_on_is_not_told(make: Make) -> None:
    bench = make(Kind(has_figures=False))
    use = bench.load().device_use
    assert use is not None
    assert (use.weights_bytes, use.activation_bytes) == (None, fake_tensorrt.ACTIVATION_BYTES)
    fed = feeds(1)
    assert right(bench.runner.infer(fed), fed)
    bench.runner.deactivate()
    bench.check()


def test_without_a_package_for_the_device_its_name_is_told(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: str) -> None:
        raise MissingRuntimeError("neither is installed")

    bench = make()
    monkeypatch.setattr(ready, "open_device", none)
    with pytest.raises(MissingRuntimeError, match="neither is installed"):
        bench.load()


def test_a_model_is_built_first(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def build(request: Any) -> None:
        asked.append(request)
        Path(request.plan_path).write_bytes(fake_tensorrt.plan())
        Path(request.layers_path).write_text("Layers:\n")

    monkeypatch.setattr(source, "build_plan", build)
    bench = make()
    bench.path = bench.path.with_suffix(".onnx")
    bench.load(shapes={"x": (2, 4), "n": (2, 4)}, settings={"optimization_level": "1", "tf32": "on"})
    fed = feeds(1)
    assert right(bench.runner.infer(fed), fed)
    (request,) = asked
    assert (request.tf32, request.settings) == (True, {"optimization_level": "1"})
    assert request.profiles[0]["x"].min == request.profiles[0]["x"].max == (2, 4)
    bench.runner.deactivate()
    bench.check()


def test_layers_are_timed_in_a_run_of_their_own(make: Make, tmp_path: Path) -> None:
    bench = make()
    assert bench.load(layers_dir=str(tmp_path)).settings["cuda_graph"] == "off: layers are timed"
    for seed in range(4):
        bench.runner.infer(feeds(seed))
    bench.runner.deactivate()
    bench.check()
    found = read_layers(tmp_path, chain(4), timed_runs=3, wall_s=(1.0,) * 3)
    assert [item.nodes for item in found.named] == [("node0",), ("node1",), ("node2",), ()]
    assert [layer.name for layer in found.layers] == ["double", "double#2", "count", "elsewhere"]
    assert found.samples_s == {
        "double": pytest.approx((2e-6,) * 3),
        "double#2": pytest.approx((2e-6,) * 3),
        "count": pytest.approx((4e-6,) * 3),
        "elsewhere": pytest.approx((2e-6,) * 3),
    }
    assert found.run_s == pytest.approx((OP_S,) * 3)


SCENES: dict[str, tuple[Kind, dict[str, Any]]] = {
    "graph": (Kind(auxiliary=2), {}),
    "plain": (Kind(), {"settings": {"cuda_graph": "off"}}),
    "open sizes": (Kind(sizes=(-1, 4)), {}),
    "profiles": (
        Kind(sizes=(-1, 4), profiles=(((3, 4), (3, 4)), ((1, 4), (2, 4)))),
        {"settings": {"cuda_graph": "off"}},
    ),
    "layers": (Kind(), {"layers_dir": "."}),
    "rtx": (Kind(sizes=(-1, 4), backend="tensorrt-rtx"), {}),
    "weights": (
        Kind(is_stripped=True, has_host_code=True),
        {
            "settings": {"strip": "on", "version_compatible": "on", "weight_streaming": "on", "cuda_graph": "off"},
            "weights_path": "weights.onnx",
            "plugins": ("a.so",),
        },
    ),
}


def play(bench: Bench, changes: dict[str, Any]) -> None:
    """A whole life. An error ends it, as a worker's parent does."""
    bench.load(**changes)
    for count in (2, 2, 3 if bench.trt.kind.sizes[0] < 0 else 2):
        fed = feeds(count, count, 4)
        assert right(bench.runner.infer(fed), fed)
        parts = bench.runner.last_parts()
        assert (parts.h2d_s, parts.compute_s, parts.d2h_s) == pytest.approx((2 * OP_S, OP_S, 2 * OP_S))
    bench.runner.deactivate()


def played(bench: Bench, changes: dict[str, Any]) -> str:
    """The one error of a life, "" when there is none; what comes after it is closing, as far as that works."""
    try:
        play(bench, changes)
    except BackendRefusal as error:
        said = error.message
    else:
        return ""
    with suppress(BackendRefusal) if bench.device.faults.forever else nullcontext():
        bench.runner.deactivate()
    return said


def failing(make: Make, scene: str, faults: dict[str, bool], package: Package | None = None) -> dict[str, set[str]]:
    """Lives, each of which has one call that fails: what was said, by the names of these calls; nothing is left."""
    kind, changes = SCENES[scene]
    whole = make(kind, package=package)
    play(whole, changes)
    whole.check()
    told: dict[str, set[str]] = {}
    for at, name in enumerate(whole.device.faults.seen, start=1):
        if faults["raises"] and name not in whole.trt.called:
            continue  # the device has one way to fail
        bench = make(kind, faults=Faults(at, forever=faults["forever"]), raises=faults["raises"], package=package)
        told.setdefault(name, set()).add(played(bench, changes))
        bench.check()
    return told


WAYS = [{"raises": raises, "forever": forever} for raises in (False, True) for forever in (False, True)]
_CAPTURES = {"capture", "capture.end", "execute_async_v3"}
CAPTURE_CALLS = {
    "graph": _CAPTURES,
    "open sizes": _CAPTURES,
    "rtx": {*_CAPTURES, "is_stream_capturable"},
}
"""What is called for a graph. Where that fails it is no error: the run goes on without one."""
FIGURES = {"get_engine_stat 0", "device_memory_size_v2"}
"""What is called for a size alone. Where that fails it is not known."""


@pytest.mark.parametrize("faults", WAYS, ids=str)
@pytest.mark.parametrize("scene", SCENES)
def test_every_call_may_fail(
    make: Make, scene: str, faults: dict[str, bool], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    told = failing(make, scene, faults)
    harmless = {*CAPTURE_CALLS.get(scene, set()), *FIGURES} & set(told)
    assert {name for name, said in told.items() if "" in said} == (set() if faults["forever"] else harmless)
    for name, said in told.items():  # the call that failed is named; after one for a graph, whatever fails next
        words = name.rpartition(".")[2].split()[0]
        assert name in harmless or all(words in one and "\n" not in one for one in said), told


UNTOLD = {"stream.close", "event.close", "context.close", "pinned memory.close", "device memory.close"}
"""What PyCUDA tells nobody of but the reader of its stderr; where nothing works any more, another call tells."""


@pytest.mark.parametrize("faults", WAYS, ids=str)
@pytest.mark.parametrize("scene", ["graph", "open sizes", "layers"])
@pytest.mark.parametrize("package", [CudaPython, PyCuda])
def test_every_call_of_both_packages_may_fail(
    make: Make, package: Package, scene: str, faults: dict[str, bool], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    told = failing(make, scene, faults, package)
    quiet = {name for name, said in told.items() if "" in said}
    if package is PyCuda:
        harmless = {*UNTOLD, *FIGURES} & set(told)
    elif scene == "layers":
        harmless = FIGURES
    else:
        harmless = {
            *FIGURES,
            "cudaStreamBeginCapture",
            "cudaStreamEndCapture",
            "cudaGraphInstantiate",
            "captured graph.close",
            "execute_async_v3",
        }
    assert quiet <= harmless if faults["forever"] else quiet == harmless & set(told)
    clear = (
        r"(cuda\w+ fails: cudaErrorUnknown|leaving the context fails: |\w+ of pycuda fails: |tensorrt fails in )[^\n]+"
    )
    assert [one for said in told.values() for one in said if one and not re.fullmatch(clear, one)] == []


@pytest.mark.parametrize("package", [CudaPython, PyCuda])
def test_both_packages_carry_a_whole_run(make: Make, package: Package) -> None:
    bench = make(Kind(sizes=(-1, 4), auxiliary=2), package=package)
    play(bench, {})
    assert bench.device.faults.seen.count("graph.launch") == (3 if package is CudaPython else 0)
    bench.check()


def test_a_run_goes_on_after_memory_ran_out(make: Make) -> None:
    bench = make(Kind(sizes=(-1, 4), profiles=(((1, 4), (1 << 30, 4)),)), package=CudaPython)
    bench.load()
    with pytest.raises(BackendRefusal, match="cudaErrorMemoryAllocation") as refused:
        bench.runner.infer({name: np.broadcast_to(array[:1], (1 << 28, 4)) for name, array in feeds(0).items()})
    assert refused.value.hint == "give a smaller --batch"
    fed = feeds(1)
    assert right(bench.runner.infer(fed), fed)
    bench.runner.deactivate()
    bench.check()


@pytest.mark.parametrize("changes", [{}, {"settings": {"cuda_graph": "off"}}, {"layers_dir": "."}])
def test_tensorrt_rtx_runs_kernels_for_the_sizes_from_the_first_run(
    make: Make, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By the times of the parts: others take longer, and a graph would keep them."""
    monkeypatch.chdir(tmp_path)
    bench = make(Kind(sizes=(-1, 4), backend="tensorrt-rtx"))
    play(bench, changes)
    bench.check()


def test_what_tensorrt_rtx_cannot_capture_is_run_without_a_graph(make: Make) -> None:
    bench = make(Kind(backend="tensorrt-rtx", is_capturable=False))
    said = bench.load().settings["cuda_graph"]
    assert said == "off: tensorrt-rtx says that this engine cannot be captured"
    fed = feeds(1)
    assert right(bench.runner.infer(fed), fed)
    assert "capture" not in bench.device.faults.seen
    bench.runner.deactivate()
    bench.check()


@needs_rtx
def test_types_have_the_names_that_are_known() -> None:
    members = importlib.import_module("tensorrt_rtx").DataType.__members__.values()
    assert {str(member).rpartition(".")[2] for member in members} >= set(engine_tensor.DTYPES)


@needs_rtx
def test_a_profiler_of_the_real_tensorrt_passes_on_what_it_is_told() -> None:
    told: list[tuple[str, float]] = []
    made = make_profiler(importlib.import_module("tensorrt_rtx"), lambda *layer: told.append(layer))
    made.report_layer_time("conv1", 0.25)
    assert told == [("conv1", 0.25)]
