"""Arithmetic that OpenVINO moved across changes of shape: its kernel has a name of its own, in another place.

A multiplication by a constant behind a Squeeze, for example, is computed before it, by a kernel named after nothing in
the model.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from alexnet_bench.backends.openvino_record import Kernel
from alexnet_bench.core.graph import Graph, Node

_MOVEMENT = ("Reshape", "Transpose", "Reorder", "Convert")
_OF_SHAPES = ("Shape", "Size")
_ARITHMETIC = {
    "Multiply": ("Mul", "Div"),
    "Add": ("Add", "Sub"),
    "Divide": ("Div",),
    "Subtract": ("Sub",),
    "Power": ("Pow",),
}
"""By the operator in a kernel's own name, the user's operators that it can be."""


def moved_nodes(
    kernels: Sequence[Kernel], graph: Graph, makes: Sequence[tuple[str, ...]], strangers: Collection[int]
) -> dict[int, tuple[str, ...]]:
    """For each kernel that computes a node from before its place in the user's graph, what that node makes.

    It must hold that the kernel stands for nothing in the model, that only changes of shape follow, that behind one of
    these the user has the same arithmetic with a constant, and that no other kernel makes the result.

    Args:
        kernels: in execution order.
        graph: the user's.
        makes: the user's tensors that each kernel makes.
        strangers: the kernels that stand for nothing in the model, by number.
    """
    made = {tensor for names in makes for tensor in names}
    followers, fixed = _followers(kernels), fixed_tensors(graph)
    found: dict[int, tuple[str, ...]] = {}
    for number in strangers:
        operators = _ARITHMETIC.get(kernels[number].name.partition("_")[0], ())
        nodes = [
            node
            for shape in _shape_changes(number, kernels, followers)
            for node in _with_constant(graph, fixed, makes[shape], operators)
            if made.isdisjoint(node.writes)
        ]
        if len(nodes) == 1:
            found[number] = nodes[0].writes
            made.update(nodes[0].writes)
    return found


def _followers(kernels: Sequence[Kernel]) -> dict[int, list[int]]:
    followers: dict[int, list[int]] = {}
    for number, kernel in enumerate(kernels):
        for source in dict(kernel.inputs):
            followers.setdefault(source, []).append(number)
    return followers


def _shape_changes(number: int, kernels: Sequence[Kernel], followers: Mapping[int, Sequence[int]]) -> Iterator[int]:
    """The changes of shape behind a kernel, as long as nothing else reads what it makes."""
    while len(after := followers.get(number, ())) == 1 and kernels[after[0]].kind in _MOVEMENT:
        number = after[0]
        yield number


def fixed_tensors(graph: Graph) -> frozenset[str]:
    """Tensors that are the same in every run of a case: constants, and what is computed from shapes alone."""
    fixed = set(graph.constants)
    for node in graph.live_nodes:
        if node.op_type in _OF_SHAPES or (node.reads and fixed.issuperset(node.reads)):
            fixed.update(node.writes)
    return frozenset(fixed)


def _with_constant(
    graph: Graph, fixed: Collection[str], tensors: Collection[str], operators: Collection[str]
) -> list[Node]:
    """The nodes of those operators that read one of the tensors and one that is fixed."""
    return [
        node
        for node in graph.live_nodes
        if node.op_type in operators
        and not set(tensors).isdisjoint(node.inputs)
        and any(name in fixed for name in node.inputs)
    ]
