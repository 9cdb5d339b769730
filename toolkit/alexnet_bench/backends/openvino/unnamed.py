"""Products that no kernel names: OpenVINO merged the operator that had the name into another one.

An Einsum, for example, is a matrix product and a Reshape that has its name; where the next Einsum begins with a Reshape
of its own, one remains of the two, under a new name. A product that is subtracted is added with the opposite sign; the
sign is one of its operands' then, and the product is called after the multiplication by it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from math import prod

from alexnet_bench.backends.openvino.asked import MOVING
from alexnet_bench.backends.openvino.fused import nodes_between
from alexnet_bench.backends.openvino.record import Kernel
from alexnet_bench.core.graph import Graph

PRODUCTS = ("MatMul", "FullyConnected")
"""Kernels of one matrix product."""


@dataclass(frozen=True, slots=True)
class Unnamed:
    """A kernel of a product that names nothing of the model.

    Attributes:
        kernel: as compiled.
        read: the nearest tensors of the user that it is computed from.
        behind: the nearest ones that are computed from it.
    """

    kernel: Kernel
    read: AbstractSet[str]
    behind: Collection[str]


def unnamed_products(
    graph: Graph, products: Collection[str], computed: AbstractSet[str], kernels: Mapping[int, Unnamed]
) -> dict[int, str]:
    """What kernels make of which each is the only one that can make it, and can make nothing else.

    It is as large as their result, made by a product from what they read, moved perhaps, and what is behind them is
    made from it.

    Args:
        graph: the user's.
        products: the nodes, by name, that sum over products, or may do so.
        computed: the tensors that other kernels make.
        kernels: by number.
    """
    open_nodes = [
        node
        for node in graph.live_nodes
        if node.name in products and len(node.writes) == 1 and computed.isdisjoint(node.writes)
    ]
    able: dict[int, list[str]] = {}
    for number, unnamed in kernels.items():
        size, done = _elements(unnamed.kernel), graph.fixed | computed
        able[number] = [
            node.writes[0]
            for node in open_nodes
            if graph.tensor(node.writes[0]).elements == size
            and _unmoved(graph, node.reads, unnamed.read) == unnamed.read
            and any(nodes_between(graph, (), name, node.writes, done - {name}) for name in unnamed.behind)
        ]
    makers = Counter(name for names in able.values() for name in names)
    return {number: names[0] for number, names in able.items() if len(names) == 1 and makers[names[0]] == 1}


def _unmoved(graph: Graph, tensors: Iterable[str], read: Collection[str]) -> set[str]:
    """What tensors are that an input can change, before all that moves them behind what a kernel reads.

    A product turns an operand as it reads it, even where another kernel turns the same tensor for others.
    """
    pending, found = list(tensors), set[str]()
    while pending:
        name = pending.pop()
        node = None if name in read else graph.producers.get(name)
        if node is not None and node.op_type in MOVING:
            pending += node.reads
        else:
            found.add(name)
    return found - graph.fixed - graph.constants


def _elements(kernel: Kernel) -> int:
    """Of a kernel's one output; -1, which no tensor has, where they are not known."""
    sizes = kernel.sizes[0] if len(kernel.sizes) == 1 else None
    return -1 if sizes is None else prod(sizes)
