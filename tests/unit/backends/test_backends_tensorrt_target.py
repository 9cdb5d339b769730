"""An engine for other cards is refused once the card is known, and before TensorRT sees it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from alexnet_bench.backends.protocol import LoadRequest
from alexnet_bench.backends.tensorrt import ready
from alexnet_bench.backends.tensorrt.describe import describe_plan
from alexnet_bench.backends.tensorrt.runner import TensorRt
from alexnet_bench.core.errors import EngineError
from tests.unit.backends.fake_device import FakeDevice
from tests.unit.backends.fake_tensorrt import FakeTensorRt, Kind

_HEAD = b"vtrt" + bytes(4) + b"\x02" + bytes(7) + (64).to_bytes(8, "little") + b"\x01\x07\x01tvtrt~" + bytes(7)
"""As TensorRT-RTX 1.7.1.116 writes it for SM 8.0 and on, without 9.0."""


@pytest.fixture
def trt(monkeypatch: pytest.MonkeyPatch) -> FakeTensorRt:
    device = FakeDevice()
    device.capability = 90
    module = FakeTensorRt(device, Kind(backend="tensorrt-rtx"))
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", module)
    monkeypatch.setattr(ready, "cannot_run", lambda _: "")
    monkeypatch.setattr(ready, "open_device", lambda _: device.open())
    return module


@pytest.mark.parametrize("load", [lambda request: TensorRt().activate(request), describe_plan], ids=["run", "describe"])
def test_an_engine_for_other_cards_is_not_loaded(trt: FakeTensorRt, load: object, tmp_path: Path) -> None:
    path = tmp_path / "engine.plan"
    path.write_bytes(_HEAD.ljust(64, b"\0"))
    with pytest.raises(
        EngineError, match=r"was built for SM 8\.0, 8\.6, 8\.9, 12\.0, 12\.1, and here is SM 9\.0"
    ) as no:
        load(LoadRequest("tensorrt-rtx", str(path), 1))  # type: ignore[operator]
    assert "build it here" in no.value.hint
    assert trt.called == set()
    assert trt.device.open_resources() == trt.device.wrongs == []
