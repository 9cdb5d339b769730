"""Arithmetic that OpenVINO moved ahead: its kernel has a name of its own, in another place.

A multiplication by a constant behind a Squeeze, for example, is computed before it, by a kernel named after nothing in
the model; one behind a matrix product is computed on an operand of that, which then has the name of what it makes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from alexnet_bench.backends.openvino.record import Kernel
from alexnet_bench.backends.openvino.unnamed import PRODUCTS
from alexnet_bench.core.graph import Graph, Node

_MOVEMENT = ("Reshape", "Transpose", "Reorder", "Convert")
_SCALES = frozenset({"Mul", "Div"})
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
    followers = _followers(kernels)
    found: dict[int, tuple[str, ...]] = {}
    for number in strangers:
        operators = _ARITHMETIC.get(kernels[number].name.partition("_")[0], ())
        nodes = [
            node
            for shape in _shape_changes(number, kernels, followers)
            for node in _with_constant(graph, makes[shape], operators)
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


def scaled_products(
    kernels: Sequence[Kernel],
    graph: Graph,
    named: Sequence[Collection[str]],
    makes: Sequence[Collection[str]],
    strangers: Collection[int],
) -> dict[int, tuple[int, str, str]]:
    """For each kernel that scales an operand of a product in place of its result: who multiplies, result, product.

    The kernel that multiplies names the operator that scales in the model, and none names the product itself; or it
    names nothing, and is known to make the product.

    Args:
        kernels: in execution order.
        graph: the user's.
        named: the user's tensors whose operators each kernel names.
        makes: the user's tensors that each kernel makes.
        strangers: the kernels that stand for nothing in the model, by number.
    """
    products = {name for node in graph.live_nodes if node.op_type == "MatMul" for name in node.writes}
    inside = products.difference(*named)
    made = set[str]().union(*makes)
    found: dict[int, tuple[int, str, str]] = {}
    for number, product in products_behind(kernels, strangers).items():
        operators = _SCALES.intersection(_ARITHMETIC[kernels[number].name.partition("_")[0]])
        for node in _with_constant(graph, inside, operators):
            scaled, multiplied = node.writes[0], next(name for name in node.inputs if name in inside)
            is_unnamed = product in strangers and multiplied in makes[product] and scaled not in made
            if scaled in named[product] or is_unnamed:
                found[number] = product, scaled, multiplied
    return found


def products_behind(kernels: Sequence[Kernel], strangers: Collection[int]) -> dict[int, int]:
    """For kernels of arithmetic whose result one matrix product alone reads, that product."""
    followers, found = _followers(kernels), dict[int, int]()
    for number in strangers:
        last = [number, *_shape_changes(number, kernels, followers)][-1]
        after = followers.get(last, ())
        is_arithmetic = kernels[number].name.partition("_")[0] in _ARITHMETIC
        if is_arithmetic and len(after) == 1 and kernels[after[0]].kind in PRODUCTS:
            found[number] = after[0]
    return found


def made_from(producer: Mapping[str, Node], read: Collection[str], made: Sequence[str]) -> Sequence[str]:
    """Of what a kernel makes, what is computed from what another reads, and not only through the rest; all if nothing.

    Args:
        producer: of the user's tensors.
        read: by the other kernel.
        made: by the kernel.
    """
    return [name for name in made if _is_behind(producer, name, read, made)] or made


def _is_behind(producer: Mapping[str, Node], tensor: str, read: Collection[str], ends: Collection[str]) -> bool:
    pending, seen = [tensor], {tensor, *ends}
    while pending:
        node = producer.get(pending.pop())
        before = [name for name in node.reads if name not in seen] if node is not None else []
        if not set(read).isdisjoint(before):
            return True
        pending += before
        seen.update(before)
    return False


def _with_constant(graph: Graph, tensors: Collection[str], operators: Collection[str]) -> list[Node]:
    """The nodes of those operators that read one of the tensors and one that is fixed."""
    return [
        node
        for node in graph.live_nodes
        if node.op_type in operators
        and not set(tensors).isdisjoint(node.inputs)
        and not graph.fixed.isdisjoint(node.inputs)
    ]
