"""Fourier transforms."""

from __future__ import annotations

from alexnet_bench.graph.contrib.node import RULED, Node, rule


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


@rule("STFT", domain=RULED[""])
def stft(node: Node) -> None:
    """A transform for each frame of a signal, [batch, frames, bins, 2] (ONNX, operator STFT).

    ONNX's own inference (1.23) takes all bins where `onesided` is left out, and finds a frame where the signal is less
    than a step too short for one.
    """
    dims, step, length = node.dims(0), node.value(1), node.value(3)
    if dims is None or len(dims) < 2:
        return
    if node.has(2):
        length = (node.dims(2) or [None])[0]
    elif not node.has(3):
        length = dims[1]
    frames = bins = None
    if length is not None and length > 0:
        bins = length // 2 + 1 if node.integer("onesided", 1) else length
        if step and dims[1] is not None and length <= dims[1]:
            frames = (dims[1] - length) // step + 1
    node.make(0, node.dtype(0), [dims[0], frames, bins, 2])
