"""ONNX Runtime's int8 operators on layouts of cuBLASLt, quantised symmetrically: no zero point to add or subtract."""

from __future__ import annotations

from alexnet_bench.graph.formulas.matmul import dot_length
from alexnet_bench.graph.formulas.prices import GELU, LAYER_NORM
from alexnet_bench.graph.formulas.registry import MICROSOFT, Operation, Work, formula

_QUANTISE, _DEQUANTISE = 2, 1


@formula("QuantizeWithOrder", "DequantizeWithOrder", domain=MICROSOFT, weights=())
def with_order(op: Operation) -> Work:
    """A quotient and a rounding per element, or a product."""
    return Work(flop=(_QUANTISE if op.node.op_type.startswith("Q") else _DEQUANTISE) * op.input_elements(0))


@formula("QOrderedMatMul", domain=MICROSOFT, weights=(0, 2, 5, 6))
def qordered_matmul(op: Operation) -> Work:
    """MatMul of inputs 0 and 2, each output rescaled; + 1 with a bias (5), + 2 with beta·C (6)."""
    outputs = op.output_elements()
    macs = outputs * dot_length(op.input_shape(0), op.input_shape(2))
    return Work(macs=macs, flop=2 * macs + outputs * (_QUANTISE + op.has_input(5) + 2 * op.has_input(6)))


@formula("QOrderedGelu", domain=MICROSOFT, weights=())
def qordered_gelu(op: Operation) -> Work:
    """Gelu between dequantising and quantising."""
    elements = op.input_elements(0)
    return Work(flop=(_DEQUANTISE + GELU[0] + _QUANTISE) * elements, transcendentals=GELU[1] * elements)


@formula("QOrderedLayerNormalization", domain=MICROSOFT, weights=(2, 3))
def qordered_layer_normalization(op: Operation) -> Work:
    """LayerNormalization between dequantising and quantising."""
    return Work(flop=(_DEQUANTISE + LAYER_NORM + _QUANTISE) * op.input_elements(0))
