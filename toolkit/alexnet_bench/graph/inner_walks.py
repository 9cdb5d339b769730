"""What the graphs inside an If, Loop or Scan tell about its outputs, from a walk over each of them.

What is found out of branches and turns is left with the node, as attributes that `bodies` reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain, repeat
from typing import TYPE_CHECKING

from alexnet_bench.core.graph import Tensor
from alexnet_bench.graph import contradictions, turns
from alexnet_bench.graph.bodies import FITTING, MAX_TURNS, TAKEN, TURNS, Values
from alexnet_bench.graph.convert import node_from_proto, tensor_from_info
from alexnet_bench.graph.known_tensors import KnownTensors
from alexnet_bench.graph.walk import nested_nodes, subgraphs

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto


@dataclass(frozen=True)
class Walked:
    """A body after a walk over it.

    Attributes:
        graph: with the shapes that were found in it.
        known: its tensors and those that it captures.
        values: of its small tensors.
    """

    graph: GraphProto
    known: KnownTensors
    values: Values

    def contradiction(self) -> str:
        """Which of its nodes cannot be, and why; "" where all can."""
        nodes = (node_from_proto(node, node.name or node.op_type) for node in self.graph.node)
        known = contradictions.Known(self.known.tensors, self.values.integers, self.values.ends)
        return contradictions.first(nodes, known)

    def ends_as(self, name: str, start: Tensor) -> bool:
        """Whether a tensor has the type and the sizes of another."""
        return self.known.sizes(name) == start.sizes and self.known.tensors[name].dtype == start.dtype


_WALKS = 4
"""Over the body of a loop, at most: each opens what the one before found to change."""

Walk = Callable[["GraphProto", Mapping[str, Tensor]], Walked]
"""Walks over a body, given what is known of its inputs; the shapes that it finds are written into the body."""


def enter(node: NodeProto, known: KnownTensors, walk: Walk, *, retry: bool) -> dict[str, Values]:
    """Goes on inside the bodies of a node, and takes what they tell about its outputs.

    Args:
        node: of any operator; those without bodies are left alone.
        known: what is known around it, to which its outputs are added.
        walk: over one of its bodies.
        retry: whether a loop whose turns differ in shape is walked again, with those shapes open.

    Returns:
        the values that were followed inside, by the name of the attribute that holds the body.
    """
    graphs = subgraphs(node)
    if node.op_type == "If":
        return _enter_branches(node, known, walk)
    if len(graphs) == 1 and (node.op_type == "Loop" or (node.op_type == "Scan" and known.opsets.get("", 1) > 8)):
        return _enter_loop(node, graphs[0], known, walk, _WALKS if retry else 1)
    return {}


def may_end_early(graph: GraphProto) -> bool:
    """Whether a graph that was walked over has a loop of which the most turns are known, but which may make fewer."""
    noted = (item for node in nested_nodes(graph.node) for item in node.attribute if item.name == TURNS)
    return any(list(item.ints[1:]) == [0] for item in noted)


def _enter_branches(node: NodeProto, known: KnownTensors, walk: Walk) -> dict[str, Values]:
    """Takes what both branches of an If make alike, or what the one makes that its condition leads to."""
    branches = {item.name: item.g for item in node.attribute if item.HasField("g")}
    condition = known.number(node.input[0]) if node.input else None
    taken = "" if condition is None else "then_branch" if condition else "else_branch"
    possible = {taken: branches[taken]} if taken in branches else branches
    walks = {name: walk(graph, {}) for name, graph in possible.items()}
    fitting = [name for name, walked in walks.items() if not walked.contradiction()] or list(walks)
    ends = zip(node.output, *(possible[name].output for name in fitting), strict=False)
    for made, *infos in ends:
        pairs = zip(fitting, infos, strict=True)
        found = [walks[name].known.tensors.get(info.name, Tensor("")) for name, info in pairs]
        if len({(tensor.dtype, tensor.shape) for tensor in found}) == 1:
            known.fill({made: found[0]})
    _note(node, TAKEN, taken if taken in branches else None)
    _note(node, FITTING, fitting[0] if len(fitting) < len(walks) else None)
    return {name: walked.values for name, walked in walks.items()}


def _enter_loop(node: NodeProto, body: GraphProto, known: KnownTensors, walk: Walk, tries: int) -> dict[str, Values]:
    """Takes the shapes of the initial values for those of every turn, where a turn leaves them as they are.

    A value whose shape a turn changes, or is not known to keep, is open from then on, and so may be others that are
    made of it; with the last walk all are.
    """
    from onnx import GraphProto

    carried = _carried(node, body)
    seeds = {inside: known.tensors[first] for first, inside, *_ in carried if known.sizes(first) is not None}
    fixed = _slices(node, body, known)
    for more in reversed(range(tries)):
        turn = GraphProto()
        turn.CopyFrom(body)
        walked = walk(turn, fixed | seeds)
        changed = {
            inside for _, inside, after, _ in carried if inside in seeds and not walked.ends_as(after, seeds[inside])
        }
        if changed:
            seeds = {name: start for name, start in seeds.items() if name not in changed} if more > 1 else {}
        else:
            body.CopyFrom(turn)
            known.fill({made: seeds[inside] for _, inside, _, made in carried if inside in seeds})
            if node.op_type == "Loop":
                known.fill(_stacked(node, walked, _note_turns(node, known, walked)))
            return {"body": walked.values}
    return {}


def _carried(node: NodeProto, body: GraphProto) -> list[tuple[str, str, str, str]]:
    """Of each carried value: its name before the first turn, inside the body, at its end, and after the last turn."""
    before, after = (2, 1) if node.op_type == "Loop" else (0, 0)
    count = len(node.input) - (before if node.op_type == "Loop" else _scanned(node))
    inside, ends = ([info.name for info in infos] for infos in (body.input, body.output))
    rows = zip(node.input[before:], inside[before:], ends[after:], chain(node.output, repeat("")), strict=False)
    return list(rows)[: max(count, 0)]


def _slices(node: NodeProto, body: GraphProto, known: KnownTensors) -> dict[str, Tensor]:
    """The inputs of a body that are the same in every turn: counter and condition, or what a Scan cuts up."""
    if node.op_type == "Loop":
        kinds = zip(body.input, ("int64", "bool"), strict=False)
        return {
            info.name: Tensor(info.name, dtype, ()) for info, dtype in kinds if tensor_from_info(info).sizes is None
        }
    states = len(node.input) - _scanned(node)
    axes = next((list(item.ints) for item in node.attribute if item.name == "scan_input_axes"), [])
    found = {}
    for name, info, axis in zip(node.input[states:], body.input[states:], chain(axes, repeat(0)), strict=False):
        sizes = list(known.sizes(name) or ())
        if -len(sizes) <= axis < len(sizes):
            del sizes[axis]
            found[info.name] = Tensor(info.name, known.tensors[name].dtype, tuple(sizes))
    return found


def _scanned(node: NodeProto) -> int:
    """How many of the inputs of a Scan it cuts up."""
    found = next((int(item.i) for item in node.attribute if item.name == "num_scan_inputs"), 0)
    return min(max(found, 0), len(node.input))


def _stacked(node: NodeProto, walked: Walked, length: int | None) -> dict[str, Tensor]:
    """What a Loop makes of a value from each turn, where the number of turns is known."""
    states = max(len(node.input) - 2, 0)
    pairs = zip(node.output[states:], walked.graph.output[states + 1 :], strict=False)
    found = {made: walked.known.tensors.get(info.name, Tensor("")) for made, info in pairs}
    return {
        made: Tensor(made, tensor.dtype, (length, *tensor.sizes))
        for made, tensor in found.items()
        if length is not None and tensor.dtype and tensor.sizes is not None
    }


def _note_turns(node: NodeProto, known: KnownTensors, walked: Walked) -> int | None:
    """Leaves with a Loop its largest number of turns, where that is known, and whether it can end earlier.

    Returns:
        the number of turns, where it cannot end earlier, or is taken not to.
    """
    most, sure = turns.of_loop(node, walked.graph, known, walked.known)
    if most is not None and most > MAX_TURNS and not sure:
        most = None
    _note(node, TURNS, None if most is None else [most, int(sure)])
    return most if sure or known.assumes else None


def _note(node: NodeProto, name: str, value: str | list[int] | None) -> None:
    """Leaves what was found out with a node, as an attribute, in place of one of that name that the file has."""
    from onnx import helper

    for position in reversed([at for at, item in enumerate(node.attribute) if item.name == name]):
        del node.attribute[position]
    if value is not None:
        node.attribute.append(helper.make_attribute(name, value))
