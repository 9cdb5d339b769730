"""What a graph costs, counted and not measured: arithmetic, bytes and memory per node."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod

import msgspec

NO_FORMULA = "no formula"
"""`NodeCost.why_unknown` of an operator that the registry does not know."""

IS_UNKNOWN = "is unknown"
"""How `NodeCost.why_unknown` ends where a shape is missing."""


class NodeCost(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One live node's cost for the shapes given; a Struct, as thousands of frozen dataclasses take a while to make.

    Attributes:
        name: the node's identity.
        op: operator, with its domain when that is not ONNX's own.
        output_shapes: per output; None where unknown.
        params: elements of the float constants it reads.
        trainable_params: the same without running statistics.
        weight_bytes: of every constant it reads.
        activation_bytes: of the activations it reads and writes, None when a size is unknown.
        live_bytes: of all activations alive while it runs, None likewise.
        macs: multiply-adds, None when there is no formula or a shape is unknown.
        flop: 2·macs + bias + elementwise work, None likewise.
        transcendentals: exp, log, pow, tanh, square roots and the like, None likewise.
        bytes_read: activations and weights, None likewise, and where `why_no_bytes` says so.
        bytes_written: outputs, None likewise.
        why_unknown: why it was not counted, "" when it was.
        why_no_bytes: why it was counted without its bytes, "" when it was counted with them, or not at all.
        assumed: what had to be assumed because it is only known at run time, "" for nothing.
    """

    name: str
    op: str
    output_shapes: tuple[tuple[int, ...] | None, ...]
    params: int
    trainable_params: int
    weight_bytes: int
    activation_bytes: int | None
    live_bytes: int | None
    macs: int | None
    flop: int | None
    transcendentals: int | None
    bytes_read: int | None
    bytes_written: int | None
    why_unknown: str = ""
    why_no_bytes: str = ""
    assumed: str = ""

    @property
    def counted(self) -> bool:
        """Whether there is a formula, and it could be applied."""
        return self.macs is not None

    @property
    def is_product(self) -> bool:
        """Whether it is known to sum over products: one factor each is an elementwise multiplication."""
        return (self.macs or 0) > sum(prod(sizes) for sizes in self.output_shapes if sizes is not None)

    @property
    def bytes(self) -> int | None:
        """Read and written together."""
        if self.bytes_read is None or self.bytes_written is None:
            return None
        return self.bytes_read + self.bytes_written


@dataclass(frozen=True)
class CostTable:
    """The costs of a graph: one row for each live node, in order.

    Attributes:
        rows: per live node.
        params: elements of all float weights, each tensor once.
        trainable_params: the same without running statistics.
        param_bytes: of those weights.
        weight_bytes: of every constant that a live node reads, each tensor once.
        activation_peak_bytes: the most that activations of known size hold at one time.
        peak_node: the node that runs at that time, "" for an empty graph.
        unsized: activations of unknown size.
    """

    rows: tuple[NodeCost, ...]
    params: int
    trainable_params: int
    param_bytes: int
    weight_bytes: int
    activation_peak_bytes: int
    peak_node: str
    unsized: tuple[str, ...] = ()

    @cached_property
    def by_name(self) -> dict[str, NodeCost]:
        """Rows by node."""
        return {row.name: row for row in self.rows}

    @cached_property
    def why_no_bytes(self) -> str:
        """Why a node was counted without its bytes, so that no sum of bytes is known; "" where none was."""
        return next((row.why_no_bytes for row in self.rows if row.why_no_bytes), "")

    @cached_property
    def bytes_read(self) -> int | None:
        """Read by the nodes counted; None where that of one of them is not known."""
        return None if self.why_no_bytes else sum(row.bytes_read or 0 for row in self.rows)

    @cached_property
    def bytes_written(self) -> int | None:
        """Written by them, None likewise."""
        return None if self.why_no_bytes else sum(row.bytes_written or 0 for row in self.rows)

    @cached_property
    def macs(self) -> int:
        """Multiply-adds of the nodes counted."""
        return sum(row.macs or 0 for row in self.rows)

    @cached_property
    def flop(self) -> int:
        """Floating-point operations of the nodes counted."""
        return sum(row.flop or 0 for row in self.rows)
