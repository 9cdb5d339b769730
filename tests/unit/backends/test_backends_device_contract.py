"""The same contract for every device: the fake, and both packages over stand-ins for what they wrap."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

import pytest

from alexnet_bench.backends.device import choose
from alexnet_bench.backends.device.cuda_python import CudaPython
from alexnet_bench.backends.device.protocol import Drain, Resources
from alexnet_bench.backends.device.pycuda_device import PyCuda
from alexnet_bench.core.errors import BackendRefusal, MissingRuntimeError
from tests.unit.backends.device_contract import DeviceContract, Open
from tests.unit.backends.fake_cuda import Driver, Runtime, put_cuda_python, put_pycuda
from tests.unit.backends.fake_device import FakeDevice, Faults

_STEP_S = 2.0**-8
"""Long enough that milliseconds, taken for seconds, are no time that a copy takes."""


class TestFake(DeviceContract):
    @pytest.fixture
    def open_device(self) -> Iterator[Open]:
        opened: list[FakeDevice] = []

        def make() -> FakeDevice:
            opened.append(FakeDevice().open())
            return opened[-1]

        yield make
        assert [wrong for device in opened for wrong in device.wrongs + device.open_resources()] == []


class TestCudaPython(DeviceContract):
    @pytest.fixture
    def open_device(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
        below = FakeDevice(step_s=_STEP_S)
        put_cuda_python(monkeypatch, below)
        yield CudaPython
        assert below.open_resources() == below.wrongs == []
        assert below.error == ""


class TestPyCuda(DeviceContract):
    @pytest.fixture
    def open_device(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
        below = FakeDevice(step_s=_STEP_S)
        put_pycuda(monkeypatch, below)

        class Checked(PyCuda):
            def close(self) -> None:
                super().close()
                assert below.open_resources() == []  # though all that was closed lives on

        yield Checked
        gc.collect()
        assert below.open_resources() == below.wrongs == []
        assert "pycuda.autoinit" not in sys.modules


def test_the_primary_context_is_current_until_the_device_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    below = FakeDevice()
    driver: Driver = put_pycuda(monkeypatch, below)
    device = PyCuda()
    assert (below.open_resources(), len(driver.stack), driver.pushed) == (["context"], 1, 1)
    device.close()
    assert not below.open_resources()
    assert (len(driver.stack), driver.pushed) == (0, 0)
    del device
    assert below.wrongs == []


def test_an_error_has_cudas_name_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    below = FakeDevice()
    put_cuda_python(monkeypatch, below)
    device = CudaPython()
    below.faults.at = len(below.faults.seen) + 1
    with pytest.raises(BackendRefusal, match=r"^cudaMalloc fails: cudaErrorUnknown \(unknown error\)$"):
        device.allocate(8)


def test_the_first_package_that_is_installed_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    fakes = {"cuda-python": FakeDevice(), "pycuda": FakeDevice()}
    monkeypatch.setattr(choose, "APIS", {name: lambda device=device: device for name, device in fakes.items()})
    for here, taken in ((("pycuda",), "pycuda"), (("cuda-python", "pycuda"), "cuda-python")):
        monkeypatch.setattr(choose, "installed", lambda here=here: here)
        assert choose.open_device() is fakes[taken]
        assert choose.open_device("pycuda") is fakes["pycuda"]
        assert choose.missing() == ""


def test_a_package_that_is_not_installed_comes_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "installed", lambda: ())
    with pytest.raises(MissingRuntimeError, match="neither cuda-python nor pycuda is installed") as error:
        choose.open_device()
    assert error.value.hint == 'pip install "cuda-python>=12.8"'
    assert choose.missing().endswith(error.value.hint)
    with pytest.raises(MissingRuntimeError, match="pycuda is not installed") as error:
        choose.open_device("pycuda")
    assert "needs a CUDA toolkit" in error.value.hint


def test_a_package_that_cannot_be_imported_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ImportError("libcurand.so.10: cannot open shared object file")

    monkeypatch.setattr(choose, "installed", lambda: ("pycuda",))
    monkeypatch.setattr(choose, "APIS", {"pycuda": broken})
    with pytest.raises(MissingRuntimeError, match=r"cannot be imported: ImportError: libcurand\.so\.10"):
        choose.open_device()


def test_everything_is_closed_and_the_first_error_told() -> None:
    device, held = FakeDevice(Faults(at=5, forever=True)), Resources()
    stream = held.add(device.create_stream())
    for _ in range(3):
        held.add(device.allocate(8))
    held.add(Drain(stream))
    with pytest.raises(BackendRefusal, match=r"stream\.synchronize"):
        held.close()
    assert device.open_resources() == []
    held.close()  # nothing is left


def _freed_in_use(device: FakeDevice) -> None:
    stream, pinned, buffer = device.create_stream(), device.allocate_pinned(8), device.allocate(8)
    device.copy_to_device(buffer, pinned, stream)
    pinned.close()
    stream.synchronize()


def _freed_twice(device: FakeDevice) -> None:
    buffer = device.allocate(8)
    buffer.close()
    buffer.close()


def _never_freed(device: FakeDevice) -> None:
    device.allocate(8)


def _asked_too_early(device: FakeDevice) -> None:
    stream, events = device.create_stream(), [device.create_event() for _ in range(2)]
    for event in events:
        event.record(stream)
    events[1].seconds_since(events[0])


def _used_after_the_end(device: FakeDevice) -> None:
    device.close()
    device.create_event()


def _left_open(device: FakeDevice) -> None:
    device.open()
    device.open().close()
    device.wrongs += [f"left open: {what}" for what in device.open_resources()]


def _graph_destroyed_too_early(device: FakeDevice) -> None:
    stream, pinned, buffer = device.create_stream(), device.allocate_pinned(8), device.allocate(8)
    graph = device.capture(stream, lambda: device.copy_to_device(buffer, pinned, stream))
    graph.launch(stream)
    graph.close()


def _error_left_lying(device: FakeDevice) -> None:
    runtime = Runtime(device)
    device.faults.at = 1
    runtime.cudaMalloc(8)
    (_, stream) = runtime.cudaStreamCreateWithFlags(1)
    device.launch(stream, "a kernel", (), (), lambda: None)


def _captured_and_forgotten(device: FakeDevice) -> None:
    runtime = Runtime(device)
    (_, stream) = runtime.cudaStreamCreateWithFlags(1)
    runtime.cudaStreamBeginCapture(stream, "thread")
    runtime.cudaStreamEndCapture(stream)


def _without_a_context(device: FakeDevice) -> None:
    Driver(device).mem_alloc(8)


@pytest.mark.parametrize(
    ("misuse", "said"),
    [
        (_freed_in_use, "freed pinned memory that a stream still uses"),
        (_freed_in_use, "copy used pinned memory after it was freed"),
        (_freed_twice, "closed a device memory twice"),
        (_never_freed, "leaked: 8 bytes, device"),
        (_asked_too_early, "asked for the time of an event that is not reached"),
        (_used_after_the_end, "called create_event after the device was closed"),
        (_left_open, "left open: the device"),
        (_graph_destroyed_too_early, "destroyed a graph that a stream still runs"),
        (_error_left_lying, "a library found the error of allocate device fails: made up"),
        (_captured_and_forgotten, "leaked: captured graph"),
        (_without_a_context, "called pycuda without a context"),
    ],
)
def test_the_fake_finds_what_is_wrong(misuse: object, said: str) -> None:
    device = FakeDevice()
    misuse(device)  # type: ignore[operator]
    device.close()
    assert said in device.wrongs


def test_the_fake_shows_nothing_before_the_stream_was_waited_for() -> None:
    device = FakeDevice()
    stream, pinned, buffer = device.create_stream(), device.allocate_pinned(8), device.allocate(8)
    pinned.array[:] = 7
    device.copy_to_device(buffer, pinned, stream)
    assert not (buffer.array == 7).any()
    stream.synchronize()
    assert (buffer.array == 7).all()
