"""Indices that a network chooses by scores: near a tie another index is as right, and no node is at fault.

An ArgMax or a TopK in 16 bits takes another of two scores that differ by less than their rounding. Such indices are
compared by what they choose: by how far the reference's scores at the engine's indices lie above the mean of all that
there were to choose from, against those at its own. What all of them have in common says nothing of a choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from alexnet_bench.core.graph import Graph, Node
from alexnet_bench.verdict.parity import Array

_KEEPS_INDICES = frozenset({"Identity", "Cast", "Flatten", "Reshape", "Squeeze", "Unsqueeze"})
"""Operators that hand on their first input, in the same order of elements."""
_MOST_SCORES = 1 << 26
"""Elements of all inputs: they are stored."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """How the indices of an output are chosen.

    Attributes:
        scores: the tensor that they are chosen from.
        axis: along which, from 0.
        sizes: of the indices, with that axis in its place.
        is_selection: they are several along the axis, none of them twice.
    """

    scores: str
    axis: int
    sizes: tuple[int, ...]
    is_selection: bool = False

    def chosen(self, indices: Sequence[Array], scores: Sequence[Array]) -> list[Array] | None:
        """The scores at the indices above the mean along the axis, for each input, in float64.

        None where an index is none of theirs, or stands twice in a selection.

        Args:
            indices: the output, of any shape with as many elements as `sizes`.
            scores: of the reference.
        """
        found = []
        for choice, values in zip(indices, scores, strict=True):
            if choice.size != prod(self.sizes) or choice.dtype.kind not in "iu":
                return None
            places = choice.reshape(self.sizes).astype(np.int64)
            if places.size and (places.min() < 0 or places.max() >= values.shape[self.axis]):
                return None
            if self.is_selection and not np.diff(np.sort(places, axis=self.axis), axis=self.axis).all():
                return None
            wide = values.astype(np.float64)
            known = np.isfinite(wide)
            total = np.where(known, wide, 0.0).sum(axis=self.axis, keepdims=True)
            mean = total / np.maximum(known.sum(axis=self.axis, keepdims=True), 1)
            found.append(np.take_along_axis(wide, places, self.axis) - mean)
        return found


def find_rankings(graph: Graph, inputs: int) -> dict[str, Ranking]:
    """How the indices of outputs are chosen: by an ArgMax, an ArgMin or a TopK. Other outputs are left out.

    Args:
        graph: of the reference.
        inputs: how many are compared; outputs whose scores take too much memory are left out, too.
    """
    found = ((name, find_ranking(graph, name)) for name in graph.outputs)
    kept = {name: item for name, item in found if item is not None and item.scores not in graph.inputs}
    return {name: item for name, item in kept.items() if inputs * _elements(graph, item.scores) <= _MOST_SCORES}


def find_ranking(graph: Graph, output: str) -> Ranking | None:
    """How the indices of one output are chosen."""
    producers = graph.producers
    name, node = output, producers.get(output)
    while node is not None and not node.domain and node.op_type in _KEEPS_INDICES:
        name = node.inputs[0]
        node = producers.get(name)
    if node is None or node.domain or not _makes_indices(node, name):
        return None
    scores, made = graph.tensor(node.inputs[0]), graph.tensor(name).sizes
    if scores.sizes is None or made is None:
        return None
    axis = node.attributes.get("axis", -1 if node.op_type == "TopK" else 0)
    if not isinstance(axis, int) or not -len(scores.sizes) <= axis < len(scores.sizes):
        return None
    axis %= len(scores.sizes)
    sizes = made if len(made) == len(scores.sizes) else (*made[:axis], 1, *made[axis:])
    return Ranking(scores.name, axis, sizes, is_selection=node.op_type == "TopK")


def _elements(graph: Graph, name: str) -> int:
    return graph.tensor(name).elements or 0


def _makes_indices(node: Node, name: str) -> bool:
    if node.op_type == "TopK":
        return len(node.outputs) > 1 and node.outputs[1] == name
    return node.op_type in ("ArgMax", "ArgMin")
