"""What a kernel that names nothing of the model moves, told by what its readers read there.

OpenVINO puts several changes of a tensor's shape into one, two slices into a split, a transposition of an operand into
a kernel of its own. Who reads the result still says which operators it stands for, and what these read in the model is
what the kernel makes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from alexnet_bench.core.graph import Graph, Node

MOVERS = (
    *("Split", "Transpose", "StridedSlice", "Concatenation", "Gather", "Pad", "Tile", "Broadcast"),
    *("DepthToSpace", "SpaceToDepth", "ShuffleChannels", "Roll"),
)
"""Kernels that compute nothing."""
MOVING = (
    *("Transpose", "Slice", "Split", "Concat", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Gather", "Pad", "Tile"),
    *("Expand", "DepthToSpace", "SpaceToDepth", "Identity"),
)
"""The user's operators that compute nothing."""


class Asked:
    """The user's graph as movers see it.

    Args:
        graph: the user's.
        products: the nodes, by name, that sum over products, or may do so.
        computed: the tensors that kernels make which name them.
    """

    def __init__(self, graph: Graph, products: Collection[str], computed: Collection[str]) -> None:
        self._producer = graph.producers
        self._products = products
        self._computed = computed
        self._fixed = graph.fixed

    def moved(self, wanted: Iterable[str], read: Collection[str]) -> tuple[str, ...]:
        """The last tensors, on the way to what is wanted, that come of what was read by moving.

        What is computed behind them is the work of the reader.

        Args:
            wanted: what the readers read in the model.
            read: the tensors that the kernel reads.
        """
        found: dict[str, None] = {}
        pending, seen = list(wanted), set(wanted)
        while pending:
            name = pending.pop(0)
            node = self._node(name, read)
            if node is None or node.name in self._products:
                continue
            if node.op_type in MOVING and self._is_behind(node, read):
                found[name] = None
                continue
            pending += [item for item in node.reads if item not in seen]
            seen.update(node.reads)
        return tuple(found)

    def _node(self, name: str, read: Collection[str]) -> Node | None:
        """What makes a tensor, None where that is no work between what is read and what is wanted."""
        is_done = name in read or name in self._computed or name in self._fixed
        return None if is_done else self._producer.get(name)

    def _is_behind(self, node: Node, read: Collection[str]) -> bool:
        """Whether a node is computed from what is read, by moving alone."""
        pending, seen = [node], {node.name}
        while pending:
            node = pending.pop()
            if not set(read).isdisjoint(node.reads):
                return True
            before = [maker for name in node.reads if (maker := self._node(name, read)) is not None]
            pending += [maker for maker in before if maker.op_type in MOVING and maker.name not in seen]
            seen.update(maker.name for maker in before)
        return False
