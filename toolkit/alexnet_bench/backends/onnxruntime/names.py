"""The user's graph as ONNX Runtime's optimised model refers to it: by tensor and by node name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from alexnet_bench.core.graph import Graph, Node

_SKIPPED = frozenset({"Identity", "Dropout", "Cast"})
"""Operators that ONNX Runtime removes where they change nothing, so that a fusion may reach across them."""

_VIEWS = _SKIPPED | frozenset({"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose"})
"""Operators that change no value of their first input."""
_SIZES = frozenset({"Shape", "Size"})
"""Operators that read no value, so that a fusion may take what they read away."""

CAST_PREFIX = "InsertedPrecisionFreeCast_"
"""What ONNX Runtime puts in front of the name of a tensor in another precision (insert_cast_transformer.cc)."""


class UserNames:
    """The user's graph by tensor and by node name."""

    def __init__(self, graph: Graph) -> None:
        self.nodes: Mapping[str, Node] = {node.name: node for node in graph.nodes}
        self.producer: dict[str, Node] = {name: node for node in graph.nodes for name in node.writes}
        self.tensors = self.producer.keys() | set(graph.inputs)
        self.constants = graph.constants
        self.variables = self.tensors - self.constants
        self._readers: dict[str, list[Node]] = {}
        for node in graph.live_nodes:
            for name in dict.fromkeys(node.reads):
                self._readers.setdefault(name, []).append(node)

    def tensor(self, name: str) -> str | None:
        """The user's tensor of that name, or the one that a cast of that name makes in another precision."""
        if name in self.tensors:
            return name
        uncast = name.removeprefix(CAST_PREFIX)
        return uncast if uncast in self.tensors else None

    def readers(self, tensor: str) -> Sequence[Node]:
        """The live nodes that read a tensor, in graph order."""
        return self._readers.get(tensor, ())

    def after(self, tensor: str, op_types: frozenset[str], also_reading: str | None = None) -> str | None:
        """What the reader of `tensor` with one of those operators makes, looking across operators that vanish."""
        pending = [tensor]
        while pending:
            readers = self.readers(pending.pop())
            for reader in readers:
                if reader.op_type in op_types and (also_reading is None or self._reads(reader, also_reading)):
                    return reader.writes[0]
            pending += [reader.writes[0] for reader in reversed(readers) if reader.op_type in _SKIPPED]
        return None

    def only_reader(self, tensor: str) -> Node | None:
        """The one node that needs a tensor's values, behind operators that vanish; None where there are several."""
        while True:
            readers = [node for node in self.readers(tensor) if node.op_type not in _SIZES]
            if len(readers) != 1 or readers[0].op_type not in _SKIPPED:
                return readers[0] if len(readers) == 1 else None
            tensor = readers[0].writes[0]

    def views(self, tensor: str) -> Iterator[str]:
        """A tensor, and from there back those whose values it holds, in another shape or order perhaps."""
        producer = self.producer.get(tensor)
        while producer is not None and producer.op_type in _VIEWS and producer.reads:
            yield tensor
            tensor = producer.reads[0]
            producer = self.producer.get(tensor)
        yield tensor

    def is_view(self, tensor: str, of: str) -> bool:
        """Whether `tensor` holds the values of `of`, in another shape or order perhaps."""
        return of in self.views(tensor)

    def changes_nothing(self, node: Node) -> bool:
        """Whether a node makes the values of its first input, in another shape or order perhaps."""
        return node.op_type in _VIEWS

    def depends(self, tensor: str, on: str, made: frozenset[str]) -> bool:
        """Whether `tensor` is computed from `on` without one of the tensors `made` in between."""
        pending, seen = [tensor], {tensor}
        while pending:
            producer = self.producer.get(pending.pop())
            for name in producer.reads if producer is not None else ():
                if name == on:
                    return True
                if name not in seen and name not in made:
                    seen.add(name)
                    pending.append(name)
        return False

    def related(self, left: str, right: str) -> bool:
        """Whether one of two tensors is computed from the other."""
        nothing: frozenset[str] = frozenset()
        return self.depends(left, right, nothing) or self.depends(right, left, nothing)

    def behind(self, tensor: str) -> str:
        """The tensor in front of operators that vanish."""
        producer = self.producer.get(tensor)
        while producer is not None and producer.op_type in _SKIPPED and producer.reads:
            tensor = producer.reads[0]
            producer = self.producer.get(tensor)
        return tensor

    def _reads(self, node: Node, tensor: str) -> bool:
        return any(name == tensor or self.behind(name) == tensor for name in node.reads)
