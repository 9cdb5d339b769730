"""LayerNormalization written out: (x - mean) / sqrt(mean of (x - mean)^2 + epsilon) * scale + shift."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alexnet_bench.core.graph import Dim
from alexnet_bench.graph.passes.algebra import made_by, plus, product
from alexnet_bench.graph.passes.draft import Draft
from alexnet_bench.graph.passes.inferred import Types

if TYPE_CHECKING:
    from onnx import NodeProto

_FIRST_OPSET = 17


def find(draft: Draft, node: NodeProto, *, types: Types) -> NodeProto | None:
    """LayerNormalization over the last axis, or the last axes, that makes what `node`, its addition, makes."""
    from onnx import helper

    if node.op_type != "Add" or node.domain or draft.opset < _FIRST_OPSET:
        return None
    for shift, scaled in (tuple(node.input), tuple(reversed(node.input))):
        product_node = made_by(draft, scaled, "Mul")
        if product_node is None:
            continue
        for scale, normal in (tuple(product_node.input), tuple(reversed(product_node.input))):
            found = _normalised(draft, normal)
            if found is None:
                continue
            x, epsilon, axes = found
            if not all(_fits(draft, name, types.shape(x), len(axes)) for name in (scale, shift)):
                continue
            name = draft.fresh(f"{node.name}/layer_norm")
            return helper.make_node(
                "LayerNormalization", [x, scale, shift], [node.output[0]], name, axis=-len(axes), epsilon=epsilon
            )
    return None


def _fits(draft: Draft, factor: str, shape: tuple[Dim, ...] | None, axes: int) -> bool:
    """Whether scale or shift is a constant of the normalised axes, of size 1 or that of x; others widen the result."""
    value = draft.value(factor)
    if value is None or value.ndim != axes or shape is None or len(shape) < axes:
        return False
    return all(size in (1, dim) for size, dim in zip(value.shape, shape[-axes:], strict=True))


def _normalised(draft: Draft, tensor: str) -> tuple[str, float, tuple[int, ...]] | None:
    """x, epsilon and the axes, counted from the end, of (x - mean) / deviation."""
    parts = _quotient(draft, tensor)
    if parts is None:
        return None
    centred, deviation = parts
    difference, root = made_by(draft, centred, "Sub"), made_by(draft, deviation, "Sqrt")
    mean = made_by(draft, difference.input[1], "ReduceMean") if difference is not None else None
    shifted = plus(draft, root.input[0]) if root is not None else None
    variance = made_by(draft, shifted[1], "ReduceMean") if shifted is not None else None
    if difference is None or mean is None or shifted is None or variance is None:
        return None
    x, axes = difference.input[0], _last_axes(draft, mean)
    is_variance = product(draft, variance.input[0]).is_about(1.0, centred, centred)
    if mean.input[0] != x or not is_variance or not axes or _last_axes(draft, variance) != axes:
        return None
    return x, shifted[0], axes


def _quotient(draft: Draft, tensor: str) -> tuple[str, str] | None:
    """Numerator and denominator, of a Div or of a Mul by a Reciprocal."""
    if division := made_by(draft, tensor, "Div"):
        return division.input[0], division.input[1]
    times = made_by(draft, tensor, "Mul")
    for other, inverse in (tuple(times.input), tuple(reversed(times.input))) if times else ():
        if reciprocal := made_by(draft, inverse, "Reciprocal"):
            return other, reciprocal.input[0]
    return None


def _last_axes(draft: Draft, node: NodeProto) -> tuple[int, ...]:
    """The axes of a mean that keeps its dimensions, if they are the last ones counted from the end; else none."""
    settings = {item.name: item for item in node.attribute}
    axes: tuple[int, ...] = tuple(settings["axes"].ints) if "axes" in settings else ()
    if len(node.input) > 1 and (value := draft.value(node.input[1])) is not None:
        axes = tuple(int(axis) for axis in value.ravel())
    keeps = settings["keepdims"].i if "keepdims" in settings else 1
    return tuple(sorted(axes)) if keeps and axes and sorted(axes) == list(range(-len(axes), 0)) else ()
