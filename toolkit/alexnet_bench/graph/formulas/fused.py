"""ONNX Runtime's fused operators, as optimised models contain them (docs/ContribOperators.md of ONNX Runtime)."""

from __future__ import annotations

from math import prod

from alexnet_bench.graph.formulas.matmul import dot_length, gemm, transposed
from alexnet_bench.graph.formulas.movement import bytes_with_rows
from alexnet_bench.graph.formulas.prices import (
    DEQUANTISE,
    GELU,
    GELU_BY_TANH,
    LAYER_NORM,
    RMS_NORM,
    SIGMOID,
    SOFTMAX,
    activation_price,
)
from alexnet_bench.graph.formulas.registry import MICROSOFT, NCHWC, Operation, Work, formula

UNFILLED = "channels before filling"
"""What is known of a Conv in blocks: an attribute, the channels that a filter reads and those of the output."""


@formula("FusedConv", "NhwcFusedConv", "NhwcConv", domain=MICROSOFT)
def fused_conv(op: Operation) -> Work:
    """Conv, then a sum with input 3 where it is given, then the activation."""
    outputs = op.output_elements()
    return _convolved(op, outputs, outputs * prod(op.input_shape(1)[1:]))


@formula("Conv", domain=NCHWC)
def conv_in_blocks(op: Operation) -> Work:
    """As FusedConv, of the channels that were there before blocks were filled up, where these are known (UNFILLED).

    The bytes are those of whole blocks.
    """
    batch, filled, *sizes = op.output_shape()
    depth, *kernel = op.input_shape(1)[1:]
    depth, channels = op.integers(UNFILLED, (depth, filled))
    outputs = prod((batch, channels, *sizes))
    return _convolved(op, outputs, outputs * depth * prod(kernel))


def _convolved(op: Operation, outputs: int, macs: int) -> Work:
    flop, transcendentals = _activation(op)
    extra = int(op.has_input(2)) + int(op.has_input(3)) + flop
    return Work(macs=macs, flop=2 * macs + outputs * extra, transcendentals=outputs * transcendentals)


@formula("FusedGemm", domain=MICROSOFT)
def fused_gemm(op: Operation) -> Work:
    """Gemm, then the activation."""
    plain, outputs = gemm(op), op.output_elements()
    flop, transcendentals = _activation(op)
    return Work(macs=plain.macs, flop=plain.flop + outputs * flop, transcendentals=outputs * transcendentals)


@formula("FusedMatMul", "TransposeMatMul", "FusedMatMulActivation", domain=MICROSOFT)
def fused_matmul(op: Operation) -> Work:
    """MatMul with either side transposed, times alpha where that is not 1, then the activation where there is one.

    `transBatchA` and `transBatchB` move the first axis behind the other batch axes.
    """
    outputs = op.output_elements()
    macs = outputs * dot_length(_side(op, 0, "A"), _side(op, 1, "B"))
    flop, transcendentals = _activation(op)
    flop += op.attribute("alpha", 1.0) != 1.0
    return Work(macs=macs, flop=2 * macs + outputs * flop, transcendentals=outputs * transcendentals)


def _side(op: Operation, index: int, side: str) -> tuple[int, ...]:
    shape = op.input_shape(index)
    if op.integer(f"transBatch{side}", 0) and len(shape) > 2:
        shape = (*shape[1:-1], shape[0], shape[-1])
    return transposed(shape, op.integer(f"trans{side}", 0))


@formula("SkipLayerNormalization", "SkipSimplifiedLayerNormalization", domain=MICROSOFT)
@formula("SimplifiedLayerNormalization", domain=MICROSOFT)
@formula("SimplifiedLayerNormalization")
def skip_layer_normalization(op: Operation) -> Work:
    """The sum of input, skip and bias, then the normalisation; the simplified form divides by the root mean square."""
    simplified, skips = "Simplified" in op.node.op_type, op.node.op_type.startswith("Skip")
    bias = skips and op.has_input(3 if simplified else 4)
    return Work(flop=((RMS_NORM if simplified else LAYER_NORM) + skips + bias) * op.input_elements(0))


@formula("EmbedLayerNormalization", domain=MICROSOFT)
@formula("QEmbedLayerNormalization", domain=MICROSOFT, weights=(2, 3, 4, 5, 6))
def embed_layer_normalization(op: Operation) -> Work:
    """Word, position and segment embeddings looked up, added and normalised; only the rows looked up are read, or all.

    Those of QEmbedLayerNormalization are dequantised, 2 per element.
    """
    elements = op.output_elements()
    tables = [index for index in (2, 3, 4) if op.has_input(index)]
    dequantised = DEQUANTISE * len(tables) if op.node.op_type.startswith("Q") else 0
    return Work(
        flop=(len(tables) - 1 + LAYER_NORM + dequantised) * elements,
        bytes_read=bytes_with_rows(op, tables=tables, rows=op.input_elements(0)),
        bytes_written=op.outputs_bytes(),
    )


@formula("Gelu", "BiasGelu", "FastGelu", "QuickGelu", domain=MICROSOFT)
def gelu(op: Operation) -> Work:
    """x·Φ(x) by erf, by tanh (FastGelu), or as x·sigmoid(alpha·x) (QuickGelu); one more per element with a bias."""
    flop, transcendentals = {"FastGelu": GELU_BY_TANH, "QuickGelu": (2 + SIGMOID[0], SIGMOID[1])}.get(
        op.node.op_type, GELU
    )
    elements = op.input_elements(0)
    return Work(flop=(flop + op.has_input(1)) * elements, transcendentals=transcendentals * elements)


@formula("GemmFastGelu", domain=MICROSOFT)
def gemm_fast_gelu(op: Operation) -> Work:
    """MatMul, the sum with a bias where it is given, and FastGelu."""
    outputs = op.output_elements()
    macs = outputs * dot_length(op.input_shape(0), op.input_shape(1))
    flop, transcendentals = GELU_BY_TANH
    return Work(macs, 2 * macs + outputs * (op.has_input(2) + flop), outputs * transcendentals)


@formula("GemmFloat8", domain=MICROSOFT, settings=(3, 4, 5))
def gemm_float8(op: Operation) -> Work:
    """Gemm; a factor for the scales of A and B (inputs 3 and 4), one for that of Y; then RELU or GELU."""
    plain, outputs = gemm(op), op.output_elements()
    flop, transcendentals = _activation(op)
    scales = int(op.has_input(3) or op.has_input(4)) + op.has_input(5)
    return Work(plain.macs, plain.flop + outputs * (scales + flop), outputs * transcendentals)


@formula("BiasSoftmax", domain=MICROSOFT)
def bias_softmax(op: Operation) -> Work:
    """A sum, then softmax."""
    elements = op.output_elements()
    return Work(flop=(1 + SOFTMAX[0]) * elements, transcendentals=SOFTMAX[1] * elements)


def _activation(op: Operation) -> tuple[int, int]:
    """(FLOP, transcendentals) per output of the attribute `activation`. Raises UnknownShape for one without formula."""
    return activation_price(str(op.attribute("activation", "") or ""))
