"""The user's tensors that no node of ONNX Runtime's optimised model makes, though the user's nodes read them.

What the optimised node reads in such a tensor's place tells which kernel stands for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING

from alexnet_bench.backends.onnxruntime.names import UserNames
from alexnet_bench.backends.onnxruntime.readers import changed_places, may_convert, namesake, read_before

if TYPE_CHECKING:
    from onnx import NodeProto

_Of = Callable[[str], str | None]
"""The user's tensor that one of the optimised model stands for."""


@dataclass(frozen=True, slots=True)
class Unmade:
    """What else the kernels stand for that make a tensor of the user.

    Attributes:
        inside: by that tensor, those on the way to it that others read, in another layout then (a Transpose was moved
            behind a reader of what it read, or removed).
        merged: likewise, those that ONNX Runtime found equal to it: it merges equal computations, and constants of
            equal value before that, so that the two need not look equal in the user's graph.
    """

    inside: dict[str, list[str]] = field(default_factory=dict)
    merged: dict[str, list[str]] = field(default_factory=dict)

    def merge(self, tensor: str, into: str) -> None:
        """Takes a tensor for equal to one that a node makes."""
        _add(self.merged, into, tensor)

    def make(self, tensor: str, on_the_way_to: str) -> None:
        """Takes a tensor for one that is made with another, which is computed from it."""
        _add(self.inside, on_the_way_to, tensor)


def find_unmade(nodes: Sequence[NodeProto], names: UserNames, of: _Of) -> Unmade:
    """The unmade tensors that nodes of the optimised model, in the order of execution, can be seen to read."""
    made: dict[str, int] = {}  # by tensor, the place of the first node that makes it
    for place, node in enumerate(nodes):
        for tensor in filter(None, map(of, node.output)):
            made.setdefault(tensor, place)
    computed = names.producer.keys() - names.constants
    found = Unmade()
    for node in nodes:
        converts = may_convert(node, names)
        for before, now in _converted(node, of) if converts else _read(node, names, of):
            if now not in made or now == before or before not in computed or (before in made and not converts):
                continue
            if converts or names.related(now, before):
                earlier = frozenset(name for name, place in made.items() if place < made[now])
                _add(found.inside, now, _on_the_way(names.views(before) if converts else [before], now, earlier, names))
            else:
                found.merge(before, into=now)
    return found


def _read(node: NodeProto, names: UserNames, of: _Of) -> list[tuple[str, str | None]]:
    """What the user's node reads, and the optimised one in the same place."""
    makes = names.behind(next(filter(None, map(of, node.output)), ""))
    original = namesake(node, names) or names.producer.get(makes)
    reads = [(before, of(name)) for before, name in read_before(node, original)]
    return [] if changed_places(reads) else reads


def _converted(node: NodeProto, of: _Of) -> list[tuple[str, str | None]]:
    """What a change of layout makes and what it reads, which hold the same values."""
    return [(of(node.output[0]) or "", of(node.input[0]))]


def _on_the_way(candidates: Iterable[str], now: str, earlier: frozenset[str], names: UserNames) -> str | None:
    """The first of the candidates that is computed on the way from what was made earlier to a tensor.

    Args:
        candidates: a tensor, and those that it is a view of perhaps.
        now: the tensor.
        earlier: the tensors that were made before that.
        names: of the user's graph.
    """
    for name in takewhile(lambda name: name != now, candidates):
        if name not in earlier and name not in names.constants and names.depends(now, name, earlier):
            return name
    return None


def _add(found: dict[str, list[str]], tensor: str, other: str | None) -> None:
    if other is not None and other not in found.setdefault(tensor, []):
        found[tensor].append(other)
