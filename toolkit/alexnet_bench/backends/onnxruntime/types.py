"""The types that ONNX Runtime's kernels compute in: the trace has those that they read and write."""

from __future__ import annotations

import platform
from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from alexnet_bench.backends.onnxruntime.trace import Args
from alexnet_bench.core.engine_layers import EngineLayer
from alexnet_bench.graph.convert import dtype_name

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

_PRODUCTS_OF_BYTES = frozenset({"DynamicQuantizeLSTM", "DynamicQuantizeMatMul", "MatMulIntegerToFloat", "QAttention"})
"""Operators that read or make floats and multiply bytes; others compute in the type of their first input."""
_DEQUANTISATIONS = frozenset({"DequantizeLinear", "GatherBlockQuantized"})
"""Operators that read what is quantised and compute in the floats that they make of it."""
_PRODUCTS = frozenset(
    {
        *("Conv", "FusedConv", "ConvTranspose", "DeformConv", "MatMul", "FusedMatMul", "TransposeMatMul", "Gemm"),
        *("Einsum", "LSTM", "GRU", "RNN", "Attention", "DecoderAttention", "DecoderMaskedMultiHeadAttention"),
        *("DecoderMaskedSelfAttention", "GatedRelativePositionBias", "GemmFastGelu", "LongformerAttention"),
        *("MatMulBnb4", "MatMulNBits", "MultiHeadAttention", "PackedAttention", "PackedMultiHeadAttention"),
    }
)
"""Operators whose kernels of the CUDA provider leave products of float32 to cuBLAS, cuDNN or CUTLASS."""
_WIDENED = frozenset({"GroupQueryAttention", "MatMulNBits"})
"""Operators whose kernels of the CPU provider widen float16 to float32 and round the result, but on ARM
(matmul_nbits.cc, gqa_attention_base.h). For most others it casts instead, with kernels of their own."""
_ARM = ("aarch64", "arm")
_CPU = "CPUExecutionProvider"
_INT8_LEVEL = 4
"""The accuracy_level of MatMulNBits from which on its A may be rounded to 8 bits; 0, unset, is A's own type, and so in
effect are 1 to 3 on the CPU. Compared with float64 the error is 2e-7 up to 3, and 5e-3 with 4 (onnxruntime 1.31)."""
_BLOCKS_OF_2_BITS = range(32, 129)
"""Block sizes for which it has products of bytes with weights of 2 bits; with 4 and 8 bits it has them for all."""
_WEIGHTS, _ZERO_POINTS, _GROUPS = 1, 3, 4


def with_types(
    layer: EngineLayer, shown: Args, multiplying_bytes: Container[str], weights: Iterable[str] = ()
) -> EngineLayer:
    """A layer with the types that its kernel reads, writes and computes in.

    Args:
        layer: without them.
        shown: what the trace says of the kernel.
        multiplying_bytes: as the function of that name gives it.
        weights: types of the weights that it reads, of which the trace lacks those that were packed while loading.
    """
    inputs, outputs = shown.input_dtypes, shown.output_dtypes
    first = (*outputs[:1], *inputs[:1]) if layer.op in _DEQUANTISATIONS else (*inputs[:1], *outputs[:1])
    types = [name for name in first if name.startswith(("float", "bfloat", "int8", "uint8"))]
    dtype = types[0] if types else ""
    if layer.op in _PRODUCTS_OF_BYTES or (shown.provider == _CPU and layer.name in multiplying_bytes):
        dtype = "int8"
    elif dtype == "float16" and shown.provider == _CPU and layer.op in _WIDENED and not _is_arm():
        dtype = "float32"
    return replace(
        layer,
        compute_dtype=dtype,
        input_dtypes=tuple(dict.fromkeys((*inputs, *weights))),
        output_dtypes=tuple(dict.fromkeys(outputs)),
        tells_types=bool(inputs or outputs),
    )


def _is_arm() -> bool:
    return platform.machine().lower().startswith(_ARM)


def rounded_to_tf32(layer: EngineLayer) -> EngineLayer:
    """A layer of the CUDA provider, where that may round the factors of float32 products."""
    rounds = layer.op in _PRODUCTS and layer.compute_dtype == "float32"
    return replace(layer, compute_dtype="tf32") if rounds else layer


def weights_read(executed: ModelProto) -> dict[str, list[str]]:
    """The types of the weights that each node reads, by the node's name."""
    stored = _stored(executed)
    return {
        node.name: [dtype_name(stored[name]) for name in node.input if name in stored] for node in executed.graph.node
    }


def multiplying_bytes(executed: ModelProto) -> frozenset[str]:
    """Names of the nodes that round a float input to bytes where the CPU provider runs them, as they were allowed to.

    Whether this processor has the instructions is not known; without them the provider computes in float32.
    """
    import onnx

    bytes_stored = {name for name, dtype in _stored(executed).items() if dtype == onnx.TensorProto.UINT8}
    return frozenset(node.name for node in executed.graph.node if _multiplies_bytes(node, bytes_stored))


def _stored(executed: ModelProto) -> Mapping[str, int]:
    return {item.name: item.data_type for item in executed.graph.initializer}


def _multiplies_bytes(node: NodeProto, bytes_stored: Container[str]) -> bool:
    """Whether it is a MatMulNBits that the CPU provider computes in bytes.

    That takes weights packed when the model is loaded, zero points in bytes or none, and no order of groups.
    """
    if node.op_type != "MatMulNBits":
        return False
    settings = {item.name: item.i for item in node.attribute}
    inputs = [*node.input, "", "", ""]
    return (
        settings.get("accuracy_level") == _INT8_LEVEL
        and inputs[_WEIGHTS] in bytes_stored
        and (not inputs[_ZERO_POINTS] or inputs[_ZERO_POINTS] in bytes_stored)
        and not inputs[_GROUPS]
        and (settings.get("bits", 4) > 2 or settings.get("block_size", 0) in _BLOCKS_OF_2_BITS)
    )
