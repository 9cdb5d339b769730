"""Convolutions."""

from __future__ import annotations

from math import prod

from alexnet_bench.graph.formulas.registry import Operation, Work, formula


@formula("Conv")
def conv(op: Operation) -> Work:
    """Each output element is a dot product over a kernel window of its group's channels.

    Weights have the shape [M, C/groups, k1, k2, ...] (ONNX, operator Conv), so
    MACs = output elements · C/groups · k1·k2·...; FLOP = 2·MAC + one per output for the bias.
    Padding counts as if it were data, as every published count does.
    """
    outputs = op.output_elements()
    macs = outputs * _window(op)
    return Work(macs=macs, flop=2 * macs + (outputs if op.has_input(2) else 0))


@formula("ConvTranspose")
def conv_transpose(op: Operation) -> Work:
    """Each input element is spread over a kernel window of its group's output channels.

    Weights have the shape [C, M/groups, k1, k2, ...] (ONNX, operator ConvTranspose), so
    MACs = input elements · M/groups · k1·k2·...; positions cut off by `pads` count, as they are computed.
    """
    macs = op.input_elements(0) * _window(op)
    return Work(macs=macs, flop=2 * macs + (op.output_elements() if op.has_input(2) else 0))


def _window(op: Operation) -> int:
    """Channels of a group times the kernel's size, from the weights: `kernel_shape` is optional."""
    rank, weights = len(op.input_shape(0)), op.input_shape(1)
    if rank < 3 or len(weights) != rank:
        raise ValueError(f"an input of {rank} dimensions and weights of {len(weights)}")
    return prod(weights[1:])
