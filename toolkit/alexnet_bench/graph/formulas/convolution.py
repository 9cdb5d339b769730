"""Convolutions."""

from __future__ import annotations

from math import prod

from alexnet_bench.graph.formulas.registry import MICROSOFT, Operation, Work, formula, tensor_bytes


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
@formula("ConvTransposeWithDynamicPads", domain=MICROSOFT)
def conv_transpose(op: Operation) -> Work:
    """Each input element is spread over a kernel window of its group's output channels.

    Weights have the shape [C, M/groups, k1, k2, ...] (ONNX, operator ConvTranspose), so
    MACs = input elements · M/groups · k1·k2·...; positions cut off by `pads` count, as they are computed. The bias is
    input 2, or 3 behind pads that are an input.
    """
    macs = op.input_elements(0) * _window(op)
    bias = 3 if op.node.op_type == "ConvTransposeWithDynamicPads" else 2
    return Work(macs=macs, flop=2 * macs + (op.output_elements() if op.has_input(bias) else 0))


@formula("WordConvEmbedding", domain=MICROSOFT)
def word_conv_embedding(op: Operation) -> Work:
    """A convolution over the letters of each word, tanh, and the maximum (ContribOperators.md and its kernel).

    Words are [..., letters] at their full length, weights [filters, 1, window, width], letters [n, width].
    """
    filters, _, size, width = op.input_shape(1)
    words, letters = prod(op.input_shape(0)[:-1]), op.input_shape(0)[-1]
    places = max(0, letters - size + 1)
    outputs = words * filters * places
    macs = outputs * size * width
    looked_up = min(tensor_bytes(op.input(3)), words * letters * width * 4)
    read = sum(tensor_bytes(op.input(index)) for index in (0, 1, 2)) + looked_up
    maxima = max(0, outputs - words * filters)
    return Work(macs, 2 * macs + outputs + maxima, outputs, bytes_read=read, bytes_written=op.outputs_bytes())


def _window(op: Operation) -> int:
    """Channels of a group times the kernel's size, from the weights: `kernel_shape` is optional."""
    rank, weights = len(op.input_shape(0)), op.input_shape(1)
    if rank < 3 or len(weights) != rank:
        raise ValueError(f"an input of {rank} dimensions and weights of {len(weights)}")
    return prod(weights[1:])
