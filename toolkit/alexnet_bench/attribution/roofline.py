"""The roofline of a layer: which roof bounds it, and how close it comes.

Williams, Waterman and Patterson, "Roofline: an insightful visual performance model for multicore architectures",
Communications of the ACM 52(4), 2009.
"""

from __future__ import annotations

from dataclasses import dataclass

from alexnet_bench.core.profile import Bound, Ceilings, ceiling_of

NEITHER_BELOW = 0.4
"""Under this fraction of both roofs a layer is bound by neither: a weak kernel, latency, or too little parallel work.

Good convolution and matrix kernels reach 0.5 to 0.9 of the runtime's own large matrix product, streams 0.6 and up."""


ABOVE_ROOF = 1.05
"""Over this fraction of a roof it is not noise: the data comes from a cache, or the ceiling was measured too low."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a layer lies under the roofs.

    Attributes:
        bound: the roof that is closer, "neither" when both are far.
        fraction_of_ceiling: time at that roof over the time measured; above 1 where data comes from a cache.
    """

    bound: Bound
    fraction_of_ceiling: float


@dataclass(frozen=True, slots=True)
class Work:
    """What a layer has to do.

    Attributes:
        flop: its arithmetic; None when unknown.
        bytes: that it has to move; None when unknown.
        is_idle: nobody asked for it, or there is nothing to do.
    """

    flop: int | None
    bytes: int | None
    is_idle: bool

    @property
    def flop_per_byte(self) -> float | None:
        """Arithmetic intensity; None when unknown, or without bytes."""
        return self.flop / self.bytes if self.flop is not None and self.bytes else None


def work_of(flop: int | None, moved_bytes: int | None, *, is_overhead: bool) -> Work:
    """The work of a layer; overhead moves data, and computes nothing that anybody asked for."""
    flop = 0 if is_overhead else flop
    return Work(flop, moved_bytes, is_overhead or (flop == 0 and moved_bytes == 0))


def place(*, flop: float, moved_bytes: float, time_s: float, dtype: str, ceilings: Ceilings) -> Placement | None:
    """Places a layer under the roofs of its computed type; None when there is no ceiling for that type, or no time.

    A layer that computes nothing lies under the roof of memory alone, whatever its type.
    """
    peak = ceilings.flop_per_s.get(ceiling_of(dtype))
    if time_s <= 0 or (peak is None and flop > 0):
        return None
    at_compute, at_memory = flop / peak if peak is not None else 0.0, moved_bytes / ceilings.bytes_per_s
    fraction = max(at_compute, at_memory) / time_s
    if fraction < NEITHER_BELOW:
        return Placement("neither", fraction)
    return Placement("compute" if at_compute >= at_memory and flop > 0 else "memory", fraction)


def roof_time_s(*, flop: float, moved_bytes: float, flop_per_s: float, bytes_per_s: float) -> float:
    """The least time that the two roofs allow, in seconds."""
    return max(flop / flop_per_s, moved_bytes / bytes_per_s)
