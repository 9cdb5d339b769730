"""Outputs that the reference does not give a second time: what they fail by says nothing of the engine.

Random numbers are drawn by operators that a graph shows, Dropout in training mode among them; a second run of the
reference shows whether they reach an output, and tells other causes, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import isfinite

from alexnet_bench.core.graph import Graph, Node
from alexnet_bench.core.text import printable
from alexnet_bench.core.verification import OutputParity
from alexnet_bench.graph.liveness import RANDOM_OPS
from alexnet_bench.verdict.parity import Array, Parity, compare

_MAY_DRAW_OF_MICROSOFT = frozenset({"BiasDropout", "BitmaskBiasDropout", "BitmaskDropout", "Sampling"})
_TRAINING_MODE = 2
"""The input of Dropout without which it does nothing."""
_MOST_NODES = 3
_AS_FAR = 4.0
"""An engine that is this many times as far from the reference as that is from itself is off by more than chance."""

Outputs = Mapping[str, Sequence[Array]]


def without_unrepeated(
    judged: Sequence[OutputParity],
    first: Outputs,
    again: Callable[[], Outputs],
    graph: Graph,
    *,
    same_runtime: bool,
) -> tuple[OutputParity, ...]:
    """The same outputs; those that failed because the reference does not repeat itself are inconclusive.

    Args:
        judged: against the first run.
        first: of the reference.
        again: runs it once more; called when an output failed.
        graph: of the reference.
        same_runtime: whether the engine runs on what the reference runs on, so that a seed gives both the same numbers.
    """
    if all(output.verdict != "failed" for output in judged):
        return tuple(judged)
    second = again()
    return tuple(
        _doubted(output, compare(first[output.name], second[output.name]), graph, same_runtime=same_runtime)
        if output.verdict == "failed"
        else output
        for output in judged
    )


def random_nodes(graph: Graph, output: str) -> list[Node]:
    """The nodes that an output depends on and that may draw random numbers, in themselves or in their bodies."""
    needed, found = {output}, []
    for node in reversed(graph.nodes):
        if not needed.isdisjoint(node.writes):
            needed.update(node.reads)
            if _may_draw(node):
                found.append(node)
    return found[::-1]


def _may_draw(node: Node) -> bool:
    if node.op_type == "Dropout" and not node.domain:
        return any(node.inputs[_TRAINING_MODE:])
    own = _MAY_DRAW_OF_MICROSOFT if node.domain == "com.microsoft" else RANDOM_OPS if not node.domain else frozenset()
    return node.op_type in own or any(_may_draw(inner) for _, body in node.bodies for inner in body.nodes)


def _has_seed(node: Node) -> bool:
    """Whether it draws the same numbers each time: others show themselves in a second run."""
    inner = (item for _, body in node.bodies for item in body.nodes if _may_draw(item))
    return "seed" in node.attributes or any(map(_has_seed, inner))


def _doubted(output: OutputParity, own: Parity, graph: Graph, *, same_runtime: bool) -> OutputParity:
    """A failed output by how far the reference is from itself."""
    drawing = random_nodes(graph, output.name)
    off = float("inf") if output.error is None else output.error
    is_number = output.error is not None and isfinite(output.error)
    if own.problem:
        because = "two runs of the reference on the same inputs cannot be compared with each other"
    elif own.error and own.error * _AS_FAR >= off:
        because = f"the reference differs from itself by {own.error:.1e} on the same inputs"
    elif is_number and not same_runtime and (seeded := [node for node in drawing if _has_seed(node)]):
        drawing, because = seeded, "a seed gives each runtime numbers of its own"
    else:
        return output
    return replace(output, verdict="inconclusive", reason=f"{because}{_named(drawing)}")


def _named(drawing: Sequence[Node]) -> str:
    if not drawing:
        return ""
    names = ", ".join(printable(node.name) for node in drawing[:_MOST_NODES])
    more = f" and {len(drawing) - _MOST_NODES} more" if drawing[_MOST_NODES:] else ""
    return f": {names}{more} {'draws' if len(drawing) == 1 else 'draw'} random numbers"
