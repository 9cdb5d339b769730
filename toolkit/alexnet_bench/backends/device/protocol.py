"""What a runner needs of a device. Whoever is given something closes it, once, and before the device.

Copies and launches return before they are done. Until its stream has been waited for, a pinned buffer is neither read
nor written by the host, and no buffer that they use is closed. All methods raise BackendRefusal with the name of
CUDA's error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from alexnet_bench.core.errors import BackendRefusal

if TYPE_CHECKING:
    import numpy as np


class Closes(Protocol):
    """Something that is held, and has to be given back."""

    def close(self) -> None:
        """Gives it back; called once."""
        ...


class DeviceBuffer(Closes, Protocol):
    """Memory of the device, at least one byte."""

    @property
    def address(self) -> int:
        """Where it begins."""
        ...

    @property
    def size_bytes(self) -> int:
        """How long it is."""
        ...


class PinnedBuffer(Closes, Protocol):
    """Memory of the host that is never paged out, so that copies need no other one in between."""

    @property
    def array(self) -> np.ndarray:
        """Its bytes (uint8, one axis); a view that ends with the buffer."""
        ...


class Stream(Closes, Protocol):
    """Work in order; it does not wait for the default stream."""

    @property
    def handle(self) -> int:
        """CUDA's own, for libraries that launch on it."""
        ...

    def synchronize(self) -> None:
        """Waits until all work is done."""
        ...


class Event(Closes, Protocol):
    """A point of time in a stream."""

    def record(self, stream: Stream) -> None:
        """Marks the point that the stream reaches now."""
        ...

    def seconds_since(self, earlier: Event) -> float:
        """Time between two recorded points; both streams have been waited for. Known within half a microsecond."""
        ...


class Graph(Closes, Protocol):
    """Work that was captured, to be launched as one."""

    def launch(self, stream: Stream) -> None:
        """Puts it into a stream."""
        ...


@dataclass(frozen=True, slots=True)
class FreeMemory:
    """Memory of the device, by its own counter, which sees all processes."""

    free_bytes: int
    total_bytes: int


class Device(Closes, Protocol):
    """One device, by one of the Python packages for CUDA, in its primary context: that of all other libraries here."""

    @property
    def api(self) -> str:
        """The package: "cuda-python" or "pycuda"."""
        ...

    @property
    def name(self) -> str:
        """The card's model."""
        ...

    @property
    def capability(self) -> int:
        """Compute capability, 89 for 8.9."""
        ...

    def allocate(self, size_bytes: int) -> DeviceBuffer:
        """Memory of the device, with whatever lies there."""
        ...

    def allocate_pinned(self, size_bytes: int) -> PinnedBuffer:
        """Memory of the host, with whatever lies there."""
        ...

    def copy_to_device(self, target: DeviceBuffer, source: PinnedBuffer, stream: Stream) -> None:
        """Puts a copy into a stream, of all that the host's buffer holds; the target is no shorter."""
        ...

    def copy_to_host(self, target: PinnedBuffer, source: DeviceBuffer, stream: Stream) -> None:
        """Puts a copy into a stream, of as much as the host's buffer takes; the source is no shorter."""
        ...

    def create_stream(self) -> Stream:
        """A stream of its own."""
        ...

    def create_event(self) -> Event:
        """An event that can be timed."""
        ...

    def capture(self, stream: Stream, work: Callable[[], None]) -> Graph:
        """What `work` puts into a stream, as a graph; nothing of it is done.

        Raises:
            BackendRefusal: something of it cannot be captured, or the package knows no graphs; the stream is as before.
        """
        ...

    def free_memory(self) -> FreeMemory:
        """What the device's counter says now."""
        ...


Held = TypeVar("Held", bound=Closes)


class Resources:
    """What is held, to be closed in turn, the last first, whatever goes wrong."""

    def __init__(self) -> None:
        self._held: list[Closes] = []

    def add(self, resource: Held) -> Held:
        """Holds it, and gives it back."""
        self._held.append(resource)
        return resource

    def close(self) -> None:
        """Closes everything; may be called again. Raises the first error after all were tried."""
        first: BackendRefusal | None = None
        while self._held:
            try:
                self._held.pop().close()
            except BackendRefusal as error:
                first = first or error
        if first is not None:
            raise first

    def abandon(self) -> None:
        """Closes everything while another error is on its way, which is the one to be told."""
        try:
            self.close()
        except BackendRefusal:
            return


@dataclass(frozen=True)
class Drain:
    """Waits for a stream when it is closed: held last, it comes before the buffers that the stream may still use."""

    stream: Stream

    def close(self) -> None:
        """Waits."""
        self.stream.synchronize()
