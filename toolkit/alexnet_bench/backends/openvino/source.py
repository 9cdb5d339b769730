"""The model as OpenVINO read it: which of the user's tensors each operator makes, or takes part in making."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from alexnet_bench.backends.openvino.record import SourceOp
from alexnet_bench.core.graph import Graph

Result = tuple[int, int]
"""An operator, and which of its outputs; likewise a kernel."""
_NO_OPERATION = ("Identity", "Dropout")
"""Operators that OpenVINO leaves out as it reads; what they read then has the name of what they make."""


@dataclass(frozen=True)
class Value:
    """What an output of an operator or a kernel stands for.

    Attributes:
        tensors: the user's names of it.
        is_whole: it is that tensor; else a step on the way to it, inside the one node that makes it.
    """

    tensors: tuple[str, ...]
    is_whole: bool = True


class Source:
    """The operators by number, in terms of the user's tensors.

    Args:
        operators: in topological order.
        graph: the user's.
    """

    def __init__(self, operators: Sequence[SourceOp], graph: Graph) -> None:
        self._operators = operators
        self._producers = graph.producers
        self._known = {*graph.producers, *graph.inputs}
        self._same = _same_tensors(graph)
        self._steps = self._find_steps()

    def value(self, operator: int, output: int) -> Value | None:
        """What an output of an operator stands for, None when that is no tensor of the user."""
        outputs = self._operators[operator].outputs
        tensors = self._tensors(outputs[output]) if output < len(outputs) else ()
        if tensors:
            return Value(tensors)
        steps = self._steps[operator]
        return Value(tuple(steps), is_whole=False) if steps else None

    def last(self, operators: Iterable[int]) -> list[int]:
        """Those of several operators that none of the others is computed from."""
        wanted = set(operators)
        earlier: set[int] = set()
        for operator in wanted:
            earlier |= self._before(operator, min(wanted)) & wanted
        return sorted(wanted - earlier)

    def inputs(self, operators: Iterable[int]) -> set[tuple[int, int]]:
        """(Operator, output) of everything that they read."""
        return {read for operator in operators for read in self._operators[operator].inputs}

    def tensors_read(self, operators: Collection[int]) -> tuple[str, ...]:
        """The user's tensors that several operators read and that are not computed from what one of them makes."""
        found: dict[str, None] = {}
        pending = list(self.inputs(operators))
        seen = set(pending)
        while pending:
            operator, output = pending.pop()
            if operator in operators:
                continue
            tensors = self._tensors(self._operators[operator].outputs[output])
            if tensors and self._before(operator, min(operators)).isdisjoint(operators):
                found |= dict.fromkeys(tensors)
            else:
                before = [read for read in self._operators[operator].inputs if read not in seen]
                pending += before
                seen.update(before)
        return tuple(found)

    def nearest(self, operators: Collection[int], wanted: Collection[Result], ends: Collection[int]) -> set[Result]:
        """Those of several results that operators read, or that what they read is computed from.

        Args:
            operators: that read.
            wanted: the results.
            ends: operators that the search does not go through.
        """
        lowest = min((operator for operator, _ in wanted), default=0)
        pending = list(self.inputs(operators))
        seen, found = set(pending), set[Result]()
        while pending:
            result = pending.pop()
            if result in wanted:
                found.add(result)
            elif result[0] > lowest and (result[0] in operators or result[0] not in ends):
                before = [read for read in self._operators[result[0]].inputs if read not in seen]
                pending += before
                seen.update(before)
        return found

    def inputs_in_order(self, operator: int) -> list[Result]:
        """What an operator reads."""
        return self._operators[operator].inputs

    def kind(self, operator: int) -> str:
        """OpenVINO's name for what an operator does."""
        return self._operators[operator].kind

    def sizes(self, result: Result) -> list[int] | None:
        """Of a result; None where they are not known."""
        sizes = self._operators[result[0]].sizes
        return sizes[result[1]] if result[1] < len(sizes) else None

    def outputs(self, operator: int) -> int:
        """How many outputs an operator has."""
        return len(self._operators[operator].outputs)

    def _tensors(self, names: Sequence[str]) -> tuple[str, ...]:
        known = (name for name in names if name in self._known)
        return tuple(dict.fromkeys(same for name in known for same in self._same.get(name, (name,))))

    def _before(self, operator: int, lowest: int) -> set[int]:
        """What an operator is computed from; not looked for below the number `lowest`."""
        found: set[int] = set()
        pending = [operator]
        while pending:
            for source, _ in self._operators[pending.pop()].inputs:
                if source >= lowest and source not in found:
                    found.add(source)
                    pending.append(source)
        return found

    def _find_steps(self) -> list[tuple[str, ...]]:
        """For each operator without a tensor of the user, those of the one node that it serves, if there is one."""
        ahead: list[dict[str, None]] = [{} for _ in self._operators]
        for number in reversed(range(len(self._operators))):
            made = [name for names in self._operators[number].outputs for name in self._tensors(names)]
            serves = dict.fromkeys(made) if made else ahead[number]
            for source, _ in self._operators[number].inputs:
                if not any(map(self._tensors, self._operators[source].outputs)):
                    ahead[source] |= serves
        makers = [{id(self._producers.get(name)) for name in names} for names in ahead]
        return [tuple(names) if len(of_names) == 1 else () for names, of_names in zip(ahead, makers, strict=True)]


def _same_tensors(graph: Graph) -> dict[str, tuple[str, ...]]:
    """For what an operator without effect makes, that and what it reads, if a node makes that."""
    made = graph.producers
    same: dict[str, tuple[str, ...]] = {}
    for node in graph.live_nodes:
        if node.op_type in _NO_OPERATION and not node.domain and node.inputs[0] in made:
            same[node.outputs[0]] = (node.outputs[0], *same.get(node.inputs[0], (node.inputs[0],)))
    return same
