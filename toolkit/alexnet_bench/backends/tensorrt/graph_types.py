"""The types of a graph, in which a network that follows them computes unless its compiler changes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from alexnet_bench.core.cost import CostTable
from alexnet_bench.core.graph import Graph, Node, Tensor, is_float
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.weights import as_stored, stored

_CASTS = ("Cast", "CastLike")


@dataclass(frozen=True)
class GraphTypes:
    """What the nodes of a graph compute in, and where it casts.

    Attributes:
        nodes: by name, all of them.
        reads: by node, the types of floats that it reads, in order.
        working: the arithmetic of nodes that have some, in FLOP; a cast has none.
        busy: nodes that have some, or transcendentals.
        products: those with multiply-adds.
        weighted: those of them that read a constant.
        in_part: nodes that read only parts of their tensors.
        constants: by node, the constants that it reads, as the file holds them; a view reads none.
        casts: by tensor, the type of float that it was cast from, "" from another; with the name of the node.
    """

    nodes: Mapping[str, Node]
    reads: Mapping[str, tuple[str, ...]]
    working: Mapping[str, int]
    busy: frozenset[str]
    products: frozenset[str]
    weighted: frozenset[str]
    in_part: frozenset[str]
    constants: Mapping[str, tuple[Tensor, ...]]
    casts: Mapping[str, tuple[str, str]]

    def are_no_products(self, names: Sequence[str]) -> bool:
        """Whether all of some nodes are known, and none has multiply-adds."""
        return bool(names) and self.nodes.keys() >= set(names) and self.products.isdisjoint(names)

    def computed(self, names: Sequence[str]) -> str:
        """The type of the products among some nodes, "" where they are of several; else of most of their arithmetic."""
        products = self.products.intersection(names)
        flop: Counter[str] = Counter()
        for name in products or self.working.keys() & set(names):
            flop[next(iter(self.reads[name]), "")] += self.working.get(name, 0)
        return "" if not flop or (products and len(flop) > 1) else max(sorted(flop), key=flop.__getitem__)

    def work_beside_products(self, names: Sequence[str]) -> bool:
        """Whether some nodes have arithmetic that is no product: the steps of a norm or a softmax cast on their own."""
        return any(name in self.working and name not in self.products for name in names)

    def explain(self, names: Sequence[str], dtypes: Iterable[str]) -> bool:
        """Whether nodes read floats of all these types, or what was cast from them."""
        known = [self.nodes[name] for name in names if name in self.nodes]
        here = {dtype for node in known for dtype in self.reads[node.name]}
        before = {self.casts[tensor][0] for node in known for tensor in node.reads if tensor in self.casts}
        return (here | before).issuperset(dtypes)

    def count_casts(self, names: Sequence[str]) -> tuple[int, int]:
        """How many casts are among some nodes, and how many others lead there or from there."""
        known = [self.nodes[name] for name in names if name in self.nodes]
        mine = {node.name for node in known if node.op_type in _CASTS}
        reads = {tensor for node in known for tensor in node.reads}
        makes = {tensor for node in known for tensor in node.writes}
        around = {
            name
            for made, (_, name) in self.casts.items()
            if made in reads or not makes.isdisjoint(self.nodes[name].reads)
        }
        return len(mine), len(around - mine)


def graph_types(graph: Graph) -> GraphTypes:
    """The types of a graph whose shapes and types are known."""
    costs = count(graph)
    casts = {node.name: node for node in graph.nodes if node.op_type in _CASTS}
    products = frozenset(row.name for row in costs.rows if row.macs)
    reads = {node.name: _floats(graph, node.reads) for node in graph.nodes}
    held = stored(graph)
    return GraphTypes(
        nodes={node.name: node for node in graph.nodes},
        reads=reads,
        working={row.name: row.flop for row in costs.rows if row.flop and row.name not in casts},
        busy=frozenset(row.name for row in costs.rows if row.flop or row.transcendentals) - casts.keys(),
        products=products,
        weighted=frozenset(
            node.name for node in graph.nodes if node.name in products and not graph.constants.isdisjoint(node.reads)
        ),
        in_part=_in_part(graph, costs, held),
        constants={
            node.name: tuple(map(graph.tensor, sorted(as_stored(held, graph.constants.intersection(node.reads)))))
            for node in graph.live_nodes
            if costs.by_name[node.name].bytes != 0
        },
        casts={made: (next(iter(reads[node.name]), ""), node.name) for node in casts.values() for made in node.writes},
    )


def _in_part(graph: Graph, costs: CostTable, held: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    """Nodes such as Gather and Slice. A view, which reads nothing, is none."""
    nodes = {node.name: node for node in graph.live_nodes}
    found = set()
    for row in costs.rows:
        whole = [graph.tensor(name).size_bytes for name in as_stored(held, nodes[row.name].reads)]
        if row.bytes_read and row.bytes_read < sum(size or 0 for size in whole):
            found.add(row.name)
    return frozenset(found)


def _floats(graph: Graph, tensors: Iterable[str]) -> tuple[str, ...]:
    return tuple(dtype for name in tensors if is_float(dtype := graph.tensor(name).dtype))
