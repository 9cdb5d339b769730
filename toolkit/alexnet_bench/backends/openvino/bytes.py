"""What the kernels of OpenVINO move: the tensors between them have types and sizes in the compiled model.

Weights stand there, too, but not a bias or another constant that was fused into the kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alexnet_bench.backends.openvino.record import Kernel, Record
from alexnet_bench.backends.openvino.types import dtype
from alexnet_bench.core.graph import Tensor

_NOTHING = frozenset({"Reshape"})
"""Kinds that show memory under another shape."""
_IN_PART = (
    "Gather",
    "Slice",
    "StridedSlice",
    "Embedding",
    "Scatter",
    "ROI",
    "ShapeOf",
    "Memory",
    "ReadValue",
    "Assign",
)
"""How kinds begin that read or write parts of tensors, or none of the data."""
_WITH_BODIES = frozenset({"If", "TensorIterator", "Loop"})


@dataclass(frozen=True, slots=True)
class Moved:
    """Bytes that a kernel reads and writes; None where they are not known.

    Attributes:
        total: of all.
        constant: of the constants among them.
        made: that it writes.
    """

    total: int | None = None
    constant: int | None = None
    made: int | None = None


def moved_bytes(record: Record, constant: Sequence[bool]) -> list[Moved]:
    """What each kernel moves, by its number.

    Args:
        record: with the compiled model.
        constant: of each kernel, whether what it makes is the same in every run.
    """
    return [_moved(kernel, record, constant) for kernel in record.kernels]


def _moved(kernel: Kernel, record: Record, constant: Sequence[bool]) -> Moved:
    if kernel.kind in _NOTHING:
        return Moved(0)
    makes = _sum([_size(kernel, port) for port in range(len(kernel.outputs))])
    if kernel.kind.startswith(_IN_PART) or kernel.kind in _WITH_BODIES:
        return Moved(made=makes)
    held, reads = list[int | None](), list[int | None]()
    for source, port in dict.fromkeys(kernel.inputs):
        (held if constant[source] else reads).append(_size(record.kernels[source], port))
    return Moved(_sum((*held, *reads, makes)), _sum(held), makes)


def _size(kernel: Kernel, port: int) -> int | None:
    if port >= min(len(kernel.outputs), len(kernel.sizes)):
        return None
    sizes = kernel.sizes[port]
    return None if sizes is None else Tensor("", dtype(kernel.outputs[port]), tuple(sizes)).size_bytes


def _sum(sizes: Sequence[int | None]) -> int | None:
    return None if None in sizes else sum(size or 0 for size in sizes)
