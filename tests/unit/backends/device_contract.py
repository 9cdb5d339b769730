"""What every device has to do, whatever package it is made of; run on a fake here, and on real ones in tests/gpu."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import numpy as np
import pytest

from alexnet_bench.backends.device.protocol import Device, Drain, Resources
from alexnet_bench.core.errors import BackendRefusal

Open = Callable[[], Device]
_SIZE = 1 << 16


@contextmanager
def _held(device: Device) -> Iterator[Resources]:
    held = Resources()
    try:
        yield held
    finally:
        held.close()
        device.close()


class DeviceContract:
    """Subclass it with a fixture `open_device`."""

    def test_what_is_copied_there_comes_back(self, open_device: Open) -> None:
        device = open_device()
        with _held(device) as held:
            stream = held.add(device.create_stream())
            source, target = (held.add(device.allocate_pinned(_SIZE)) for _ in range(2))
            buffer = held.add(device.allocate(_SIZE))
            held.add(Drain(stream))
            source.array[:] = np.arange(_SIZE, dtype=np.uint64).astype(np.uint8)
            target.array[:] = 0
            device.copy_to_device(buffer, source, stream)
            device.copy_to_host(target, buffer, stream)
            stream.synchronize()
            np.testing.assert_array_equal(target.array, source.array)

    def test_buffers_have_addresses_and_sizes(self, open_device: Open) -> None:
        device = open_device()
        with _held(device) as held:
            small, large = (held.add(device.allocate(size)) for size in (1, _SIZE))
            assert small.address != large.address
            assert min(small.address, large.address) > 0
            assert (small.size_bytes, large.size_bytes) == (1, _SIZE)
            pinned = held.add(device.allocate_pinned(12))
            assert pinned.array.dtype == np.uint8
            assert pinned.array.shape == (12,)

    def test_events_tell_the_time_between_them(self, open_device: Open) -> None:
        device = open_device()
        with _held(device) as held:
            stream = held.add(device.create_stream())
            first, second = (held.add(device.create_event()) for _ in range(2))
            pinned, buffer = held.add(device.allocate_pinned(_SIZE)), held.add(device.allocate(_SIZE))
            held.add(Drain(stream))
            for _ in range(2):  # events may be used again
                first.record(stream)
                device.copy_to_device(buffer, pinned, stream)
                second.record(stream)
                stream.synchronize()
                assert 0 < second.seconds_since(first) < 1
                assert second.seconds_since(second) == 0

    def test_streams_have_handles_of_their_own(self, open_device: Open) -> None:
        device = open_device()
        with _held(device) as held:
            handles = {held.add(device.create_stream()).handle for _ in range(3)}
            assert len(handles) == 3
            assert 0 not in handles  # that is the default stream

    def test_what_was_captured_is_done_when_it_is_launched(self, open_device: Open) -> None:
        device = open_device()
        with _held(device) as held:
            stream = held.add(device.create_stream())
            pinned, buffer = held.add(device.allocate_pinned(_SIZE)), held.add(device.allocate(_SIZE))
            back = held.add(device.allocate_pinned(_SIZE))
            back.array[:] = 0

            def work() -> None:
                device.copy_to_device(buffer, pinned, stream)
                device.copy_to_host(back, buffer, stream)

            try:
                graph = held.add(device.capture(stream, work))
            except BackendRefusal as error:
                pytest.skip(error.message)
            held.add(Drain(stream))
            assert not back.array.any()
            for value in (1, 2):
                pinned.array[:] = value
                graph.launch(stream)
                stream.synchronize()
                assert (back.array == value).all()

    def test_a_capture_that_fails_leaves_the_stream_as_it_was(self, open_device: Open) -> None:
        device = open_device()
        with _held(device) as held:
            stream = held.add(device.create_stream())
            pinned, buffer = held.add(device.allocate_pinned(_SIZE)), held.add(device.allocate(_SIZE))
            held.add(Drain(stream))

            def work() -> None:
                device.copy_to_device(buffer, pinned, stream)
                raise BackendRefusal("it cannot be captured")

            with pytest.raises(BackendRefusal):
                device.capture(stream, work)
            device.copy_to_device(buffer, pinned, stream)
            stream.synchronize()

    def test_the_counter_follows_what_is_allocated(self, open_device: Open) -> None:
        device = open_device()
        with _held(device):
            before, size = device.free_memory(), 64 << 20
            assert 0 < before.free_bytes <= before.total_bytes
            with closing(device.allocate(size)):
                assert before.free_bytes - device.free_memory().free_bytes >= size // 2  # others may give some back

    def test_too_much_memory_is_one_clear_error(self, open_device: Open) -> None:
        device = open_device()
        with _held(device), pytest.raises(BackendRefusal, match=r"mem_alloc|cudaMalloc") as refused:
            device.allocate(1 << 50)
        assert refused.value.hint == "give a smaller --batch"

    def test_a_device_can_be_opened_again(self, open_device: Open) -> None:
        for _ in range(2):
            device = open_device()
            with _held(device) as held:
                held.add(device.allocate(_SIZE))
            assert device.name
            assert device.capability >= 50
