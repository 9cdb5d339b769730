"""The search for the first node that leaves the tolerance: models marked, run and compared."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, isfinite, log2
from pathlib import Path

from alexnet_bench.core.errors import AlexnetBenchError
from alexnet_bench.core.text import plural, printable
from alexnet_bench.core.verification import FirstBad, OutputParity, TensorError
from alexnet_bench.verdict.first_bad import Located, Step, added_between, locate, steps
from alexnet_bench.verdict.model_run import Run
from alexnet_bench.verdict.numberless import first_numberless
from alexnet_bench.verdict.pairs import same_tensors
from alexnet_bench.verdict.parity import Array, compare
from alexnet_bench.verdict.precision import is_quantised
from alexnet_bench.verdict.ranking import find_ranking
from alexnet_bench.verdict.sides import AnySide, ModelSide

_AT_ONCE_BYTES = 1 << 30
"""Of the reference's tensors over all inputs: up to here they are all kept from one run, on disk."""
_GROWS = 0.5
"""Of the error that is made: where that much is read already, it has grown on the way there."""
_CHANGES = 0.5
"""Of the tolerance: an engine whose outputs change by more when tensors are marked computes something else."""
_MOST_NAMED = 6
"""Nodes of the engine alone, in a remark."""
_PATIENCE = 4
"""Times the runs that halving takes: where marking changes the outputs, tensors are tried one by one."""


class _ChangedError(Exception):
    """Tensors that change what the engine computes as soon as they are marked."""

    def __init__(self, tensors: Sequence[str]) -> None:
        super().__init__(*tensors)
        self.tensors = tensors


@dataclass
class _Search:
    """Both models, and what is known of their tensors.

    Attributes:
        reference: what is right.
        engine: that fails.
        pairs: tensors that both have.
        unmarked: the engine's outputs as they were judged.
        failing: outputs, with their errors.
        tolerance: for the tensors inside.
        folder: for copies of both models, and for tensors.
        progress: told before each run.
        halving: runs that it takes where marking changes nothing.
        runs: so far.
        known: errors of tensors, as they are in the engine that was judged.
        kept: tensors of the reference.
        marked: in the last run.
        change: of an output, the largest that marking brought.
    """

    reference: ModelSide
    engine: ModelSide
    pairs: Mapping[str, str]
    unmarked: Mapping[str, Sequence[Array]]
    failing: Mapping[str, float]
    tolerance: float
    folder: Path
    progress: Callable[[str], None]
    halving: int
    runs: int = 0
    known: dict[str, float] = field(default_factory=dict)
    kept: dict[str, Sequence[Array]] = field(default_factory=dict)
    marked: Sequence[str] = ()
    change: float = 0.0

    def errors(self, names: Sequence[str]) -> Mapping[str, float]:
        """The error of tensors, and of the failing outputs.

        Raises:
            _ChangedError: some of them cannot be seen as they are in the engine that was judged.
        """
        unknown = [name for name in names if name not in self.known]
        seen, changes = self._run(unknown) if unknown else ({}, False)
        if changes and all(seen[name] <= self.tolerance for name in self.failing):
            return {**self.known, **seen}
        changing = [name for name in unknown if changes and (len(unknown) == 1 or self._run([name])[1])]
        if changing:
            raise _ChangedError(changing)
        return {**self.known, **self.failing}

    def _run(self, names: Sequence[str]) -> tuple[dict[str, float], bool]:
        """Their errors with these marked, and whether that changes what the engine computes."""
        if self.runs >= _PATIENCE * self.halving:
            raise _ChangedError(())
        self.runs, self.marked = self.runs + 1, names
        about = f" of about {self.halving}" if self.runs <= self.halving else ""
        self.progress(f"looking for the first node that leaves the tolerance, run {self.runs}{about}")
        ours = self._references(names)
        theirs = self.engine.run(self.folder / "engine", [self.pairs[name] for name in names]).outputs
        seen = {name: self._error(name, ours[name], theirs[self.pairs[name]]) for name in (*names, *self.failing)}
        change = max(self._error(name, self.unmarked[name], theirs[name]) for name in self.failing)
        if change <= _CHANGES * self.tolerance:
            self.known |= {name: seen[name] for name in names}
            return seen, False
        self.change = max(self.change, change)
        return seen, True

    def _error(self, name: str, reference: Sequence[Array], engine: Sequence[Array]) -> float:
        error = compare(reference, engine, quantised=is_quantised(self.reference.graph, name)).error
        return error if isfinite(error) else float("inf")

    def _references(self, names: Sequence[str]) -> Mapping[str, Sequence[Array]]:
        if not self.kept.keys() >= {*names, *self.failing}:
            every = [name for step in self.places(()) for name in step.makes]
            at_once = self._size_bytes(every) <= _AT_ONCE_BYTES
            self.kept = dict(self.reference.run(self.folder / "reference", every if at_once else names).outputs)
        return self.kept

    def _size_bytes(self, names: Sequence[str]) -> float:
        sizes = [self.reference.graph.tensor(name).size_bytes for name in names]
        return float("inf") if None in sizes else len(self.reference.inputs) * sum(size or 0 for size in sizes)

    def places(self, hidden: Collection[str]) -> list[Step]:
        """The steps, without tensors that cannot be seen."""
        return steps(self.reference.graph, {*self.pairs}.difference(hidden), tuple(self.failing))


def find_first_bad(
    reference: AnySide,
    engine: AnySide,
    outputs: Sequence[OutputParity],
    tolerance: float,
    folder: Path,
    progress: Callable[[str], None],
    *,
    given: tuple[Run, Run],
    numberless: Collection[str] = (),
) -> FirstBad:
    """The first node of the reference that leaves the tolerance, or why it cannot be found.

    Args:
        reference: what the engine is compared with.
        engine: that fails.
        outputs: judged.
        tolerance: for the tensors inside.
        folder: for copies of both models, and for tensors.
        progress: told before each run.
        given: what both gave when they were judged.
        numberless: outputs in which the reference itself has elements that are no numbers.
    """
    if not isinstance(reference, ModelSide) or not isinstance(engine, ModelSide):
        return FirstBad(found=False, detail="stored outputs show nothing of what is inside")
    pairs = _comparable(reference, engine)
    failing = {
        output.name: _as_inside(output, reference, given)
        for output in outputs
        if output.verdict == "failed" and output.name in pairs
    }
    failing = {name: error for name, error in failing.items() if error > tolerance}
    if not failing:
        within = FirstBad(found=False, detail="no output is off by more than the tolerance that holds inside")
        return first_numberless(reference, numberless, folder, progress) if numberless else within
    places = steps(reference.graph, pairs, tuple(failing))
    if not places:
        return FirstBad(found=False, detail="no node makes the failing output")
    halving = ceil(log2(len(places))) + 1
    search = _Search(reference, engine, pairs, given[1].outputs, failing, tolerance, folder, progress, halving)
    try:
        return _halved(search, len(places))
    except AlexnetBenchError as error:  # a runtime may refuse a tensor as an output
        return FirstBad(found=False, runs=search.runs, candidates=len(places), detail=error.message)


def _as_inside(output: OutputParity, reference: ModelSide, given: tuple[Run, Run]) -> float:
    """The error of an output by the measure for tensors inside: quantised integers need not be equal there."""
    if output.measure == "exact" and is_quantised(reference.graph, output.name):
        return compare(given[0].outputs[output.name], given[1].outputs[output.name], quantised=True).error
    return float("inf") if output.error is None else output.error


def _halved(search: _Search, candidates: int) -> FirstBad:
    hidden: set[str] = set()
    while True:
        try:
            located = locate(search.places(hidden), search.failing, search.errors, search.tolerance)
        except _ChangedError as changed:
            hidden |= set(changed.tensors)
            if changed.tensors:
                continue
            return _hidden(search, hidden, candidates)
        if located.step is None:
            return _vanished(search, candidates)
        return _found(search, located, located.step, hidden, candidates)


def _comparable(reference: ModelSide, engine: ModelSide) -> dict[str, str]:
    """Tensors of a known type that both have; outputs keep their names."""
    pairs = same_tensors(reference.graph, engine.graph, engine.origins)
    pairs = {name: other for name, other in pairs.items() if reference.graph.tensor(name).dtype}
    return pairs | {name: name for name in reference.graph.outputs}


def _found(search: _Search, located: Located, step: Step, hidden: Collection[str], candidates: int) -> FirstBad:
    makes, reads = (
        tuple(sorted((_tensor(name, search.pairs, located.errors) for name in names), key=_badness, reverse=True))
        for names in (step.makes, step.reads)
    )
    remarks = []
    if reads and _badness(reads[0]) > _GROWS * _badness(makes[0]):
        remarks.append("the error grows on the way there: rather a sum of many small ones than a fault of this node")
    seen = {name: other for name, other in search.pairs.items() if name not in hidden}
    if added := added_between(step, search.reference.graph, search.engine.graph, seen, search.engine.origins):
        remarks.append(f"the engine has nodes of its own there, which the fault may be in: {_listed(added)}")
    made = {name for node in search.reference.graph.nodes if node.name in step.nodes for name in node.writes}
    if between := [name for name in hidden if name in made]:
        remarks.append(
            f"{len(between)} of the tensors between them cannot be looked at: marked as outputs, they change what the "
            "engine computes"
        )
    if any(find_ranking(search.reference.graph, tensor.name) for tensor in makes if tensor.error):
        remarks.append(
            "these indices are compared exactly: near a tie another is as right, and what is chosen by it differs, so "
            "that a fault behind it is not seen"
        )
    return FirstBad(True, step.nodes, makes, reads, search.runs, candidates, "; ".join(remarks))


def _hidden(search: _Search, hidden: Collection[str], candidates: int) -> FirstBad:
    detail = (
        f"tensors inside cannot be looked at: with one marked as an output, the engine computes something else (for "
        f"{plural(len(hidden), 'tensor')} of those tried; a failing output changes by up to {search.change:.1e})"
    )
    return FirstBad(found=False, runs=search.runs, candidates=candidates, detail=detail)


def _vanished(search: _Search, candidates: int) -> FirstBad:
    where = ", ".join(printable(name) for name in search.marked[:3])
    more = f" and {plural(len(search.marked) - 3, 'more tensor')}" if search.marked[3:] else ""
    detail = f"the fault goes away when {where}{more} can be seen from outside: look for a fusion across it"
    return FirstBad(found=False, runs=search.runs, candidates=candidates, detail=detail)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(printable(name, 100) for name in names[:_MOST_NAMED])
    return f"{shown} and {len(names) - _MOST_NAMED} more" if names[_MOST_NAMED:] else shown


def _tensor(name: str, pairs: Mapping[str, str], errors: Mapping[str, float]) -> TensorError:
    error = errors[name]
    return TensorError(name, pairs[name], error if isfinite(error) else None)


def _badness(tensor: TensorError) -> float:
    return float("inf") if tensor.error is None else tensor.error
