"""Products of matrices in the form that CPUs run faster: measured in docs/passes.md."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from alexnet_bench.graph.passes.draft import Draft
from alexnet_bench.graph.passes.inferred import Types
from alexnet_bench.graph.passes.reads import malformed_left_alone
from alexnet_bench.graph.passes.result import Feeds, PassResult

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

    from alexnet_bench.graph.passes.evaluate import Evaluator

_FIRST_OPSET = 7
"""Before it, Gemm broadcast by an attribute."""
_BIAS_IS_OPTIONAL = 11
"""From this opset on Gemm needs no third input."""
_AXES_ARE_INPUTS = 13
"""From this opset on Squeeze and Unsqueeze take their axes as an input."""
_NEGATIVE_AXES = 11
"""From this opset on the axes of Squeeze and Unsqueeze may count from the end."""


def gemm_forms(model: ModelProto, *, feeds: Feeds = (), evaluator: Evaluator | None = None) -> PassResult:
    """Convolutions over the whole of their input as Gemm, and weights times a batch of columns as rows times weights.

    A convolution whose kernel is as large as its input is a fully connected layer. `W @ x`, where x is a batch of
    single columns, is a product for each of them; `x^T @ W^T` is one for all.
    """
    del feeds, evaluator
    draft = Draft(model)
    types = draft.types() if draft.opset >= _FIRST_OPSET else Types({})
    for node in list(draft.nodes):
        if node.domain or not draft.is_live(node):
            continue
        with malformed_left_alone:
            if node.op_type == "Conv" and _covers_its_input(types, node):
                _as_gemm(draft, node)
            elif node.op_type == "MatMul" and _is_weight_times_columns(draft, types, node):
                _as_rows(draft, node)
    return draft.finished()


def _covers_its_input(types: Types, node: NodeProto) -> bool:
    sizes = types.sizes_behind_first(node.input[0])
    if sizes is None or types.sizes_behind_first(node.input[1]) != sizes or prod(sizes[1:]) == 1:
        return False
    settings = {item.name: item for item in node.attribute}
    pads = tuple(settings["pads"].ints) if "pads" in settings else ()
    dilations = tuple(settings["dilations"].ints) if "dilations" in settings else ()
    auto_pad = settings["auto_pad"].s if "auto_pad" in settings else b"NOTSET"
    return not any(pads) and set(dilations) <= {1} and auto_pad in (b"NOTSET", b"VALID")


def _as_gemm(draft: Draft, node: NodeProto) -> None:
    """Flatten, Gemm, and the activation if there is one, then the axes of space again."""
    from onnx import helper

    weights = draft.value(node.input[1])
    if weights is None:
        return
    outputs = weights.shape[0]
    matrix = draft.add_constant(f"{node.name}/matrix", weights.reshape(outputs, -1))
    shape = draft.add_constant(f"{node.name}/shape", np.array([0, outputs, *[1] * (weights.ndim - 2)], np.int64))
    flat, summed = draft.fresh(f"{node.name}/flat"), draft.fresh(f"{node.name}/product")
    bias = [name for name in node.input[2:] if name]
    if not bias and draft.opset < _BIAS_IS_OPTIONAL:
        bias = [draft.add_constant(f"{node.name}/bias", np.zeros(outputs, weights.dtype))]
    made = [
        helper.make_node("Flatten", [node.input[0]], [flat], flat, axis=1),
        helper.make_node("Gemm", [flat, matrix, *bias], [summed], summed, transB=1),
    ]
    replaced, last = [node], summed
    readers = draft.wiring.readers(node.output[0])
    if len(readers) == 1 and readers[0].op_type == "Relu" and draft.wiring.uses(node.output[0]) == 1:
        last = draft.fresh(f"{node.name}/relu")
        made.append(helper.make_node("Relu", [summed], [last], last))
        replaced.append(readers[0])
    end = draft.fresh(f"{node.name}/spread")
    made.append(helper.make_node("Reshape", [last, shape], [replaced[-1].output[0]], end))
    draft.replace(replaced, made)
    draft.changes.append(
        f"{node.name}: convolution over its whole input as Gemm, {outputs} x {prod(weights.shape[1:])}"
    )


def _is_weight_times_columns(draft: Draft, types: Types, node: NodeProto) -> bool:
    sizes, shape = types.sizes(node.input[0]), types.shape(node.input[1])
    if sizes is None or len(sizes) != 2 or draft.opset < _NEGATIVE_AXES:
        return False
    return shape is not None and len(shape) >= 3 and shape[-1] == 1 and min(sizes) > 1


def _as_rows(draft: Draft, node: NodeProto) -> None:
    from onnx import helper

    weights = draft.value(node.input[0])
    if weights is None:
        return
    transposed = draft.add_constant(f"{node.name}/transposed", weights.T)
    row, made = draft.fresh(f"{node.name}/row"), draft.fresh(f"{node.name}/product")
    nodes = [
        _with_last_axis(draft, "Squeeze", node.input[1], row, row),
        helper.make_node("MatMul", [row, transposed], [made], made),
        _with_last_axis(draft, "Unsqueeze", made, node.output[0], draft.fresh(f"{node.name}/column")),
    ]
    draft.replace([node], nodes)
    draft.changes.append(f"{node.name}: weights times single columns as rows times weights {weights.T.shape}")


def _with_last_axis(draft: Draft, operator: str, source: str, target: str, name: str) -> NodeProto:
    from onnx import helper

    if draft.opset < _AXES_ARE_INPUTS:
        return helper.make_node(operator, [source], [target], name, axes=[-1])
    axes: np.ndarray[Any, Any] = np.array([-1], np.int64)
    return helper.make_node(operator, [source, draft.add_constant(f"{name}.axes", axes)], [target], name)
