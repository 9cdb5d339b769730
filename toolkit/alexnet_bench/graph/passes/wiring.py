"""Who makes a tensor and who reads it, kept up to date while nodes come and go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from alexnet_bench.graph.passes.reads import reads

if TYPE_CHECKING:
    from onnx import NodeProto


class Wiring:
    """The edges between the nodes of one graph; a read by a graph inside a node counts as one by that node."""

    def __init__(self, nodes: Iterable[NodeProto], outputs: Iterable[str]) -> None:
        self._producer: dict[str, NodeProto] = {}
        self._readers: dict[str, dict[str, NodeProto]] = {}
        self._uses = Counter(outputs)
        for node in nodes:
            self.enter(node)

    def producer(self, tensor: str) -> NodeProto | None:
        """The node that makes a tensor, None for inputs and initialisers."""
        return self._producer.get(tensor)

    def uses(self, tensor: str) -> int:
        """How often a tensor is read, as an output of the graph too."""
        return self._uses[tensor]

    def readers(self, tensor: str) -> list[NodeProto]:
        """The nodes that read a tensor, each once."""
        return list(self._readers.get(tensor, {}).values())

    def enter(self, node: NodeProto) -> None:
        """A node comes; what it makes, it makes from now on."""
        self._producer.update(dict.fromkeys(filter(None, node.output), node))
        for name in reads(node):
            self._uses[name] += 1
            self._readers.setdefault(name, {})[node.name] = node

    def leave(self, node: NodeProto) -> None:
        """A node goes; what another one makes meanwhile stays."""
        for name in reads(node):
            self._uses[name] -= 1
            self._readers[name].pop(node.name, None)
        for name in node.output:
            if self._producer.get(name) is node:
                del self._producer[name]

    def rename_input(self, node: NodeProto, position: int, tensor: str) -> None:
        """Lets a node read another tensor at one position."""
        self.leave(node)
        node.input[position] = tensor
        self.enter(node)

    def rename_output(self, node: NodeProto, position: int, tensor: str) -> None:
        """Gives what a node makes another name; the readers of the old one are left without."""
        self.leave(node)
        node.output[position] = tensor
        self.enter(node)
