"""How large the kernels behind the ceilings are, by the kind of device: too small ones do not fill it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from alexnet_bench.backends.protocol import DeviceKind
from alexnet_bench.core.machine import last_level_cache_bytes

_MIN_STREAM_BYTES, _MAX_STREAM_BYTES = 256 << 20, 1 << 30


@dataclass(frozen=True)
class Sizes:
    """What is multiplied and streamed.

    Attributes:
        products: sides of the matrices by type, because the size that suits a device differs; the fastest one counts.
        other_products: those of all types that `products` lacks.
        stream_bytes: that a stream of reads or a triad takes from memory.
    """

    products: Mapping[str, tuple[int, ...]]
    other_products: tuple[int, ...]
    stream_bytes: int

    def of(self, dtype: str) -> tuple[int, ...]:
        """Sides of the matrices of one type."""
        return self.products.get(dtype, self.other_products)


def sizes_for(device: DeviceKind) -> Sizes:
    """The sizes that suit a kind of device.

    A GPU of 2025 multiplies two 512x512 matrices in less time than a launch takes; 8192x8192 keep it busy for 1 to 100
    ms, and take 256 MiB each in float32. In float64 most cards have a 32nd of that rate, or less.
    """
    if device == "cuda":
        # 1 GiB is at least eight times the cache of any card up to 2025 (126 MiB).
        return Sizes({"float64": (2048, 4096)}, (4096, 8192), _MAX_STREAM_BYTES)
    return Sizes({"float32": (512, 2048)}, (512,), _from_memory())


def _from_memory() -> int:
    """Eight times the last-level cache, so that a stream has to come from memory.

    Four times would do for the cache that is there; virtual machines report less than the host has.
    """
    return min(_MAX_STREAM_BYTES, max(_MIN_STREAM_BYTES, 8 * last_level_cache_bytes()))
