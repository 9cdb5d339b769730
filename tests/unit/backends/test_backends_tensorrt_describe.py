"""An engine asked what it is, on a device and a TensorRT that are made up."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alexnet_bench.backends.protocol import Described, EngineInput, LoadRequest, ShapeBounds
from alexnet_bench.backends.registry import availability, get_backend
from alexnet_bench.backends.tensorrt import ready
from alexnet_bench.backends.tensorrt.describe import describe_plan
from alexnet_bench.core.errors import BackendRefusal, EngineError
from tests.unit.backends import fake_tensorrt
from tests.unit.backends.fake_device import FakeDevice, Faults
from tests.unit.backends.fake_tensorrt import FakeTensorRt, Kind
from tests.unit.backends.tensorrt_here import needs_rtx

Put = Callable[..., FakeTensorRt]
_OPEN = Kind(sizes=(-1, 4), profiles=(((1, 4), (8, 4)), ((9, 4), (32, 4))))


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Put]:
    monkeypatch.setattr(ready, "cannot_run", lambda _: "")

    def put(kind: Kind | None = None, faults: Faults | None = None) -> FakeTensorRt:
        device = FakeDevice(faults)
        trt = FakeTensorRt(device, kind)
        (tmp_path / "engine.plan").write_bytes(fake_tensorrt.plan(kind))
        monkeypatch.setitem(sys.modules, get_backend(trt.kind.backend).module, trt)
        monkeypatch.setattr(ready, "open_device", lambda _: device.open())
        return trt

    gc.freeze()
    yield put
    gc.unfreeze()


def _ask(folder: Path, backend: str = "tensorrt", **shapes: tuple[int, ...]) -> Described:
    return describe_plan(_request(folder, backend=backend, shapes=shapes))


def _request(folder: Path, *, backend: str = "tensorrt", **told: Any) -> LoadRequest:
    return LoadRequest(backend, str(folder / "engine.plan"), 1, **told)


def _check(trt: FakeTensorRt) -> None:
    """Nothing is left on the device, and nothing was done wrong."""
    if trt.device.open_resources():
        gc.collect()
    assert trt.device.open_resources() == []
    tolerated = fake_tensorrt.OUTLIVED if trt.has_raised else ()
    assert [wrong for wrong in trt.device.wrongs if wrong not in tolerated] == []


def test_inputs_and_layers_are_told_and_nothing_is_run(put: Put, tmp_path: Path) -> None:
    trt = put()
    found = _ask(tmp_path)
    assert (found.backend_version, found.device) == ("11.0.1", "NVIDIA Nothing")
    assert found.inputs == (EngineInput("x", "float32", (2, 4)), EngineInput("n", "int64", (2, 4)))
    assert [layer["Name"] for layer in json.loads(found.layers)["Layers"]] == [*fake_tensorrt.LAYERS, "idle"]
    assert "execute_async_v3" not in trt.called
    _check(trt)


def test_open_sizes_have_a_range_for_each_profile(put: Put, tmp_path: Path) -> None:
    trt = put(_OPEN)
    x = _ask(tmp_path).inputs[0]
    assert x.shape == (-1, 4)
    assert x.ranges == (
        ShapeBounds((1, 4), (1, 4), (8, 4)),
        ShapeBounds((9, 4), (9, 4), (32, 4)),
    )
    assert trt.chosen == []
    _check(trt)


def test_layers_are_those_of_the_profile_that_takes_the_sizes(put: Put, tmp_path: Path) -> None:
    trt = put(_OPEN)
    _ask(tmp_path, x=(16, 4), n=(16, 4))
    assert trt.chosen == [1]
    _check(trt)


def test_an_engine_is_asked_as_it_is_run(put: Put, tmp_path: Path) -> None:
    """Plugins, and code that it carries."""
    trt = put(Kind(has_host_code=True))
    with pytest.raises(BackendRefusal, match="Cannot deserialize engine with lean runtime") as refused:
        _ask(tmp_path)
    assert "--host-code" in refused.value.hint
    _check(trt)
    describe_plan(_request(tmp_path, settings={"version_compatible": "on"}, plugins=("a.so",)))
    assert trt.plugins == ("a.so",)
    _check(trt)


def test_an_engine_that_cannot_be_run_for_its_format_is_told_all_the_same(put: Put, tmp_path: Path) -> None:
    trt = put(Kind(padded=(0,)))
    assert _ask(tmp_path).layers
    _check(trt)


@pytest.mark.parametrize("backend", ["tensorrt", "tensorrt-rtx"])
def test_whatever_fails_nothing_is_left(put: Put, tmp_path: Path, backend: str) -> None:
    kind = replace(_OPEN, backend=backend)
    trt = put(kind)
    _ask(tmp_path, backend, x=(16, 4), n=(16, 4))
    _check(trt)
    calls = len(trt.faults.seen)
    assert calls > 20
    for at in range(1, calls + 1):
        trt = put(kind, Faults(at=at))
        with pytest.raises(BackendRefusal):
            _ask(tmp_path, backend, x=(16, 4), n=(16, 4))
        _check(trt)


def test_an_engine_that_cannot_be_loaded_is_not(put: Put, tmp_path: Path) -> None:
    trt = put()
    (tmp_path / "engine.plan").write_bytes(fake_tensorrt.plan()[:39])
    with pytest.raises(EngineError, match="cut short"):
        _ask(tmp_path)
    assert trt.called == set()


@needs_rtx
def test_without_a_driver_that_is_said(tmp_path: Path) -> None:
    version = bytes(map(int, availability(get_backend("tensorrt-rtx")).version.split(".")))
    (tmp_path / "engine.plan").write_bytes(b"vtrt" + bytes(12) + (40).to_bytes(8, "little") + version + bytes(12))
    with pytest.raises(BackendRefusal, match="cannot run engines here: no NVIDIA driver"):
        describe_plan(LoadRequest("tensorrt-rtx", str(tmp_path / "engine.plan"), 1))
