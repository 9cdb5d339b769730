"""Quantised operators. An integer operation counts like a floating-point one; bytes are those of the real types."""

from __future__ import annotations

from math import prod

from alexnet_bench.graph.formulas.matmul import dot_length, transposed
from alexnet_bench.graph.formulas.prices import DEQUANTISE, QUANTISE, SOFTMAX, activation_price
from alexnet_bench.graph.formulas.registry import MICROSOFT, Operation, Work, formula


@formula("QuantizeLinear", weights=())
@formula("QuantizeLinear", domain=MICROSOFT, weights=())
def quantize_linear(op: Operation) -> Work:
    """Divide, round, add the zero point (ONNX, operator QuantizeLinear)."""
    return Work(flop=QUANTISE * op.input_elements(0))


@formula("DequantizeLinear", weights=())
@formula("DequantizeLinear", domain=MICROSOFT, weights=())
def dequantize_linear(op: Operation) -> Work:
    """Subtract the zero point, multiply by the scale (ONNX, operator DequantizeLinear)."""
    return Work(flop=DEQUANTISE * op.input_elements(0))


@formula("DynamicQuantizeLinear")
def dynamic_quantize_linear(op: Operation) -> Work:
    """Minimum and maximum, then as QuantizeLinear."""
    return Work(flop=(2 + QUANTISE) * op.input_elements(0))


@formula("QLinearConv", weights=(3, 8))
@formula("QLinearConv", domain=MICROSOFT, weights=(3, 8))
def qlinear_conv(op: Operation) -> Work:
    """As Conv with weights at input 3; each output is rescaled (ONNX, operator QLinearConv). Bias is input 8."""
    outputs = op.output_elements()
    macs = outputs * prod(op.input_shape(3)[1:])
    return Work(macs=macs, flop=2 * macs + outputs * (QUANTISE + op.has_input(8)))


@formula("ConvInteger", weights=(1,))
def conv_integer(op: Operation) -> Work:
    """As Conv without a bias; the 32-bit sums are the output (ONNX, operator ConvInteger)."""
    macs = op.output_elements() * prod(op.input_shape(1)[1:])
    return Work(macs=macs, flop=2 * macs)


@formula("QLinearMatMul", weights=(0, 3))
@formula("QGemm", domain=MICROSOFT, weights=(0, 3, 6))
def qlinear_matmul(op: Operation) -> Work:
    """As MatMul with A at input 0 and B at input 3; each output is rescaled (ONNX, operator QLinearMatMul).

    QGemm adds C (input 6), and without a scale for Y (input 7) its float output is multiplied by one.
    """
    outputs, is_gemm = op.output_elements(), op.node.op_type == "QGemm"
    macs = outputs * _inner(op, 3)
    per_output = 1 if is_gemm and not op.has_input(7) else QUANTISE
    return Work(macs=macs, flop=2 * macs + outputs * (per_output + (is_gemm and op.has_input(6))))


@formula("MatMulInteger", weights=(0, 1))
@formula("MatMulInteger16", domain=MICROSOFT, weights=(0, 1))
@formula("MatMulIntegerToFloat", domain=MICROSOFT, weights=(0, 1, 6))
@formula("DynamicQuantizeMatMul", domain=MICROSOFT, weights=(1, 4))
def matmul_integer(op: Operation) -> Work:
    """As MatMul; the forms with float outputs also rescale each output and, with DynamicQuantizeMatMul, quantise A."""
    outputs, left = op.output_elements(), op.input_elements(0)
    macs = outputs * _inner(op, 1)
    extra = {
        "MatMulInteger": 0,
        "MatMulInteger16": 0,
        "MatMulIntegerToFloat": outputs * (1 + op.has_input(6)),
        "DynamicQuantizeMatMul": outputs * (1 + op.has_input(4)) + (2 + QUANTISE) * left,
    }[op.node.op_type]
    return Work(macs=macs, flop=2 * macs + extra)


@formula("QLinearAdd", "QLinearMul", domain=MICROSOFT, weights=(0, 3))
def qlinear_binary(op: Operation) -> Work:
    """Dequantise both inputs, one operation, quantise the result."""
    operands = op.input_elements(0) + op.input_elements(3)
    return Work(flop=DEQUANTISE * operands + (1 + QUANTISE) * op.output_elements())


@formula("QLinearSigmoid", "QLinearLeakyRelu", "QLinearSoftmax", domain=MICROSOFT, weights=())
def qlinear_unary(op: Operation) -> Work:
    """The plain operator between dequantising and quantising."""
    name = op.node.op_type.removeprefix("QLinear")
    flop, transcendentals = SOFTMAX if name == "Softmax" else activation_price(name)
    elements = op.output_elements()
    return Work(flop=(DEQUANTISE + flop + QUANTISE) * elements, transcendentals=transcendentals * elements)


@formula("QLinearGlobalAveragePool", "QLinearAveragePool", domain=MICROSOFT, weights=())
def qlinear_pool(op: Operation) -> Work:
    """One addition per element of a window, and the rescaling of each output."""
    window = op.window() * op.output_elements() if op.node.op_type == "QLinearAveragePool" else op.input_elements(0)
    return Work(flop=window + QUANTISE * op.output_elements())


@formula("QLinearConcat", domain=MICROSOFT, weights=range(2, 2**31, 3))
def qlinear_concat(op: Operation) -> Work:
    """Every element is brought from its own scale to that of the output."""
    return Work(flop=(DEQUANTISE + QUANTISE) * op.output_elements())


@formula("QLinearWhere", domain=MICROSOFT, weights=(1, 4))
def qlinear_where(op: Operation) -> Work:
    """A choice between elements, each brought from its own scale to that of the output."""
    return Work(flop=(DEQUANTISE + 1 + QUANTISE) * op.output_elements())


@formula("QLinearReduceMean", domain=MICROSOFT, weights=())
def qlinear_reduce_mean(op: Operation) -> Work:
    """One addition per input, and the rescaling of each output."""
    return Work(flop=op.input_elements(0) + QUANTISE * op.output_elements())


@formula("MulInteger", domain=MICROSOFT, weights=(0, 2))
def mul_integer(op: Operation) -> Work:
    """A product per output, and a difference per element of each input that has a zero point (inputs 1 and 3)."""
    shifted = sum(op.input_elements(index) for index in (0, 2) if op.has_input(index + 1))
    return Work(flop=op.output_elements() + shifted)


def _inner(op: Operation, right: int) -> int:
    """The length of the dot products of A (input 0) and B."""
    return dot_length(
        transposed(op.input_shape(0), op.integer("transA", 0)),
        transposed(op.input_shape(right), op.integer("transB", 0)),
    )
