"""Where an engine leaves the tolerance, found in as many runs as halving takes.

The tensors that can be compared cut the reference into steps: each makes some of them from some that came before. A cut
behind step k is what the first k steps make and later ones, or the failing outputs, still read. Where a cut is within
the tolerance, whatever goes wrong goes wrong behind it; where it is not, something went wrong before. The inputs are a
cut within, the outputs one outside, so that halving ends at a step that reads what is within and makes what is not.
This holds with branches, and where errors grow and shrink on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from alexnet_bench.core.graph import Graph, Node

Origins = Mapping[str, Sequence[str]]
Errors = Callable[[Sequence[str]], Mapping[str, float]]
"""Runs both with tensors marked as outputs, and gives the error of each, and of the failing outputs by their names."""


@dataclass(frozen=True, slots=True)
class Step:
    """Some of the reference's nodes.

    Attributes:
        nodes: in order; the last makes `makes`.
        reads: the tensors that they read and that can be compared, inputs of the graph left out.
        makes: the tensors made that can be compared.
    """

    nodes: tuple[str, ...]
    reads: tuple[str, ...]
    makes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Located:
    """What halving found.

    Attributes:
        step: that leaves the tolerance; None where the fault went away because tensors were marked.
        errors: of the tensors that were marked last on either side, by name.
        runs: how often both were run.
        marked: the tensors that were marked when the fault went away.
    """

    step: Step | None
    errors: Mapping[str, float]
    runs: int
    marked: tuple[str, ...] = ()


def steps(graph: Graph, comparable: Collection[str], outputs: Sequence[str]) -> list[Step]:
    """The steps that failing outputs depend on, in topological order.

    Args:
        graph: of the reference.
        comparable: its tensors that the engine has too, the failing outputs among them.
        outputs: the failing ones.
    """
    known = set(comparable)
    producers = graph.producers
    needed: set[str] = set(outputs)
    found = []
    for node in reversed(graph.live_nodes):
        makes = tuple(name for name in node.writes if name in known and name in needed)
        if makes:
            inside, reads = between(node, known, producers, graph)
            needed |= set(reads)
            found.append(Step(tuple(item.name for item in graph.in_order(inside)), reads, makes))
    return found[::-1]


def cut(found: Sequence[Step], position: int, outputs: Sequence[str]) -> tuple[str, ...]:
    """What the first steps make and later ones, or the failing outputs, still read."""
    later = {name for step in found[position:] for name in step.reads}.union(outputs)
    return tuple(name for step in found[:position] for name in step.makes if name in later)


def locate(found: Sequence[Step], outputs: Mapping[str, float], errors: Errors, tolerance: float) -> Located:
    """Halves the steps until one is left.

    Args:
        found: as `steps` gives them, at least one.
        outputs: the failing ones, with their errors.
        errors: runs both.
        tolerance: an error above it, or one that is not a number, is bad.
    """
    good, bad, runs = 0, len(found), 0
    known = dict(outputs)
    while bad - good > 1:
        middle = (good + bad) // 2
        marked = cut(found, middle, tuple(outputs))
        seen = errors(marked)
        runs += 1
        known |= {name: seen[name] for name in marked}
        if any(not known[name] <= tolerance for name in marked):
            bad = middle
        elif all(seen[name] <= tolerance for name in outputs):
            return Located(None, known, runs, marked)
        else:
            good = middle
    step = found[bad - 1]
    unknown = [name for name in (*step.reads, *step.makes) if name not in known]
    if unknown:
        known |= errors(unknown)
        runs += 1
    return Located(step, {name: known[name] for name in (*step.reads, *step.makes)}, runs)


def between(
    node: Node, known: Collection[str], producers: Mapping[str, Node], graph: Graph
) -> tuple[set[str], tuple[str, ...]]:
    """The nodes between a node and the comparable tensors behind it, itself included; and those tensors."""
    inside, reads, pending = {node.name}, [], list(node.reads)
    seen: set[str] = set()
    while pending:
        name = pending.pop(0)
        producer = producers.get(name)
        if name in seen or name in graph.constants or producer is None:
            continue
        seen.add(name)
        if name in known:
            reads.append(name)
        else:
            inside.add(producer.name)
            pending += producer.reads
    return inside, tuple(reads)


def added_between(step: Step, reference: Graph, engine: Graph, pairs: Mapping[str, str], origins: Origins) -> list[str]:
    """The engine's nodes that compute a step and stand for no node of the reference, in order.

    Args:
        step: of the reference.
        reference: its graph.
        engine: graph of the engine.
        pairs: tensors that both have, name in the reference -> name in the engine.
        origins: node of the engine -> nodes of the reference that it stands for.
    """
    known, producers = set(pairs.values()), engine.producers
    makers = {name: producers[pairs[name]] for name in step.makes if pairs[name] in producers}
    inside = {name for node in makers.values() for name in between(node, known, producers, engine)[0]}
    same = {node.name for name, node in makers.items() if node.op_type == reference.producers[name].op_type}
    ours = {node.name for node in reference.nodes}
    stands_for_none = (name for name in inside - same if ours.isdisjoint(origins.get(name) or (name,)))
    return [node.name for node in engine.in_order(set(stands_for_none))]
