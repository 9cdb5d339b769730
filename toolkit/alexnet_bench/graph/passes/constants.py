"""What no input can change, computed once: constants folded, copies under another name taken out."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from alexnet_bench.graph.contrib.splits import is_at_odds
from alexnet_bench.graph.convert import tensor_from_initialiser
from alexnet_bench.graph.passes.draft import Draft
from alexnet_bench.graph.passes.inferred import Types
from alexnet_bench.graph.passes.reads import OF_SHAPES, SMALL, captured, elements, malformed_left_alone
from alexnet_bench.graph.passes.result import Feeds, PassResult
from alexnet_bench.graph.reference import run_node
from alexnet_bench.graph.walk import subgraphs

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

    from alexnet_bench.graph.passes.evaluate import Evaluator

    Array = np.ndarray[Any, Any]

_EVALUATED = frozenset({
    "Abs", "Add", "And", "Cast", "Ceil", "Clip", "Concat", "Constant", "ConstantOfShape", "Div", "Equal", "Erf", "Exp",
    "Expand", "Flatten", "Floor", "Gather", "Greater", "GreaterOrEqual", "Identity", "Less", "LessOrEqual", "Log",
    "MatMul", "Max", "Min", "Mod", "Mul", "Neg", "Not", "Or", "Pow", "Range", "Reciprocal", "ReduceMax", "ReduceMean",
    "ReduceMin", "ReduceProd", "ReduceSum", "Reshape", "Round", "ScatterND", "Shape", "Sigmoid", "Sign", "Size",
    "Slice", "Split", "Sqrt", "Squeeze", "Sub", "Tanh", "Tile", "Transpose", "Unsqueeze", "Where",
})  # fmt: skip
"""Deterministic operators. The quantising ones are left out: folding a DequantizeLinear makes an int8 weight float."""
_GROWING = ("ConstantOfShape", "Expand", "Range", "Tile", "Where")
"""A few numbers can ask these for any amount of memory."""


def fold_constants(model: ModelProto, *, feeds: Feeds = (), evaluator: Evaluator | None = None) -> PassResult:
    """Nodes that depend on constants alone become initialisers, and Identity nodes go.

    Shape and Size count as constants where every dimension is a number. Results of more bytes than what goes with
    their nodes are folded up to a thousand elements, so that a file does not grow. Values come from onnx.reference.
    Nodes with graphs inside, and nodes in them, are left alone.
    """
    del feeds, evaluator
    draft = Draft(model)
    while _fold_once(draft):
        pass  # sizes that follow from what was folded make more of them constants
    return draft.finished()


def _fold_once(draft: Draft) -> bool:
    """Folds what can be seen to be constant by types that are inferred once, if at all; whether anything was."""
    before = len(draft.changes)
    types: Types | None = None
    for node in draft.nodes:
        with malformed_left_alone:
            if node.op_type == "Identity" and not node.domain and _bypass(draft, node):
                continue
            if draft.is_live(node) and _is_candidate(draft, node):
                types = types or draft.types()
                if _is_foldable(draft, node, types):
                    _fold(draft, node, types)
    return len(draft.changes) > before


def _is_candidate(draft: Draft, node: NodeProto) -> bool:
    """Whether a node makes the same each time, its sizes permitting."""
    if node.domain or node.op_type not in _EVALUATED or subgraphs(node) or is_at_odds(node):
        return False
    if any(name in draft.outputs for name in node.output):
        return False
    return node.op_type in OF_SHAPES or all(name in draft.constants for name in node.input if name)


def _is_foldable(draft: Draft, node: NodeProto, types: Types) -> bool:
    if node.op_type in OF_SHAPES:
        return types.sizes(node.input[0]) is not None
    return _is_small(draft, types, node)


def _is_small(draft: Draft, types: Types, node: NodeProto) -> bool:
    """Whether what a node makes has no more bytes than what goes with it, or at most a thousand elements."""
    read = Counter(name for name in node.input if name)
    made = [types.tensor(name) for name in node.output if name]
    if node.op_type == "Constant":
        return True
    if any(tensor.elements is None for tensor in made):
        return sum(elements(draft.constants[name]) for name in read) <= SMALL and node.op_type not in _GROWING
    if sum(tensor.elements or 0 for tensor in made) <= SMALL:
        return True
    gone = [tensor_from_initialiser(draft.constants[name]) for name, n in read.items() if draft.wiring.uses(name) == n]
    bytes_made = [tensor.size_bytes for tensor in made]
    return None not in bytes_made and sum(filter(None, bytes_made)) <= sum(item.size_bytes or 0 for item in gone)


def _fold(draft: Draft, node: NodeProto, types: Types) -> None:
    made = _evaluated(draft, node, types)
    if made is None or len(made) != len(node.output):
        return
    from onnx import numpy_helper

    constants = [
        numpy_helper.from_array(np.asarray(value, order="C"), node.output[at]) for at, value in enumerate(made)
    ]
    for position, constant in enumerate(constants):
        if constant.name:  # it takes over the tensor's name, so that graphs inside other nodes still find it
            draft.wiring.rename_output(node, position, draft.fresh(f"{constant.name}/folded"))
            draft.set_constant(constant)
    gone = draft.drop(node)
    draft.changes.append(f"{node.name}: {node.op_type} of constants folded; removed {', '.join(gone)}")


def _evaluated(draft: Draft, node: NodeProto, types: Types) -> list[Array] | None:
    feeds = {name: value for name in node.input if name and (value := draft.value(name)) is not None}
    if node.op_type in OF_SHAPES:
        # Only the sizes are looked at: an array that takes no memory, however large it claims to be.
        feeds = {node.input[0]: np.broadcast_to(np.int8(0), types.sizes(node.input[0]) or ())}
    opsets = {item.domain: item.version for item in draft.model.opset_import}
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return run_node(node, feeds, opsets)
    except Exception:  # noqa: BLE001 - the reference raises whatever numpy raises; the node then stays
        return None


def _bypass(draft: Draft, node: NodeProto) -> bool:
    """Lets the readers of an Identity read its input; one that graphs inside nodes read, or an output, stays."""
    source, copy = node.input[0], node.output[0]
    readers = draft.wiring.readers(copy)
    if copy in draft.outputs or any(copy in captured(reader) for reader in readers):
        return False
    for reader in readers:
        for position, name in enumerate(reader.input):
            if name == copy:
                draft.wiring.rename_input(reader, position, source)
    gone = draft.drop(node)
    draft.changes.append(f"{node.name}: Identity taken out; removed {', '.join(gone)}")
    return True
