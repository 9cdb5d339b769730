"""A device by PyCUDA, in the device's primary context, so that it shares memory and streams with other libraries.

`pycuda.autoinit` makes a context of its own, which clashes with them; it is not imported. Not yet run on a GPU: the
package itself is run on a driver that is made up, and this module in every test with a stand-in for the package.
"""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from alexnet_bench.backends.device.protocol import DeviceBuffer, Event, FreeMemory, PinnedBuffer, Stream
from alexnet_bench.core.errors import BackendRefusal
from alexnet_bench.core.text import printable

if TYPE_CHECKING:
    import numpy as np

NAME = "pycuda"
MODULE = "pycuda.driver"
LIBRARY = "libcuda.so.1"
_NON_BLOCKING = 1
"""CU_STREAM_NON_BLOCKING of the driver API, which PyCUDA has no name for."""

Ask = Callable[[str, Callable[[], Any]], Any]


def is_installed() -> bool:
    """Whether PyCUDA is here; it is not imported."""
    return importlib.util.find_spec("pycuda") is not None


@dataclass
class _Buffer:
    allocation: Any
    size_bytes: int
    ask: Ask

    @property
    def address(self) -> int:
        return int(self.allocation)

    def close(self) -> None:
        self.ask("free", self.allocation.free)


@dataclass
class _Pinned:
    array: np.ndarray
    ask: Ask

    def close(self) -> None:
        base: Any = self.array.base
        self.ask("free", base.free)


@dataclass
class _Stream:
    stream: Any
    ask: Ask

    @property
    def handle(self) -> int:
        return int(self.stream.handle)

    def synchronize(self) -> None:
        self.ask("synchronize", self.stream.synchronize)

    def close(self) -> None:
        self.stream = None  # PyCUDA destroys what nothing refers to


@dataclass
class _Event:
    event: Any
    ask: Ask

    def record(self, stream: Stream) -> None:
        self.ask("record", lambda: self.event.record(_own(stream)))

    def seconds_since(self, earlier: Event) -> float:
        if not isinstance(earlier, _Event):
            raise TypeError("an event of another device")
        return float(self.ask("time_till", lambda: earlier.event.time_till(self.event))) * 1e-3  # in milliseconds

    def close(self) -> None:
        self.event = None  # as above


class PyCuda:
    """The first device; its primary context is current until `close`."""

    api = NAME

    def __init__(self, ordinal: int = 0) -> None:
        """Raises BackendRefusal where there is no device, or no driver."""
        self._cuda: Any = importlib.import_module(MODULE)
        self._ask("init", self._cuda.init)
        card = self._ask("Device", lambda: self._cuda.Device(ordinal))
        self.name = str(self._ask("name", card.name))
        major, minor = self._ask("compute_capability", card.compute_capability)
        self.capability = 10 * int(major) + int(minor)
        self._context: Any = self._ask("retain_primary_context", card.retain_primary_context)
        try:
            self._ask("push", self._context.push)
        except BackendRefusal:
            with suppress(BackendRefusal):
                self.close()
            raise

    def allocate(self, size_bytes: int) -> _Buffer:
        """As the protocol."""
        return _Buffer(self._ask("mem_alloc", lambda: self._cuda.mem_alloc(size_bytes)), size_bytes, self._ask)

    def allocate_pinned(self, size_bytes: int) -> _Pinned:
        """As the protocol."""
        made = self._ask("pagelocked_empty", lambda: self._cuda.pagelocked_empty(size_bytes, "uint8"))
        return _Pinned(made, self._ask)

    def copy_to_device(self, target: DeviceBuffer, source: PinnedBuffer, stream: Stream) -> None:
        """As the protocol."""
        copy = self._cuda.memcpy_htod_async
        self._ask("memcpy_htod_async", lambda: copy(target.address, source.array, _own(stream)))

    def copy_to_host(self, target: PinnedBuffer, source: DeviceBuffer, stream: Stream) -> None:
        """As the protocol."""
        copy = self._cuda.memcpy_dtoh_async
        self._ask("memcpy_dtoh_async", lambda: copy(target.array, source.address, _own(stream)))

    def create_stream(self) -> _Stream:
        """As the protocol."""
        return _Stream(self._ask("Stream", lambda: self._cuda.Stream(_NON_BLOCKING)), self._ask)

    def create_event(self) -> _Event:
        """As the protocol."""
        return _Event(self._ask("Event", self._cuda.Event), self._ask)

    def capture(self, stream: Stream, work: Callable[[], None]) -> NoReturn:  # noqa: ARG002 - the protocol's names
        """Always refused: PyCUDA knows no graphs."""
        raise BackendRefusal("pycuda captures no CUDA graphs", "cuda-python does: --cuda-python")

    def free_memory(self) -> FreeMemory:
        """As the protocol."""
        return FreeMemory(*map(int, self._ask("mem_get_info", self._cuda.mem_get_info)))

    def close(self) -> None:
        """Gives the primary context back: no longer retained, and no longer current here.

        PyCUDA does neither by itself, as seen in 2026.1: what destroys a context that is merely lost calls
        `cuCtxDetach`, where the primary one has to be released; and `detach` counts on the driver to take the context
        off the thread's stack, as it does with those that PyCUDA makes.
        """
        context, self._context = self._context, None
        try:
            self._ask("detach", context.detach)
        finally:
            leave(int(context.handle))

    def _ask(self, what: str, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except self._cuda.Error as error:  # names the call and the reason: "cuMemAlloc failed: out of memory"
            hint = "give a smaller --batch" if isinstance(error, self._cuda.MemoryError) else ""
            del call  # a stream's own method, perhaps: the stream would live on in this frame
            raise BackendRefusal(f"{what} of pycuda fails: {printable(str(error), 300)}", hint) from None


def leave(context: int) -> None:
    """Takes a context off the stack of this thread, behind PyCUDA's back, where it is the current one.

    Raises:
        BackendRefusal: the driver fails.
    """
    driver = ctypes.CDLL(LIBRARY)
    current = ctypes.c_void_p()
    code = driver.cuCtxGetCurrent(ctypes.byref(current))
    if not code and current.value == context:
        code = driver.cuCtxPopCurrent_v2(ctypes.byref(current))
    if code:
        raise BackendRefusal(f"leaving the context fails: error {code} of the NVIDIA driver")


def _own(stream: Stream) -> Any:
    """The package's own stream."""
    if not isinstance(stream, _Stream):
        raise TypeError("a stream of another device")
    return stream.stream
