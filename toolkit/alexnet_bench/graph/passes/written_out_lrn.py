"""LRN as torch's exporters write it: x / (k + alpha * mean of x^2 over a window of channels)^beta.

The mean is an average pool over a view with the channels as an axis of space, padded by hand. The tracing exporter also
computes the sizes of that view in the graph, and asks with an If whether to squeeze.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from alexnet_bench.graph.passes.algebra import made_by, number, plus, product
from alexnet_bench.graph.passes.draft import Draft
from alexnet_bench.graph.passes.evaluate import region_values
from alexnet_bench.graph.passes.inferred import Types
from alexnet_bench.graph.passes.reads import reads

if TYPE_CHECKING:
    from onnx import NodeProto

    from alexnet_bench.graph.passes.evaluate import Evaluator

_VIEWS = ("Reshape", "Squeeze", "Unsqueeze", "Identity")
_TOLERANCE = 1e-5
_SIZE_OF_OPEN_AXES = 3
_MOST_ELEMENTS = 1 << 27
"""Of x, on which both are computed: half a gigabyte."""


def find(draft: Draft, node: NodeProto, *, types: Types, evaluator: Evaluator) -> NodeProto | None:
    """LRN that makes what `node`, the division, makes; proved on random numbers."""
    from onnx import helper

    if node.op_type != "Div" or node.domain:
        return None
    x, power = node.input
    settings = _settings(draft, x, power)
    shape = types.shape(x)
    if settings is None or shape is None or len(shape) < 3:
        return None
    made = helper.make_node("LRN", [x], [node.output[0]], draft.fresh(f"{node.name}/lrn"), **settings)
    return made if _is_equal(draft, node, made, shape, evaluator) else None


def _settings(draft: Draft, x: str, power: str) -> dict[str, Any] | None:
    raised = made_by(draft, power, "Pow")
    beta = number(draft, raised.input[1]) if raised is not None else None
    shifted = plus(draft, raised.input[0]) if raised is not None else None
    if beta is None or shifted is None:
        return None
    scaled = product(draft, shifted[1])
    pool = _pool_behind_views(draft, scaled.tensors[0]) if len(scaled.tensors) == 1 else None
    if pool is None or scaled.scale <= 0 or not _comes_from_square(draft, pool.input[0], x):
        return None
    size = next((next(iter(item.ints), 0) for item in pool.attribute if item.name == "kernel_shape"), 0)
    return {"size": size, "alpha": scaled.scale, "beta": beta, "bias": shifted[0]}


def _pool_behind_views(draft: Draft, tensor: str) -> NodeProto | None:
    """The AveragePool of which a tensor is a view; an If counts as one, and is looked into by value."""
    node = made_by(draft, tensor, *_VIEWS, "If", "AveragePool")
    while node is not None and node.op_type != "AveragePool":
        source = node.input[0] if node.op_type != "If" else _captured_pool(draft, node)
        node = made_by(draft, source, *_VIEWS, "If", "AveragePool")
    return node


def _captured_pool(draft: Draft, node: NodeProto) -> str:
    return next((name for name in list(reads(node))[1:] if made_by(draft, name, "AveragePool")), "")


def _comes_from_square(draft: Draft, tensor: str, x: str) -> bool:
    """Whether a tensor is x^2, padded and viewed otherwise."""
    while node := made_by(draft, tensor, *_VIEWS, "Pad"):
        tensor = node.input[0]
    return product(draft, tensor, x).is_about(1.0, x, x)


def _is_equal(draft: Draft, last: NodeProto, made: NodeProto, shape: tuple[Any, ...], evaluator: Evaluator) -> bool:
    """Whether the nodes make what LRN would, on random numbers; open sizes get small ones."""
    sizes = [dim if isinstance(dim, int) else _SIZE_OF_OPEN_AXES for dim in shape]
    if not 0 < prod(sizes) <= _MOST_ELEMENTS:
        return False
    settings = {item.name: item for item in made.attribute}
    alpha, bias = settings["alpha"].f, settings["bias"].f
    spread = np.sqrt(max(bias, 1e-3) / alpha)  # so that the sum over the window counts as much as the bias
    x = np.random.default_rng(0).standard_normal(sizes, np.float32) * np.float32(spread)
    theirs = region_values(draft, last, {made.input[0]: x}, evaluator)
    if theirs is None or theirs.shape != x.shape:
        return False
    largest = float(np.abs(theirs).max())
    return all(  # one by one: in float64, a batch takes many times what it takes in the model
        np.abs(_computed(one, settings["size"].i, alpha, settings["beta"].f, bias) - other).max()
        <= _TOLERANCE * largest
        for one, other in zip(np.split(x, len(x)), np.split(theirs, len(x)), strict=True)
    )


def _computed(x: np.ndarray[Any, Any], size: int, alpha: float, beta: float, bias: float) -> np.ndarray[Any, Any]:
    """LRN by its definition (ONNX, LRN), in float64."""
    square = x.astype(np.float64) ** 2
    before, behind = (size - 1) // 2, size // 2
    padded = np.pad(square, [(0, 0), (before, behind), *[(0, 0)] * (x.ndim - 2)])
    total = sum(padded[:, shift : shift + x.shape[1]] for shift in range(size))
    with np.errstate(all="ignore"):  # of settings that are none the result is no number, and so no proof
        return np.asarray(x / (bias + alpha / size * total) ** beta)
