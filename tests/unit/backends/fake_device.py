"""A device without a GPU: memory of the host, streams as queues, and a list of every wrong that is done to it.

Work in a stream is done when somebody waits for it, no sooner: until then what it writes holds a filling, so that
whoever reads too early reads nonsense. What is freed while a stream still uses it, used after that, freed twice, or
never, is a wrong. So is an error that is left lying for the next library to find. Any call can be made to fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from alexnet_bench.backends.device.protocol import DeviceBuffer, Event, FreeMemory, PinnedBuffer, Stream
from alexnet_bench.core.errors import BackendRefusal

TOTAL_BYTES = 1 << 30
OP_S = 1e-6
"""What the device's clock goes on by with each piece of work."""
_FRESH, _PENDING, _FREED = 0xCD, 0xA5, 0xDD
_FIRST_ADDRESS, _ALIGNMENT = 0x7000_0000, 256


@dataclass
class Faults:
    """Counts calls, and makes one of them fail, or that one and all after it.

    Attributes:
        at: number of the call, from 1; 0 lets all go well.
        forever: as CUDA does when a kernel has failed: no call goes well after that.
        seen: names of the calls so far.
    """

    at: int = 0
    forever: bool = False
    seen: list[str] = field(default_factory=list)

    def due(self, name: str) -> bool:
        """Counts a call, and says whether it is to fail."""
        self.seen.append(name)
        return bool(self.at) and (len(self.seen) == self.at or (self.forever and len(self.seen) > self.at))


class Resource(Protocol):
    """What a device hands out."""

    is_open: bool


@dataclass
class _Work:
    name: str
    reads: tuple[Memory, ...]
    writes: tuple[Memory, ...]
    do: Callable[[], None]
    steps: int = 1
    graph: Graph | None = None


class Memory:
    """Bytes on the device, or pinned ones of the host."""

    def __init__(self, device: FakeDevice, address: int, size_bytes: int, kind: str) -> None:
        self.address, self.size_bytes, self.kind = address, size_bytes, kind
        self.array = np.full(size_bytes, _FRESH, np.uint8)
        self.is_open = True
        self._device = device

    def close(self) -> None:
        """Frees it."""
        self._device.free(self)


class _Stream:
    def __init__(self, device: FakeDevice, handle: int) -> None:
        self.handle, self.is_open = handle, True
        self.queue: list[_Work] = []
        self.captured: list[_Work] | None = None
        self.is_invalid = False
        self._device = device

    def put(self, work: _Work) -> None:
        """Queues work, or captures it."""
        self._device.check_open(self, "stream")
        if self.captured is not None:
            self.captured.append(work)
            return
        for memory in work.writes:
            memory.array[:] = _PENDING
        self.queue.append(work)

    def synchronize(self) -> None:
        """Does what is queued. Where CUDA says that this failed, the work is over too."""
        self._device.check_open(self, "stream")
        try:
            self._device.enter("stream.synchronize")
        except BackendRefusal:
            self.queue.clear()
            raise
        if self.captured is not None:
            self._device.wrongs.append("waited for a stream that is being captured")
        while self.queue:
            self._device.do(self.queue.pop(0))

    def close(self) -> None:
        """Destroys it."""
        if self.queue:
            self._device.wrongs.append("destroyed a stream with work in it")
        if self.captured is not None:
            self._device.wrongs.append("destroyed a stream that is being captured")
        self._device.give_up(self, "stream")


class _Event:
    def __init__(self, device: FakeDevice) -> None:
        self.is_open = True
        self.time_s: float | None = None
        self._device = device

    def record(self, stream: Stream) -> None:
        """Queues a look at the clock."""
        self._device.enter("event.record")
        self._device.check_open(self, "event")
        self.time_s = None

        def look() -> None:
            self.time_s = self._device.clock_s

        self._device.stream(stream.handle).put(_Work("record", (), (), look, steps=0))

    def seconds_since(self, earlier: Event) -> float:
        """Between two looks."""
        self._device.enter("event.seconds_since")
        assert isinstance(earlier, _Event)
        if self.time_s is None or earlier.time_s is None:
            self._device.wrongs.append("asked for the time of an event that is not reached")
            return 0.0
        return self.time_s - earlier.time_s

    def close(self) -> None:
        """Destroys it."""
        self._device.give_up(self, "event")


class Graph:
    """Work that was captured: ready to be launched, or what that was made of."""

    def __init__(self, device: FakeDevice, work: Sequence[_Work], kind: str) -> None:
        self.is_open, self.work, self.kind = True, work, kind
        self._device = device

    def launch(self, stream: Stream) -> None:
        """Queues all of it."""
        self._device.enter("graph.launch")
        self._device.check_open(self, "graph")
        for work in self.work:
            self._device.stream(stream.handle).put(replace(work, graph=self))

    def close(self) -> None:
        """Destroys it."""
        if any(work.graph is self for work in self._device.queued()):
            self._device.wrongs.append("destroyed a graph that a stream still runs")
        self._device.give_up(self, self.kind)


class FakeDevice:
    """The device of the protocol.

    Attributes:
        wrongs: what was done that CUDA leaves undefined, or that leaks.
        clock_s: the device's own time.
        error: of a call that failed, which CUDA keeps until it is asked for; libraries take it for one of their own.
    """

    api, name, capability = "fake", "NVIDIA Nothing", 89

    def __init__(self, faults: Faults | None = None, *, captures: bool = True, step_s: float = OP_S) -> None:
        self.faults = faults or Faults()
        self.wrongs: list[str] = []
        self.clock_s = 0.0
        self.error = ""
        self._captures, self._step_s = captures, step_s
        self._next = _FIRST_ADDRESS
        self._memories: dict[int, Memory] = {}
        self._others: list[tuple[str, Resource]] = []
        self._users, self._is_open = 0, True

    def open(self) -> FakeDevice:
        """As whoever asks for a device does it; it is closed as often."""
        self._users, self._is_open = self._users + 1, True
        return self

    def allocate(self, size_bytes: int) -> Memory:
        """As the protocol."""
        return self._allocate(size_bytes, "device")

    def allocate_pinned(self, size_bytes: int) -> Memory:
        """As the protocol."""
        return self._allocate(size_bytes, "pinned")

    def copy_to_device(self, target: DeviceBuffer, source: PinnedBuffer, stream: Stream) -> None:
        """As the protocol."""
        self.enter("copy_to_device")
        self._copy(self.memory(target.address), _pinned(source), stream)

    def copy_to_host(self, target: PinnedBuffer, source: DeviceBuffer, stream: Stream) -> None:
        """As the protocol."""
        self.enter("copy_to_host")
        self._copy(_pinned(target), self.memory(source.address), stream)

    def create_stream(self) -> _Stream:
        """As the protocol."""
        self.enter("create_stream")
        stream = _Stream(self, 1 + len(self._others))
        self.add("stream", stream)
        return stream

    def create_event(self) -> _Event:
        """As the protocol."""
        self.enter("create_event")
        event = _Event(self)
        self.add("event", event)
        return event

    def capture(self, stream: Stream, work: Callable[[], None]) -> Graph:
        """As the protocol."""
        self.enter("capture")
        if not self._captures:
            raise BackendRefusal("the device captures nothing")
        own = self.stream(stream.handle)
        own.captured = []
        try:
            work()
            self.enter("capture.end")
            return self.graph(own.captured, "graph")
        finally:
            own.captured, own.is_invalid = None, False
            self.error = ""

    def graph(self, work: Sequence[_Work], kind: str) -> Graph:
        """A graph of captured work, to be destroyed as what it is called."""
        made = Graph(self, work, kind)
        self.add(kind, made)
        return made

    def add(self, kind: str, resource: Resource) -> None:
        """Counts a resource, which is to be given up."""
        self._others.append((kind, resource))

    def free_memory(self) -> FreeMemory:
        """As the protocol."""
        self.enter("free_memory")
        used = sum(
            memory.size_bytes for memory in self._memories.values() if memory.kind != "pinned" and memory.is_open
        )
        return FreeMemory(TOTAL_BYTES - used, TOTAL_BYTES)

    def close(self) -> None:
        """Gives the device back; what is still open by then is a leak."""
        for what in self._left():
            self.wrongs.append(f"leaked: {what}")
        self._users, self._is_open = max(0, self._users - 1), False
        self.enter("close", closing=True)

    def open_resources(self) -> list[str]:
        """What was not given back, the device itself with it."""
        return self._left() + ["the device"] * self._users

    def _left(self) -> list[str]:
        memories = [f"{memory.size_bytes} bytes, {memory.kind}" for memory in self._memories.values() if memory.is_open]
        return memories + [kind for kind, other in self._others if other.is_open]

    def launch(
        self,
        handle: int,
        name: str,
        reads: Sequence[int],
        writes: Sequence[int],
        do: Callable[[], None],
        *,
        steps: int = 1,
    ) -> None:
        """What a library does: work on memory by address, in a stream by handle; it takes that many steps."""
        if self.error:
            self.wrongs.append(f"a library found the error of {self.error}")
        memories = tuple(map(self.memory, reads)), tuple(map(self.memory, writes))
        self.stream(handle).put(_Work(name, *memories, do, steps))

    def fail_to_launch(self, handle: int, *, spoils: bool) -> None:
        """What a library leaves that fails in a capture: an error, and, where it spoils it, no graph at its end."""
        stream = self.stream(handle)
        if stream.captured is not None:
            self.error, stream.is_invalid = "a launch in a capture", spoils

    def queued(self) -> Iterator[_Work]:
        """What streams have to do yet."""
        for _, other in self._others:
            if isinstance(other, _Stream):
                yield from other.queue

    def memory(self, address: int) -> Memory:
        """The memory that begins there."""
        return self._memories[address]

    def stream(self, handle: int) -> _Stream:
        """The stream of that handle."""
        return next(other for _, other in self._others if isinstance(other, _Stream) and other.handle == handle)

    def do(self, work: _Work) -> None:
        """One piece of work."""
        for memory in (*work.reads, *work.writes):
            if not memory.is_open:
                self.wrongs.append(f"{work.name} used {memory.kind} memory after it was freed")
        work.do()
        self.clock_s += work.steps * self._step_s

    def free(self, memory: Memory) -> None:
        """Frees memory."""
        for kind, other in self._others:
            if kind == "stream" and isinstance(other, _Stream):
                used = (*other.queue, *(other.captured or ()))
                if any(memory in (*work.reads, *work.writes) for work in used):
                    self.wrongs.append(f"freed {memory.kind} memory that a stream still uses")
        memory.array[:] = _FREED
        self.give_up(memory, f"{memory.kind} memory")

    def give_up(self, resource: Resource, kind: str) -> None:
        """Marks a resource as closed, even where that call fails: nobody asks twice."""
        if not resource.is_open:
            self.wrongs.append(f"closed a {kind} twice")
        resource.is_open = False
        self.enter(f"{kind}.close", closing=True)

    def check_open(self, resource: Resource, kind: str) -> None:
        """Notes a use after the end."""
        if not resource.is_open:
            self.wrongs.append(f"used a {kind} after it was closed")

    def enter(self, name: str, *, closing: bool = False) -> None:
        """Counts a call; fails where it is due."""
        if not self._is_open and not closing:
            self.wrongs.append(f"called {name} after the device was closed")
        if self.faults.due(name):
            raise BackendRefusal(f"{name} fails: made up")

    def _allocate(self, size_bytes: int, kind: str) -> Memory:
        self.enter(f"allocate {kind}")
        if size_bytes > TOTAL_BYTES:
            raise BackendRefusal("cudaMalloc fails: made up", "give a smaller --batch")
        memory = Memory(self, self._next, size_bytes, kind)
        self._next += -(-size_bytes // _ALIGNMENT) * _ALIGNMENT
        self._memories[memory.address] = memory
        return memory

    def _copy(self, target: Memory, source: Memory, stream: Stream) -> None:
        size = min(target.size_bytes, source.size_bytes)

        def do() -> None:
            target.array[:size] = source.array[:size]

        self.stream(stream.handle).put(_Work("copy", (source,), (target,), do))


def _pinned(buffer: PinnedBuffer) -> Memory:
    assert isinstance(buffer, Memory)
    return buffer
