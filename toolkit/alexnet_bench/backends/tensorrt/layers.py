"""What the layers of an engine compute in, and which of the nodes behind them they multiply for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from alexnet_bench.backends.tensorrt.layer_nodes import is_nobodys, known_names, nodes_of
from alexnet_bench.backends.tensorrt.plan_tensors import PlanLayer, PlanTensor
from alexnet_bench.core.engine_layers import EngineLayer, NamedLayer
from alexnet_bench.core.graph import Graph

_PRODUCT_KINDS = re.compile("corr|conv|gemm|matrix|matmul|mha|attention|^fc$", re.IGNORECASE)
_PRODUCT_NAMES = re.compile("__myl_[A-Za-z]*(Corr|Conv|Fc|Gemm|Dot|Matm|Mha)")
"""Names that TensorRT's compiler gives to fused layers list what they compute: `__myl_CorrAddRelu_myl0_12`."""
_WRITTEN_OUT = re.compile("__myl_[A-Za-z]*MulSum")
"""A small product as multiplications and a sum, of the types of the graph whatever was allowed."""
_FLOATS = ("float64", "float32", "float16", "bfloat16", "float8e4m3fn", "float4e2m1")
_BYTES = ("int8", "uint8")


def named_layers(layers: Sequence[PlanLayer], *, tf32: bool, graph: Graph | None = None) -> list[NamedLayer]:
    """Layers with the nodes that TensorRT names for them.

    One that its metadata names no node for, or that only moves data, is overhead: a change of layout, or two streams
    that wait for each other. Of all others without a node it is not known what they stand for.

    Args:
        layers: as TensorRT describes them.
        tf32: whether products of float32 may round their factors.
        graph: that the engine was built from, for engines without metadata, and nodes without names; None where all
            layers have the one, and all nodes the other.
    """
    known = known_names(graph)
    return [_named(layer, known, tf32=tf32) for layer in layers]


def compute_dtype(layer: PlanLayer) -> str:
    """The type of a layer's arithmetic: that of its weights, unless either they or what it reads are bytes.

    A cast may be fused into a product: it then reads float32 and holds its weights in 16 bits, or the other way round.
    Weights of bytes beside floats are only stored so. An int8 product reads bytes, and may write floats. "" for no
    arithmetic.
    """
    reads = [tensor.dtype for tensor in layer.inputs if tensor.dtype in (*_FLOATS, *_BYTES)]
    weights = _largest(layer.constants)
    if weights in reads or (weights in _FLOATS and not set(reads).intersection(_BYTES)):
        return weights
    written = [tensor.dtype for tensor in layer.outputs if tensor.dtype in _FLOATS]
    return next(iter([*reads, *written]), "")


def multiplies(layer: PlanLayer) -> bool:
    """Whether a layer is a convolution or a product of matrices, alone or fused with others."""
    return _has_kernel(layer) or bool(_WRITTEN_OUT.match(layer.name))


def _has_kernel(layer: PlanLayer) -> bool:
    return bool(_PRODUCT_KINDS.search(layer.kind) or _PRODUCT_NAMES.match(layer.name))


def _named(layer: PlanLayer, known: Mapping[str, str], *, tf32: bool) -> NamedLayer:
    dtype, nodes = compute_dtype(layer), nodes_of(layer, known)
    return NamedLayer(
        EngineLayer(
            name=layer.name,
            op=layer.kind,
            reads=(),
            makes=(),
            is_overhead=not nodes and is_nobodys(layer),
            is_unmatched=not nodes and not is_nobodys(layer),
            compute_dtype="tf32" if tf32 and _has_kernel(layer) and dtype == "float32" else dtype,
            input_dtypes=_unique(layer.inputs),
            output_dtypes=_unique(layer.outputs),
            tactic=layer.tactic,
            output_shapes=layer.told_shapes,
        ),
        nodes,
        multiplies=multiplies(layer),
        is_by_name=bool(nodes) and layer.nodes is None,
    )


def _largest(constants: Sequence[PlanTensor]) -> str:
    """The type of the weights, "" without any; single numbers, and one number for each channel, are none."""
    weights = [
        tensor
        for tensor in constants
        if tensor.elements > 1 and tensor.dtype in (*_FLOATS, *_BYTES) and not _is_by_channel(tensor)
    ]
    return max(weights, key=lambda tensor: tensor.elements).dtype if weights else ""


def _is_by_channel(tensor: PlanTensor) -> bool:
    sizes = tensor.sizes or ()
    return len(sizes) > 1 and sum(size != 1 for size in sizes) == 1


def _unique(tensors: Sequence[PlanTensor]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tensor.dtype for tensor in tensors))
