"""Operators that round numbers to few bits, or work on such: a graph that has one is quantised."""

from __future__ import annotations

from alexnet_bench.core.graph import Node
from alexnet_bench.graph.formulas.registry import MICROSOFT

_INTERNAL = "com.ms.internal.nhwc"
_TENSORRT = "trt"
"""The domain of operators that TensorRT's parser knows and ONNX does not; NVIDIA's quantiser writes them."""

_OPERATORS: dict[str, tuple[str, ...]] = {
    "": (
        *("ConvInteger", "DequantizeLinear", "DynamicQuantizeLinear", "MatMulInteger", "QLinearConv", "QLinearMatMul"),
        "QuantizeLinear",
    ),
    MICROSOFT: (
        *("DequantizeBFP", "DequantizeLinear", "DequantizeWithOrder", "DynamicQuantizeLSTM", "DynamicQuantizeMatMul"),
        *("GatherBlockQuantized", "MatMulBlockQuantizedFp4Weight", "MatMulBlockQuantizedFp8Weight", "MatMulBnb4"),
        *("MatMulFpQ4", "MatMulInteger16", "MatMulIntegerToFloat", "MatMulNBits", "MatMulNBitsMlp", "MatMulNBitsQkv"),
        *("MulInteger", "QAttention", "QEmbedLayerNormalization", "QGemm", "QLinearAdd", "QLinearAveragePool"),
        *("QLinearConcat", "QLinearConv", "QLinearGlobalAveragePool", "QLinearLeakyRelu", "QLinearMul"),
        *("QLinearReduceMean", "QLinearSigmoid", "QLinearSoftmax", "QLinearWhere", "QMoE", "QOrderedAttention"),
        *("QOrderedGelu", "QOrderedLayerNormalization", "QOrderedLongformerAttention", "QOrderedMatMul"),
        *("QuantizeBFP", "QuantizeLinear", "QuantizeWithOrder", "ReduceSumInteger"),
    ),
    _INTERNAL: ("QLinearAveragePool", "QLinearConv", "QLinearConvTranspose"),
    _TENSORRT: (
        *("TRT_FP4DynamicQuantize", "TRT_FP8DequantizeLinear", "TRT_FP8QuantizeLinear", "TRT_INT4DequantizeLinear"),
        *("TRT_INT4QuantizeLinear", "TRT_MXFP8DequantizeLinear", "TRT_MXFP8DynamicQuantize", "TRT_MXFP8QuantizeLinear"),
    ),
}
QUANTISED = frozenset((domain, op_type) for domain, names in _OPERATORS.items() for op_type in names)
"""By domain and operator. Those whose weights alone are quantised are among them: a runtime may multiply bytes there,
and the weights are rounded in any case."""


def works_on_quantised(node: Node) -> bool:
    """Whether a node makes or reads numbers that were rounded to few bits."""
    return (node.domain, node.op_type) in QUANTISED
