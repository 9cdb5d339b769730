"""Stand-ins for cuda-python's runtime API and for PyCUDA's driver module, both over the fake device."""
# ruff: noqa: N802, N815 - the names of CUDA

from __future__ import annotations

import enum
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from alexnet_bench.backends.device import pycuda_device
from alexnet_bench.core.errors import BackendRefusal
from tests.unit.backends.fake_device import FakeDevice, Memory

CONTEXT = 0xC0
"""The primary context, whoever retains it."""


class Code(enum.IntEnum):
    """As many of CUDA's errors as there are here."""

    cudaSuccess = 0
    cudaErrorMemoryAllocation = 2
    cudaErrorUnknown = 999


class Runtime:
    """cuda.bindings.runtime: every function gives a code first, and takes and gives plain numbers.

    A code that is not that of success is kept, too, until `cudaGetLastError` is called.
    """

    def __init__(self, device: FakeDevice) -> None:
        self.device = device
        self.handles: dict[int, Any] = {}
        self.pinned: dict[int, Memory] = {}

    def cudaSetDevice(self, ordinal: int) -> tuple[Any, ...]:
        return self._done(lambda: self.device.enter("cudaSetDevice") if ordinal == 0 else None)[:1]

    def cudaGetDeviceProperties(self, ordinal: int) -> tuple[Any, ...]:
        def ask() -> SimpleNamespace:
            self.device.enter("cudaGetDeviceProperties")
            return SimpleNamespace(name=self.device.name.encode() + b"\0" * (8 + ordinal))

        return self._done(ask)

    def cudaDeviceGetAttribute(self, attribute: str, ordinal: int) -> tuple[Any, ...]:
        def ask() -> int:
            self.device.enter("cudaDeviceGetAttribute")
            return ordinal + {"major": 8, "minor": 9}[attribute]

        return self._done(ask)

    def cudaMemGetInfo(self) -> tuple[Any, ...]:
        code, found = self._done(self.device.free_memory)
        return (code, found.free_bytes, found.total_bytes) if found else (code, None, None)

    def cudaMalloc(self, size: int) -> tuple[Any, ...]:
        return self._done(lambda: self.device.allocate(size).address)

    def cudaFree(self, address: int) -> tuple[Any, ...]:
        return self._done(lambda: self.device.memory(address).close())[:1]

    def cudaHostAlloc(self, size: int, flags: int) -> tuple[Any, ...]:
        def allocate() -> int:
            memory = self.device.allocate_pinned(size)
            self.pinned[int(memory.array.ctypes.data)] = memory
            return int(memory.array.ctypes.data) + flags

        return self._done(allocate)

    def cudaFreeHost(self, address: int) -> tuple[Any, ...]:
        return self._done(self.pinned[address].close)[:1]

    def cudaMemcpyAsync(self, target: int, source: int, count: int, kind: str, stream: int) -> tuple[Any, ...]:
        def copy() -> None:
            if kind == "h2d":
                assert count == self.pinned[source].size_bytes
                self.device.copy_to_device(self.device.memory(target), self.pinned[source], self.handles[stream])
            else:
                assert count == self.pinned[target].size_bytes
                self.device.copy_to_host(self.pinned[target], self.device.memory(source), self.handles[stream])

        return self._done(copy)[:1]

    def cudaStreamCreateWithFlags(self, flags: int) -> tuple[Any, ...]:
        assert flags == self.cudaStreamNonBlocking
        return self._done(lambda: self._keep(stream := self.device.create_stream(), stream.handle))

    def cudaStreamSynchronize(self, stream: int) -> tuple[Any, ...]:
        return self._done(self.handles[stream].synchronize)[:1]

    def cudaStreamDestroy(self, stream: int) -> tuple[Any, ...]:
        return self._done(self.handles[stream].close)[:1]

    def cudaStreamBeginCapture(self, stream: int, mode: str) -> tuple[Any, ...]:
        assert mode == "thread"

        def begin() -> None:
            self.device.enter("cudaStreamBeginCapture")
            self.handles[stream].captured = []

        return self._done(begin)[:1]

    def cudaStreamEndCapture(self, stream: int) -> tuple[Any, ...]:
        own = self.handles[stream]
        work, is_invalid = own.captured, own.is_invalid
        own.captured, own.is_invalid = None, False

        def end() -> int:
            if is_invalid:
                raise BackendRefusal("the capture was spoilt")
            self.device.enter("cudaStreamEndCapture")
            return self._keep(self.device.graph(work, "captured graph"), 5000 + len(self.handles))

        code, graph = self._done(end)
        return code, graph or 0

    def cudaGraphInstantiate(self, graph: int, flags: int) -> tuple[Any, ...]:
        assert flags == 0

        def instantiate() -> int:
            self.device.check_open(self.handles[graph], "captured graph")
            self.device.enter("cudaGraphInstantiate")
            return self._keep(self.device.graph(self.handles[graph].work, "graph"), 5000 + len(self.handles))

        return self._done(instantiate)

    def cudaGraphLaunch(self, graph: int, stream: int) -> tuple[Any, ...]:
        return self._done(lambda: self.handles[graph].launch(self.handles[stream]))[:1]

    def cudaGraphDestroy(self, graph: int) -> tuple[Any, ...]:
        return self._done(self.handles[graph].close)[:1]

    def cudaGraphExecDestroy(self, graph: int) -> tuple[Any, ...]:
        return self._done(self.handles[graph].close)[:1]

    def cudaEventCreateWithFlags(self, flags: int) -> tuple[Any, ...]:
        return self._done(lambda: self._keep(self.device.create_event(), 1000 + flags + len(self.handles)))

    def cudaEventRecord(self, event: int, stream: int) -> tuple[Any, ...]:
        return self._done(lambda: self.handles[event].record(self.handles[stream]))[:1]

    def cudaEventElapsedTime(self, start: int, end: int) -> tuple[Any, ...]:
        return self._done(lambda: 1e3 * self.handles[end].seconds_since(self.handles[start]))

    def cudaEventDestroy(self, event: int) -> tuple[Any, ...]:
        return self._done(self.handles[event].close)[:1]

    def cudaGetLastError(self) -> tuple[Any, ...]:
        self.device.error = ""
        return (Code.cudaSuccess,)

    def cudaGetErrorName(self, code: Code) -> tuple[Any, ...]:
        return Code.cudaSuccess, code.name.encode()

    def cudaGetErrorString(self, code: Code) -> tuple[Any, ...]:
        return Code.cudaSuccess, b"out of memory" if code == Code.cudaErrorMemoryAllocation else b"unknown error"

    cudaHostAllocDefault, cudaStreamNonBlocking, cudaEventDefault = 0, 1, 0
    cudaMemcpyKind = SimpleNamespace(cudaMemcpyHostToDevice="h2d", cudaMemcpyDeviceToHost="d2h")
    cudaStreamCaptureMode = SimpleNamespace(cudaStreamCaptureModeThreadLocal="thread")
    cudaDeviceAttr = SimpleNamespace(
        cudaDevAttrComputeCapabilityMajor="major", cudaDevAttrComputeCapabilityMinor="minor"
    )

    def _keep(self, resource: Any, handle: int) -> int:
        self.handles[handle] = resource
        return handle

    def _done(self, call: Callable[[], Any]) -> tuple[Any, Any]:
        try:
            return Code.cudaSuccess, call()
        except BackendRefusal as error:
            self.device.error = error.message
            return (Code.cudaErrorMemoryAllocation if error.hint else Code.cudaErrorUnknown), None


def put_cuda_python(monkeypatch: pytest.MonkeyPatch, device: FakeDevice) -> Runtime:
    """Has the stand-in imported in place of cuda-python."""
    runtime = Runtime(device)
    _put(monkeypatch, "cuda.bindings.runtime", runtime)
    return runtime


class Driver:
    """pycuda.driver: what nothing refers to is destroyed, and a call needs a context that is current.

    `tests.pycuda` holds it against the package itself.

    Attributes:
        stack: contexts, the last of which is current; each is held by it, and by what was made in it.
        pushed: how many the driver below has, which are more where a context was detached that is not PyCUDA's own.
    """

    def __init__(self, device: FakeDevice) -> None:
        self.device = device
        self.stack: list[_Context] = []
        self.pushed = 0

    class Error(Exception):
        """The package's own."""

    class MemoryError(Error):  # noqa: A001 - the package's name
        """Likewise."""

    def init(self) -> None:
        self._count("init")

    def Device(self, ordinal: int) -> Any:
        assert ordinal == 0
        self._count("Device")
        return _Card(self)

    def mem_alloc(self, size: int) -> Any:
        memory = self._do(lambda: self.device.allocate(size))
        return _Allocation(self, memory)

    def pagelocked_empty(self, size: int, dtype: str) -> np.ndarray:
        memory = self._do(lambda: self.device.allocate_pinned(size))
        owner = SimpleNamespace(
            free=lambda: self._free(memory), memory=memory, __array_interface__=memory.array.__array_interface__
        )
        array = np.asarray(owner)
        assert array.dtype == dtype
        return array

    def memcpy_htod_async(self, target: int, source: Any, stream: Any) -> None:
        base, stream = source.base, stream.own
        self._do(lambda: self.device.copy_to_device(self.device.memory(target), base.memory, stream))

    def memcpy_dtoh_async(self, target: Any, source: int, stream: Any) -> None:
        base, stream = target.base, stream.own
        self._do(lambda: self.device.copy_to_host(base.memory, self.device.memory(source), stream))

    def Stream(self, flags: int) -> Any:
        assert flags == 1
        return _Stream(self, self._do(self.device.create_stream))

    def Event(self) -> Any:
        return _Event(self, self._do(self.device.create_event))

    def mem_get_info(self) -> tuple[int, int]:
        found = self._do(self.device.free_memory)
        return found.free_bytes, found.total_bytes

    def leave(self, context: int) -> None:
        """What is asked of the driver itself."""
        try:
            if self.pushed and context == CONTEXT:
                self.pushed -= 1
                self.device.enter("pop", closing=True)
        except BackendRefusal as error:
            raise BackendRefusal(f"leaving the context fails: {error.message}") from None

    def _count(self, name: str) -> None:
        """A call that needs no context."""
        self._refuse(lambda: self.device.enter(name))

    def _do(self, call: Callable[[], Any]) -> Any:
        if not self.stack:
            self.device.wrongs.append("called pycuda without a context")
        return self._refuse(call)

    def _free(self, memory: Memory) -> None:
        """Tells nobody where that fails, but the reader of stderr."""
        with suppress(self.Error):
            self._do(memory.close)

    def _refuse(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except BackendRefusal as error:
            raise (self.MemoryError if error.hint else self.Error)(error.message) from None


class _Card:
    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def name(self) -> str:
        self._driver._count("name")
        return self._driver.device.name

    def compute_capability(self) -> tuple[int, int]:
        self._driver._count("compute_capability")
        return 8, 9

    def retain_primary_context(self) -> _Context:
        self._driver._count("retain_primary_context")
        return _Context(self._driver)


class _Counted:
    """Is destroyed when nothing refers to it any more; where that fails, nobody is told."""

    own: Any

    def __del__(self) -> None:
        with suppress(BackendRefusal):
            self.own.close()


class Retained:
    """The primary context, as often as somebody holds it."""

    def __init__(self, device: FakeDevice) -> None:
        self.is_open = True
        self._device = device

    def close(self) -> None:
        """Releases it."""
        self._device.give_up(self, "context")


class _Context:
    """The primary one, retained. PyCUDA calls what the driver refuses when nothing refers to it any more."""

    handle = CONTEXT

    def __init__(self, driver: Driver) -> None:
        self.own = Retained(driver.device)
        self.is_valid = True
        self._driver = driver
        driver.device.add("context", self.own)

    def push(self) -> None:
        self._driver._count("push")
        self._driver.stack.append(self)
        self._driver.pushed += 1

    def detach(self) -> None:
        if self._driver.stack[-1:] != [self]:
            with suppress(BackendRefusal):
                self._driver.device.enter("push")
                self._driver.pushed += 1
        with suppress(BackendRefusal):
            self.own.close()
        self.is_valid = False
        while self._driver.stack and not self._driver.stack[-1].is_valid:
            self._driver.stack.pop()

    def __del__(self) -> None:
        if self.is_valid:
            self._driver.device.wrongs.append("lost a primary context, which is not given back that way")


class _Allocation:
    """PyCUDA frees it when it is lost, too, whenever that is; here that is a leak."""

    def __init__(self, driver: Driver, memory: Memory) -> None:
        self._driver, self._memory, self._ward = driver, memory, driver.stack[-1:]

    def free(self) -> None:
        self._ward = []
        self._driver._free(self._memory)

    def __int__(self) -> int:
        return self._memory.address


class _Made(_Counted):
    """What belongs to the context that was current, and holds it; it is not destroyed after that.

    The package has no frames, in which an error would keep it alive: methods let go of `self` before anything fails.
    """

    def __init__(self, driver: Driver, own: Any) -> None:
        self.own = own
        self._driver, self._ward = driver, driver.stack[-1:]

    def __del__(self) -> None:
        if all(context.is_valid for context in self._ward):
            super().__del__()


class _Stream(_Made):
    @property
    def handle(self) -> int:
        return int(self.own.handle)

    def synchronize(self) -> None:
        driver, own = self._driver, self.own
        del self
        driver._do(own.synchronize)


class _Event(_Made):
    def record(self, stream: Any) -> None:
        driver, own, stream = self._driver, self.own, stream.own
        del self
        driver._do(lambda: own.record(stream))

    def time_till(self, later: Any) -> float:
        driver, own, later = self._driver, self.own, later.own
        del self
        return 1e3 * float(driver._do(lambda: later.seconds_since(own)))


def put_pycuda(monkeypatch: pytest.MonkeyPatch, device: FakeDevice) -> Driver:
    """Has the stand-in imported in place of PyCUDA, whose `autoinit` is not there."""
    driver = Driver(device)
    _put(monkeypatch, "pycuda.driver", driver)
    monkeypatch.setattr(pycuda_device, "leave", driver.leave)
    return driver


def _put(monkeypatch: pytest.MonkeyPatch, name: str, module: Any) -> None:
    """Modules of that dotted name, the last of which is an object."""
    parts = name.split(".")
    for end in range(1, len(parts)):
        package = ModuleType(".".join(parts[:end]))
        package.__path__ = []
        package.__spec__ = ModuleSpec(package.__name__, None)
        monkeypatch.setitem(sys.modules, package.__name__, package)
    module.__spec__ = ModuleSpec(name, None)
    monkeypatch.setitem(sys.modules, name, module)
