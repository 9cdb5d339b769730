"""Operators whose output is as large as an input, or as inputs that broadcast."""

from __future__ import annotations

from alexnet_bench.graph.contrib.node import BOOL, INT8, INT32, RULED, UINT8, UINT32, Node, rule
from alexnet_bench.graph.contrib.sizes import broadcast, over


@rule(
    "BiasAdd", "BiasGelu", "BiasSoftmax", "BranchwiseRMSNorm", "FastGelu",
    "GatedAdd", "GatedRMSNorm", "Gelu", "GroupNorm", "HyperConnectionPostMix", "Inverse", "MRotaryEmbedding", "MoE",
    "QLinearLeakyRelu", "QLinearSigmoid", "QLinearSoftmax", "QMoE", "QOrderedGelu", "QOrderedLayerNormalization",
    "QuickGelu", "RotaryEmbedding", "SampleOp", "ScaledSiLU", "Trilu",
)  # fmt: skip
@rule("ThresholdedRelu", domain="")  # of ONNX since opset 10, of ONNX Runtime before
@rule("MemcpyFromHost", "MemcpyToHost", domain="")  # what ONNX Runtime saves for a device has
def same(node: Node) -> None:
    """As the first input."""
    node.make(0, node.dtype(0), node.dims(0))


@rule("ComplexMul", "ComplexMulConj")
def complex_product(node: Node) -> None:
    """Both inputs broadcast; the last axis holds real and imaginary part."""
    node.make(0, node.dtype(0), broadcast(node.dims(0), node.dims(1)))


@rule("MulInteger")
def mul_integer(node: Node) -> None:
    """Inputs 0 and 2 broadcast, as 32-bit integers."""
    node.make(0, INT32, broadcast(node.dims(0), node.dims(2)))


@rule("RegexFullMatch", domain=RULED[""])
def matches(node: Node) -> None:
    """A truth value for each text; see `tabular` for why ONNX is not asked."""
    node.make_like(0, 0, BOOL)


@rule("BiasDropout")
def bias_dropout(node: Node) -> None:
    """As the first input, and a mask of as many truth values."""
    node.make(0, node.dtype(0), node.dims(0))
    node.make(1, BOOL, node.dims(0))


@rule("BitmaskDropout", "BitmaskBiasDropout")
def bitmask_dropout(node: Node) -> None:
    """As the first input, and a mask with one bit per element in words of 32."""
    dims = node.dims(0)
    node.make(0, node.dtype(0), dims)
    elements: int | None = 1
    for size in dims or []:
        elements = None if elements is None or size is None else elements * size
    node.make(1, UINT32, None if dims is None else [None if elements is None else (elements + 31) // 32])


@rule("BiasSplitGelu")
def bias_split_gelu(node: Node) -> None:
    """Half as wide as the input."""
    dims = node.dims(0)
    node.make(0, node.dtype(0), [*dims[:-1], over(dims[-1], 2)] if dims else None)


@rule("QuantizeLinear")
def quantize(node: Node) -> None:
    """The shape of x in the type of the zero point."""
    node.make(0, node.dtype(2) if node.has(2) else UINT8, node.dims(0))


@rule("DequantizeLinear")
def dequantize(node: Node) -> None:
    """The shape of x in the type of the scale."""
    node.make(0, node.dtype(1), node.dims(0))


@rule("QuantizeWithOrder")
def quantize_with_order(node: Node) -> None:
    """The shape of the input as int8."""
    node.make(0, INT8, node.dims(0))


@rule("DequantizeWithOrder")
def dequantize_with_order(node: Node) -> None:
    """The shape of the input in the type that the attribute `to` names."""
    node.make(0, node.integer("to", 1), node.dims(0))


@rule("QLinearAdd", "QLinearMul")
def qlinear_binary(node: Node) -> None:
    """Inputs 0 and 3 broadcast."""
    node.make(0, node.dtype(0), broadcast(node.dims(0), node.dims(3)))


@rule("QLinearWhere")
def qlinear_where(node: Node) -> None:
    """The condition and inputs 1 and 4 broadcast."""
    node.make(0, node.dtype(1), broadcast(node.dims(0), broadcast(node.dims(1), node.dims(4))))


@rule("IsAllFinite")
def is_all_finite(node: Node) -> None:
    """One truth value."""
    node.make(0, BOOL, [])


@rule("MurmurHash3")
def murmur_hash(node: Node) -> None:
    """One 32-bit number for each element."""
    node.make(0, UINT32 if node.integer("positive", 1) else INT32, node.dims(0))
