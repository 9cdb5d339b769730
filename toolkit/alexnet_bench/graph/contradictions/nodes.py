"""The nodes of a graph, each looked at by the check of its operator."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from alexnet_bench.core.errors import ShapeError
from alexnet_bench.core.graph import Node
from alexnet_bench.core.text import printable
from alexnet_bench.graph.contradictions import arithmetic, movement, recurrent, windows
from alexnet_bench.graph.contradictions.known import Known
from alexnet_bench.graph.formulas.inputs import Inputs, say
from alexnet_bench.graph.formulas.registry import MICROSOFT

Check = Callable[[Node, Known], str]
"""Why the inputs of a node cannot be together, "" if they can, or not enough is known."""

_HINT = (
    "give sizes by --shape or --batch that fit what the exporter fixed (Reshape, weights), or export the model again"
)
_BROADCASTING = (
    "Add Sub Mul Div Pow Mod And Or Xor Equal Greater GreaterOrEqual Less LessOrEqual BitShift BitwiseAnd BitwiseOr "
    "BitwiseXor Where Max Min Sum Mean"
)
_ONNX: dict[str, Check] = {
    **dict.fromkeys(_BROADCASTING.split(), arithmetic.broadcast),
    "MatMul": arithmetic.matmul,
    "Gemm": arithmetic.gemm,
    **dict.fromkeys(("BatchNormalization", "InstanceNormalization"), arithmetic.normalisation),
    **dict.fromkeys(("Conv", "ConvInteger"), windows.convolution),
    "QLinearConv": windows.quantised_convolution,
    "ConvTranspose": windows.transposed_convolution,
    **dict.fromkeys(("MaxPool", "AveragePool", "LpPool"), windows.pool),
    "Concat": movement.concat,
    "Reshape": movement.reshape,
    "Expand": movement.expand,
    "Gather": movement.gather,
    "Split": movement.split,
    "TopK": movement.top_k,
    **dict.fromkeys(("LSTM", "GRU", "RNN"), recurrent.recurrent),
}
_MICROSOFT: dict[str, Check] = {
    **dict.fromkeys(("FusedConv", "NhwcFusedConv", "NhwcConv"), windows.convolution),
    "QLinearConv": windows.quantised_convolution,
}
_CHECKS = {"": _ONNX, MICROSOFT: _MICROSOFT}

say("", "Expand", Inputs(values=(1,)))  # ONNX's inference believes a target that is the shape of another input, too
# No values are asked for Gather: following them in every transformer costs more than those in the file, which tell.
# Nor for Split and TopK, whose numbers are in the file as a rule.


def check(nodes: Iterable[Node], known: Known) -> None:
    """Looks at every node of the main graph of which enough is known.

    Args:
        nodes: of the main graph.
        known: what follows from its inputs and weights, and nothing that the file only declares.

    Raises:
        ShapeError: the inputs of a node do not fit each other; the message names the first.
    """
    found = first(nodes, known)
    if found:
        raise ShapeError(f"the shapes contradict each other at node {found}", _HINT)


def first(nodes: Iterable[Node], known: Known) -> str:
    """The first node whose inputs do not fit each other, and why: "mm (MatMul): rows of 3 meet columns of 4".

    Args:
        nodes: of one graph; those inside them are not looked at.
        known: what to go by.

    Returns:
        "" where all fit, or not enough is known.
    """
    for node in nodes:
        look = _CHECKS.get(node.domain, {}).get(node.op_type)
        why = look and look(node, known)
        if why:
            return f"{printable(node.name)} ({printable(node.op_type)}): {why}"
    return ""
