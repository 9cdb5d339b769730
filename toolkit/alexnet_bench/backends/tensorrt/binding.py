"""An engine for one set of sizes: buffers whose addresses it is given once, and the run from host to host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from alexnet_bench.backends.device.protocol import Device, DeviceBuffer, Drain, Graph, PinnedBuffer, Resources, Stream
from alexnet_bench.backends.protocol import RunParts
from alexnet_bench.backends.tensorrt.engine_tensor import EngineTensor
from alexnet_bench.backends.tensorrt.session import Session
from alexnet_bench.core.errors import BackendRefusal
from alexnet_bench.core.text import printable

if TYPE_CHECKING:
    from alexnet_bench.backends.device.protocol import Event

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class _Slot:
    """A tensor of the engine, on the device and on the host.

    Attributes:
        tensor: of the engine.
        on_device: where the engine reads or writes it.
        on_host: where it is copied from or to.
        array: the host's memory, in the tensor's type and with its sizes.
    """

    tensor: EngineTensor
    on_device: DeviceBuffer
    on_host: PinnedBuffer
    array: np.ndarray


class Binding:
    """Buffers, events and, where it could be captured, a graph.

    A run is timed by four events on the stream: before and after the copies to the device, after the engine, and after
    the copies back.

    Args:
        device: to run on.
        session: the engine.
        stream: that everything goes into.
        tensors: of the engine.
        shapes: of its inputs.

    Raises:
        BackendRefusal: the engine does not take these sizes, or plain arrays; or there is not enough memory; nothing is
            held then.
    """

    def __init__(
        self, device: Device, session: Session, stream: Stream, tensors: Sequence[EngineTensor], shapes: Shapes
    ) -> None:
        self.shapes = dict(shapes)
        self._device, self._session, self._stream = device, session, stream
        self._held = Resources()
        self._fed: dict[str, np.ndarray] = {}
        self._graph: Graph | None = None
        try:
            session.check_linear(tensors, session.use_profile(tensors, shapes, stream.handle))
            session.set_shapes(shapes)
            self._slots = [self._slot(tensor) for tensor in tensors]
            self._events: list[Event] = [self._held.add(device.create_event()) for _ in range(4)]
            self._held.add(Drain(stream))
            self._warm_up()
        except BaseException:
            self._held.abandon()
            raise
        self._inputs = [slot for slot in self._slots if slot.tensor.is_input]
        self._outputs = [slot for slot in self._slots if not slot.tensor.is_input]

    def capture(self) -> None:
        """Captures the engine's part of a run, which is one launch from then on.

        Raises:
            BackendRefusal: it cannot be captured; runs go on as before.
        """
        self._session.check_capturable(self._stream.handle)
        graph = self._device.capture(self._stream, lambda: self._session.launch(self._stream.handle))
        self._graph = self._held.add(graph)
        self._held.add(Drain(self._stream))

    def run(self, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """One inference; the outputs are pinned memory, which the next run overwrites, and which ends with the binding.

        Arrays are moved to pinned memory where they are others than in the run before; they are copied to the device
        in each run.

        Raises:
            BackendRefusal: an input is missing, or has another type or other sizes; or the device fails.
        """
        self._stage(feeds)
        started, copied, computed, ended = self._events
        started.record(self._stream)
        for slot in self._inputs:
            self._device.copy_to_device(slot.on_device, slot.on_host, self._stream)
        copied.record(self._stream)
        self._launch()
        computed.record(self._stream)
        for slot in self._outputs:
            self._device.copy_to_host(slot.on_host, slot.on_device, self._stream)
        ended.record(self._stream)
        self._stream.synchronize()
        return [slot.array for slot in self._outputs]

    def parts(self) -> RunParts:
        """Where the time of the last run went."""
        started, copied, computed, ended = self._events
        return RunParts(copied.seconds_since(started), computed.seconds_since(copied), ended.seconds_since(computed))

    def close(self) -> None:
        """Waits for the stream and gives everything back."""
        self._held.close()

    def _slot(self, tensor: EngineTensor) -> _Slot:
        shape = self.shapes[tensor.name] if tensor.is_input else self._session.shape_of(tensor.name)
        dtype = np.dtype(tensor.dtype)
        size = prod(shape) * dtype.itemsize
        on_host = self._held.add(self._device.allocate_pinned(max(1, size)))
        on_device = self._held.add(self._device.allocate(max(1, size)))
        self._session.bind(tensor.name, on_device.address)
        return _Slot(tensor, on_device, on_host, on_host.array[:size].view(dtype).reshape(shape))

    def _warm_up(self) -> None:
        """One run on zeros, which are an index of any table: what TensorRT does in a first run alone is done here."""
        for slot in self._slots:
            if slot.tensor.is_input:
                slot.array[...] = 0
                self._device.copy_to_device(slot.on_device, slot.on_host, self._stream)
        self._launch()
        self._stream.synchronize()

    def _launch(self) -> None:
        if self._graph is not None:
            self._graph.launch(self._stream)
        else:
            self._session.launch(self._stream.handle)

    def _stage(self, feeds: Mapping[str, np.ndarray]) -> None:
        for slot in self._inputs:
            name, array = slot.tensor.name, feeds[slot.tensor.name]
            if self._fed.get(name) is array:
                continue
            if array.dtype != slot.array.dtype:
                shown = f"{array.dtype}, and the engine takes {slot.array.dtype}"
                raise BackendRefusal(f"input {printable(name, 200)} is {shown}")
            np.copyto(slot.array, array)
            self._fed[name] = array
