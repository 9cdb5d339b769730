"""Work that OpenVINO took over a change of layout into the kernel before it, under a name of its own making.

A GELU behind a transposition, for example, is computed by the kernel in front of that, which says "Gelu_3999" beside
the operators of its own. What follows reads in the model what comes out of the GELU, and gets what goes into it.
"""

from __future__ import annotations

from collections.abc import Collection

from alexnet_bench.core.graph import Graph, Node

_PARTS = {
    "Multiply": ("Mul", "Div"),
    "Add": ("Add", "Sub"),
    "Power": ("Pow",),
    "Gelu": ("Gelu", "Erf", "Tanh"),
    "Swish": ("Swish", "Sigmoid"),
    "HSwish": ("HardSwish", "HardSigmoid", "Clip"),
    "Mish": ("Mish", "Softplus"),
    "SoftPlus": ("Softplus", "Log"),
    "PRelu": ("PRelu", "LeakyRelu"),
    "Clamp": ("Clip", "Min", "Max"),
}
"""By the operator in a name that OpenVINO made up, those of the user's of which one is part of it."""


def is_fused(
    graph: Graph,
    products: Collection[str],
    wanted: str,
    given: Collection[str],
    done: Collection[str],
    names: Collection[str],
) -> bool:
    """Whether a kernel with names that OpenVINO made up computes a tensor from what it is known to make.

    Args:
        graph: the user's.
        products: the nodes, by name, that sum over products, or may do so: no arithmetic by elements computes them.
        wanted: the tensor, which no kernel names.
        given: what the kernel makes.
        done: the tensors that other kernels make, and those that no input can change.
        names: those that OpenVINO made up.
    """
    between = nodes_between(graph, products, wanted, given, done)
    parts = {part for name in names for part in _parts(name)}
    return not parts.isdisjoint(node.op_type for node in between)


def nodes_between(
    graph: Graph, products: Collection[str], wanted: str, given: Collection[str], done: Collection[str]
) -> list[Node]:
    """The nodes that compute a tensor from what a kernel makes; none where nothing does, or a product is among them.

    Args:
        graph: the user's.
        products: the nodes, by name, that sum over products, or may do so.
        wanted: the tensor.
        given: what the kernel makes.
        done: the tensors that other kernels make, and those that no input can change.
    """
    producer = graph.producers
    between: dict[str, Node] = {}
    pending, seen, is_behind = [wanted], {wanted}, False
    while pending:
        name = pending.pop()
        is_behind = is_behind or name in given
        if name in given or name in done or name not in producer:
            continue
        between[producer[name].name] = producer[name]
        pending += [read for read in producer[name].reads if read not in seen]
        seen.update(producer[name].reads)
    return list(between.values()) if is_behind and between.keys().isdisjoint(products) else []


def _parts(name: str) -> tuple[str, ...]:
    kind = name.rpartition("_")[0]
    return _PARTS.get(kind, (kind,))
