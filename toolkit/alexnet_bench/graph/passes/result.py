"""What a pass is, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto

    from alexnet_bench.graph.passes.evaluate import Evaluator

Array = np.ndarray[Any, Any]
Feeds = Sequence[Mapping[str, Array]]
"""Inputs by name, one mapping for each forward pass."""


@dataclass(frozen=True)
class PassResult:
    """A model after a pass.

    Attributes:
        model: a new model, or the given one where there is nothing to change; that is never changed itself.
        changes: one readable line for each change.
        origins: every node name of the new model, with the names of the nodes that it stands for in the model before
            (by `graph.naming`, as they may have none of their own); a node that was kept stands for itself.
        kept_fp32: of passes that change types, the nodes that stay in float32, as "name: reason".
        unable: the names of those among them that only stay because no form of their operator takes the type.
        unchecked: of passes that look at activations, why they did not, though inputs were given; "" where they did.
    """

    model: ModelProto
    changes: tuple[str, ...]
    origins: dict[str, tuple[str, ...]]
    kept_fp32: tuple[str, ...] = ()
    unable: frozenset[str] = frozenset()
    unchecked: str = ""


class Run(Protocol):
    """The function of a pass.

    Args:
        model: with its weights loaded, nodes in topological order; it stays as it is.
        feeds: real inputs, for passes that look at activations.
        evaluator: for passes that compute with the model; by default ONNX's reference, which looks at no activations.
    """

    def __call__(self, model: ModelProto, *, feeds: Feeds = (), evaluator: Evaluator | None = None) -> PassResult:
        """Gives a new model, or the same where there is nothing to change."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass by name.

    Attributes:
        name: as users write it.
        summary: what it does, in one line.
        run: does it.
    """

    name: str
    summary: str
    run: Run


def composed(first: Mapping[str, tuple[str, ...]], then: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Origins of two passes in a row, in terms of the model before the first; each name once, in order."""
    return {
        name: tuple(dict.fromkeys(origin for middle in middles for origin in first[middle]))
        for name, middles in then.items()
    }
