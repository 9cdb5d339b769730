"""A device by NVIDIA's cuda-python: the runtime API, which lives in the device's primary context.

Not yet run on a GPU: its calls are compared with the real package, and its logic is run with a stand-in for that.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

from alexnet_bench.backends.device.cuda_resources import Buffer, Event, Graph, Pinned, Stream, check
from alexnet_bench.backends.device.protocol import DeviceBuffer, FreeMemory, PinnedBuffer
from alexnet_bench.backends.device.protocol import Stream as AnyStream

NAME = "cuda-python"
MODULES = ("cuda.bindings.runtime", "cuda.cudart")
"""Where the runtime API lies: cuda-python 12.8 and on, and before."""


def module_name() -> str | None:
    """The module with the runtime API, None when it is not installed; imports no more than the package around it."""
    for name in MODULES:
        try:
            if importlib.util.find_spec(name) is not None:
                return name
        except ImportError:  # the package around it is missing
            continue
    return None


class CudaPython:
    """The first device that may be used."""

    api = NAME

    def __init__(self, ordinal: int = 0) -> None:
        """Raises BackendRefusal where there is no device, or no driver."""
        self._cuda: Any = importlib.import_module(module_name() or MODULES[0])
        self._call("cudaSetDevice", ordinal)
        properties = self._call("cudaGetDeviceProperties", ordinal)
        self.name = bytes(properties.name).split(b"\0")[0].decode(errors="replace")
        attributes = self._cuda.cudaDeviceAttr
        major, minor = (
            self._call("cudaDeviceGetAttribute", attribute, ordinal)
            for attribute in (
                attributes.cudaDevAttrComputeCapabilityMajor,
                attributes.cudaDevAttrComputeCapabilityMinor,
            )
        )
        self.capability = 10 * int(major) + int(minor)

    def allocate(self, size_bytes: int) -> Buffer:
        """As the protocol."""
        return Buffer(int(self._call("cudaMalloc", size_bytes)), size_bytes, self._call)

    def allocate_pinned(self, size_bytes: int) -> Pinned:
        """As the protocol."""
        import numpy as np

        address = int(self._call("cudaHostAlloc", size_bytes, self._cuda.cudaHostAllocDefault))
        memory = (ctypes.c_uint8 * size_bytes).from_address(address)
        return Pinned(address, np.ctypeslib.as_array(memory), self._call)

    def copy_to_device(self, target: DeviceBuffer, source: PinnedBuffer, stream: AnyStream) -> None:
        """As the protocol."""
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._call("cudaMemcpyAsync", target.address, _address(source), source.array.nbytes, kind, stream.handle)

    def copy_to_host(self, target: PinnedBuffer, source: DeviceBuffer, stream: AnyStream) -> None:
        """As the protocol."""
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._call("cudaMemcpyAsync", _address(target), source.address, target.array.nbytes, kind, stream.handle)

    def create_stream(self) -> Stream:
        """As the protocol."""
        return Stream(int(self._call("cudaStreamCreateWithFlags", self._cuda.cudaStreamNonBlocking)), self._call)

    def create_event(self) -> Event:
        """As the protocol."""
        return Event(int(self._call("cudaEventCreateWithFlags", self._cuda.cudaEventDefault)), self._call)

    def capture(self, stream: AnyStream, work: Callable[[], None]) -> Graph:
        """As the protocol."""
        try:
            return self._captured(stream, work)
        finally:
            self._cuda.cudaGetLastError()  # forgets what `work`, and calls whose answer is not looked at, have left

    def free_memory(self) -> FreeMemory:
        """As the protocol."""
        return FreeMemory(*map(int, self._call("cudaMemGetInfo")))

    def close(self) -> None:
        """Nothing: the primary context belongs to the process, and other libraries in it go on using it."""

    def _captured(self, stream: AnyStream, work: Callable[[], None]) -> Graph:
        mode = self._cuda.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self._call("cudaStreamBeginCapture", stream.handle, mode)
        try:
            work()
        except BaseException:
            self._end_in_vain(stream)
            raise
        return self._instantiate(int(self._call("cudaStreamEndCapture", stream.handle)))

    def _instantiate(self, captured: int) -> Graph:
        try:
            return Graph(int(self._call("cudaGraphInstantiate", captured, 0)), self._call)
        finally:
            self._cuda.cudaGraphDestroy(captured)  # what is launched does not need it

    def _end_in_vain(self, stream: AnyStream) -> None:
        """Ends a capture that failed; the stream takes work again after that, whatever the call says."""
        code, graph = self._cuda.cudaStreamEndCapture(stream.handle)
        if int(code) == 0 and int(graph):
            self._cuda.cudaGraphDestroy(graph)

    def _call(self, function: str, *arguments: Any) -> Any:
        return check(self._cuda, function, getattr(self._cuda, function)(*arguments))


def _address(buffer: PinnedBuffer) -> int:
    return int(buffer.array.ctypes.data)
