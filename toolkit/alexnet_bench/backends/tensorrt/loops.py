"""How often each layer of an engine runs: those of a Loop or a Scan, which TensorRT lists once, in each turn.

A loop ends with a layer that jumps back to the first of its layers (`cjmp`, `JumpTargetThen`); one that is unrolled
has layers for each turn, and no jump (seen in TensorRT-RTX 1.7.1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod

from alexnet_bench.backends.tensorrt.plan_tensors import PlanLayer
from alexnet_bench.core.graph import Graph
from alexnet_bench.graph.control_flow import turns_of


def turns_around(graph: Graph | None) -> dict[str, tuple[int, ...]]:
    """The turns of the loops around each node that is in one, or is one, the outermost first; by the node's name.

    As in the counts, a loop whose turns are not known has one.
    """
    return {} if graph is None else dict(reversed([*_inside(graph, "", ())]))


def runs_of(
    layers: Sequence[PlanLayer], nodes: Sequence[Sequence[str]], turns: Mapping[str, tuple[int, ...]]
) -> list[int | None]:
    """How often each layer runs; None where the layers do not tell which of them are in a loop.

    Of the loops around its node, a layer is in as many as there are jumps around it: what is computed before the first
    turn, or between the turns of a loop inside another, is named after nodes of the body, too.

    Args:
        layers: in execution order.
        nodes: that each of them stands for.
        turns: as `turns_around` gives them.
    """
    loops = [_loops(layer, mine, turns) for layer, mine in zip(layers, nodes, strict=True)]
    if all(layer.jumps_to is None for layer in layers):
        return [None if around else 1 for around in loops]
    depths = _depths(layers)
    return [prod(around[:depth]) for around, depth in zip(loops, depths, strict=True)]


def _loops(layer: PlanLayer, nodes: Sequence[str], turns: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    """The turns of the loops around the innermost node of a layer."""
    return max((turns.get(name, ()) for name in (*(layer.nodes or ()), *nodes)), key=len, default=())


def _depths(layers: Sequence[PlanLayer]) -> list[int]:
    """Of each layer, how many jumps go back over it."""
    places: dict[str, int] = {}
    depths = [0] * len(layers)
    for at, layer in enumerate(layers):
        places[layer.name] = at
        back = min((places[name] for name in layer.jumps_to or () if name in places), default=at + 1)
        for inside in range(back, at + 1):
            depths[inside] += 1
    return depths


def _inside(graph: Graph, prefix: str, around: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    for node in graph.nodes:
        here = (*around, turns_of(graph, node) or 1) if node.op_type in ("Loop", "Scan") else around
        if here:
            yield node.name.removeprefix(prefix), here
        for _, body in node.bodies:
            yield from _inside(body, f"{body.name}/", here)
