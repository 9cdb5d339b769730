"""Fourier transforms."""

from __future__ import annotations

from alexnet_bench.graph.contrib.node import Node, rule


@rule("Rfft")
def rfft(node: Node) -> None:
    """From n real numbers along the last axis to n // 2 + 1 complex ones, each two numbers on an axis of their own."""
    dims = node.dims(0)
    if dims:
        node.make(0, node.dtype(0), [*dims[:-1], None if dims[-1] is None else dims[-1] // 2 + 1, 2])


@rule("Irfft")
def irfft(node: Node) -> None:
    """The way back: 2 (m - 1) real numbers from m complex ones."""
    dims = node.dims(0)
    if dims and len(dims) > 1:
        node.make(0, node.dtype(0), [*dims[:-2], None if dims[-2] is None else 2 * (dims[-2] - 1)])
