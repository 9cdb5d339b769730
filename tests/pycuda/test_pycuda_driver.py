"""PyCUDA itself, as its source compiles, on a driver that is made up: the contract of devices, and whole runs."""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from alexnet_bench.backends.device.pycuda_device import PyCuda
from alexnet_bench.core.errors import BackendRefusal
from tests.pycuda.made_up_driver import MadeUpDriver, compile_driver, functions_of, missing_tools
from tests.unit.backends import test_backends_tensorrt_runner as runner_tests
from tests.unit.backends.device_contract import DeviceContract, Open
from tests.unit.backends.fake_cuda import CONTEXT, put_pycuda
from tests.unit.backends.fake_device import FakeDevice, Faults
from tests.unit.backends.test_backends_tensorrt_runner import (
    FIGURES,
    SCENES,
    UNTOLD,
    WAYS,
    Make,
    failing,
    make,
    play,
)

ALONE = "ALEXNET_BENCH_PYCUDA"
"""Set in a process where no other library may look for a driver and find the one that is made up."""
_STEP_S = 2.0**-8
_SCENES = ("graph", "open sizes", "layers")

__all__ = ["make"]


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> MadeUpDriver:
    if not os.environ.get(ALONE):
        pytest.skip("PyCUDA runs on a driver that is made up, in a process of its own: make pycuda-check")
    if missing := missing_tools():
        pytest.skip(f"{missing} not found")
    package = importlib.util.find_spec("pycuda")
    assert package is not None
    assert package.origin is not None
    functions = [*functions_of(next(Path(package.origin).parent.glob("_driver*.so"))), "cuCtxGetCurrent"]
    library = compile_driver(functions, tmp_path_factory.mktemp("driver"))
    return MadeUpDriver(ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL), functions)


@pytest.fixture
def below(driver: MadeUpDriver) -> Iterator[FakeDevice]:
    device = FakeDevice(step_s=_STEP_S)
    driver.use(device)
    yield device
    gc.collect()
    assert device.open_resources() == device.wrongs == []
    assert driver.stack == []
    assert "pycuda.autoinit" not in sys.modules


@pytest.fixture
def on_it(driver: MadeUpDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has a bench put the driver below the package, not a stand-in in its place."""
    monkeypatch.setitem(runner_tests.PUT, PyCuda, lambda _, device: driver.use(device))


class TestPyCuda(DeviceContract):
    @pytest.fixture
    def open_device(self, below: FakeDevice) -> Open:  # noqa: ARG002 - what it asks is asked of that
        return PyCuda


def test_the_primary_context_is_current_until_the_device_is_closed(below: FakeDevice, driver: MadeUpDriver) -> None:
    device = PyCuda()
    assert (below.open_resources(), driver.stack) == (["context"], [CONTEXT])
    device.close()
    assert (below.open_resources(), driver.stack) == ([], [])


@pytest.mark.parametrize("forever", [False, True])
def test_opening_may_fail_at_each_call(driver: MadeUpDriver, forever: bool, capfd: pytest.CaptureFixture[str]) -> None:
    whole = FakeDevice()
    driver.use(whole)
    PyCuda().close()
    opening = whole.faults.seen.index("push") + 1
    for at in range(1, opening + 1):
        device = FakeDevice(Faults(at, forever=forever))
        driver.use(device)
        with pytest.raises(BackendRefusal, match=r"of pycuda fails: cu[A-Z]"):
            PyCuda()
        assert (device.open_resources(), device.wrongs, driver.stack) == ([], [], []), device.faults.seen
    assert ("clean-up operation failed" in capfd.readouterr().err) == forever


@pytest.mark.parametrize("scene", _SCENES)
@pytest.mark.parametrize("faults", WAYS, ids=str)
@pytest.mark.usefixtures("on_it")
def test_every_call_may_fail(
    make: Make,
    scene: str,
    faults: dict[str, bool],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    told = failing(make, scene, faults, PyCuda)
    quiet = {name for name, said in told.items() if "" in said}
    harmless = {*UNTOLD, *FIGURES} & set(told)
    assert quiet <= harmless if faults["forever"] else quiet == harmless


@pytest.mark.parametrize("scene", _SCENES)
def test_the_stand_in_of_other_tests_asks_the_same_of_the_device(
    make: Make,
    driver: MadeUpDriver,
    scene: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    seen: list[list[str]] = []
    kind, changes = SCENES[scene]
    for put in (lambda _, device: driver.use(device), put_pycuda):
        monkeypatch.setitem(runner_tests.PUT, PyCuda, put)
        bench = make(kind, package=PyCuda)
        play(bench, changes)
        bench.check()
        seen.append(bench.device.faults.seen)
    assert len(seen[0]) > 30
    assert seen[0] == seen[1]
