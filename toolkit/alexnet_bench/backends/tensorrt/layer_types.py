"""The type that a layer of an engine computes in: from its tensors, the name of its kernel, and the graph's types."""

from __future__ import annotations

import re
from collections.abc import Sequence

from alexnet_bench.backends.tensorrt.graph_types import GraphTypes
from alexnet_bench.backends.tensorrt.plan_tensors import PlanLayer, PlanTensor

_PRODUCT_KINDS = re.compile("corr|conv|gemm|matrix|matmul|mha|attention|^fc$", re.IGNORECASE)
_PRODUCT_NAMES = re.compile("__myl_[A-Za-z]*(Corr|Conv|Fc|Gemm|Dot|Matm|Mha)|_gemm_")
"""Names that TensorRT's compiler gives to fused layers list what they compute: `__myl_CorrAddRelu_myl0_12`; attention
alone is `_gemm_mha_v2_myl0_5`."""
_WRITTEN_OUT = re.compile("__myl_[A-Za-z]*MulSum")
"""A small product as multiplications and a sum; so are the squares of a norm."""
_STEPS = re.compile("__myl_((?:[A-Z][a-z]*)+)_")
_STEP = re.compile("[A-Z][a-z]*")
_QUANTISES = re.compile("RounCast(Cast)?(?![a-z])")
_CAST, _AND_SO_ON = "Cast", "Etc"
_FLOATS = ("float64", "float32", "float16", "bfloat16", "float8e4m3fn", "float4e2m1")
_BYTES = ("int8", "uint8")


def compute_dtype(layer: PlanLayer, nodes: Sequence[str] = (), types: GraphTypes | None = None) -> str:
    """The type of a layer's arithmetic, "" for none, and where it is not known.

    Weights say it, unless either they or what is read are bytes. A cast may be fused into a product: it then reads
    float32 and holds its weights in 16 bits, or the other way round. Weights of bytes beside floats are only stored so.
    An int8 product reads bytes, and may write floats.

    Without weights, a kernel without casts computes in what it reads. One with casts may compute in either type: it
    follows the graph where it has the graph's casts. Where these were taken out, so were the types between them.

    Args:
        layer: as TensorRT describes it.
        nodes: of the graph that it stands for.
        types: of that graph; None where it is not known.
    """
    reads = [tensor.dtype for tensor in layer.inputs if tensor.dtype in (*_FLOATS, *_BYTES)]
    weights = _largest(layer.constants) if types is None or _may_hold_weights(types, nodes) else ""
    if weights in reads or (weights in _FLOATS and not set(reads).intersection(_BYTES)):
        return weights
    edges = reads or [tensor.dtype for tensor in layer.outputs if tensor.dtype in _FLOATS]
    if not edges or edges[0] in _BYTES:
        return next(iter(edges), "")
    floats = set(edges).difference(_BYTES)
    same = floats.pop() if len(floats) == 1 else ""
    return _of_floats(layer, nodes, types, reads=set(reads).difference(_BYTES), same=same)


def has_product_kernel(layer: PlanLayer) -> bool:
    """Whether a layer is a convolution or a product of matrices, alone or fused with others."""
    return bool(_PRODUCT_KINDS.search(layer.kind) or _PRODUCT_NAMES.match(layer.name))


def multiplies(layer: PlanLayer, nodes: Sequence[str] = (), types: GraphTypes | None = None) -> bool:
    """The same, or one that is written out, unless it is known to stand for no product."""
    is_other = types is not None and types.are_no_products(nodes)
    return has_product_kernel(layer) or (bool(_WRITTEN_OUT.match(layer.name)) and not is_other)


def _of_floats(layer: PlanLayer, nodes: Sequence[str], types: GraphTypes | None, *, reads: set[str], same: str) -> str:
    """The type of one without weights that reads floats.

    Args:
        layer: as TensorRT describes it.
        nodes: that it stands for.
        types: of the graph.
        reads: the types that it reads.
        same: that of all that it reads, or writes if it reads nothing; "" where there are several.
    """
    casts = _casts_of(layer)
    meant = types.computed(nodes) if types is not None and types.explain(nodes, reads) else ""
    if types is None or not meant:
        return "" if casts else same
    written, around = types.count_casts(nodes)
    if not (written if casts is None else casts):
        return same or (meant if meant in reads else "")
    if casts is None or written <= casts <= written + around:
        return meant
    if casts < written:  # which of them were taken out is not told
        return same if same == meant else ""
    return meant if types.work_beside_products(nodes) else ""


def _casts_of(layer: PlanLayer) -> int | None:
    """How many casts between floats a kernel has, None where that is not told. What is rounded is cast to bytes."""
    listed = _STEPS.match(layer.name)
    if listed is None:
        return 0 if has_product_kernel(layer) else None
    steps = _STEP.findall(_QUANTISES.sub("", listed[1]))
    return None if _AND_SO_ON in steps else steps.count(_CAST)


def _may_hold_weights(types: GraphTypes, nodes: Sequence[str]) -> bool:
    """Whether the constants of a layer may be those of a product."""
    is_known = bool(types.computed(nodes))
    return not is_known or not types.weighted.isdisjoint(nodes)


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
