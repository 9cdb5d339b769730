"""The search for the first node that leaves the tolerance: models marked, run and compared."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, isfinite, log2
from pathlib import Path

from alexnet_bench.core.errors import AlexnetBenchError
from alexnet_bench.core.text import plural, printable
from alexnet_bench.core.verification import FirstBad, OutputParity, TensorError
from alexnet_bench.verdict.first_bad import Located, Step, locate, steps
from alexnet_bench.verdict.numberless import first_numberless
from alexnet_bench.verdict.pairs import same_tensors
from alexnet_bench.verdict.parity import Array, compare
from alexnet_bench.verdict.sides import AnySide, ModelSide

_AT_ONCE_BYTES = 1 << 30
"""Of the reference's tensors over all inputs: up to here they are all kept from one run, on disk."""
_GROWS = 0.5
"""Of the tolerance: an error that large before the node has grown on the way there."""


@dataclass
class _Search:
    """Both models, and what is known of the reference's tensors."""

    reference: ModelSide
    engine: ModelSide
    pairs: Mapping[str, str]
    places: Sequence[Step]
    failing: Mapping[str, float]
    folder: Path
    progress: Callable[[str], None]
    runs: int = 0
    kept: dict[str, Sequence[Array]] = field(default_factory=dict)

    def errors(self, names: Sequence[str]) -> dict[str, float]:
        """The error of tensors, and of the failing outputs."""
        self.runs += 1
        most = ceil(log2(len(self.places))) + 1
        self.progress(f"looking for the first node that leaves the tolerance, run {self.runs} of at most {most}")
        ours = self._references(names)
        theirs = self.engine.run(self.folder / "engine", [self.pairs[name] for name in names]).outputs
        return {name: compare(ours[name], theirs[self.pairs[name]]).error for name in (*names, *self.failing)}

    def _references(self, names: Sequence[str]) -> Mapping[str, Sequence[Array]]:
        if not self.kept.keys() >= {*names, *self.failing}:
            every = [name for step in self.places for name in step.makes]
            at_once = self._size_bytes(every) <= _AT_ONCE_BYTES
            self.kept = dict(self.reference.run(self.folder / "reference", every if at_once else names).outputs)
        return self.kept

    def _size_bytes(self, names: Sequence[str]) -> float:
        sizes = [self.reference.graph.tensor(name).size_bytes for name in names]
        return float("inf") if None in sizes else len(self.reference.inputs) * sum(size or 0 for size in sizes)


def find_first_bad(
    reference: AnySide,
    engine: AnySide,
    outputs: Sequence[OutputParity],
    tolerance: float,
    folder: Path,
    progress: Callable[[str], None],
    *,
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
        numberless: outputs in which the reference itself has elements that are no numbers.
    """
    if not isinstance(reference, ModelSide) or not isinstance(engine, ModelSide):
        return FirstBad(found=False, detail="stored outputs show nothing of what is inside")
    pairs = _comparable(reference, engine)
    failing = {
        output.name: float("inf") if output.error is None else output.error
        for output in outputs
        if output.verdict == "failed" and output.name in pairs and (output.error is None or output.error > tolerance)
    }
    if not failing:
        within = FirstBad(found=False, detail="no output is off by more than the tolerance that holds inside")
        return first_numberless(reference, numberless, folder, progress) if numberless else within
    places = steps(reference.graph, pairs, tuple(failing))
    if not places:
        return FirstBad(found=False, detail="no node makes the failing output")
    search = _Search(reference, engine, pairs, places, failing, folder, progress)
    try:
        located = locate(places, failing, search.errors, tolerance)
    except AlexnetBenchError as error:  # a runtime may refuse a tensor as an output
        return FirstBad(found=False, runs=search.runs, candidates=len(places), detail=error.message)
    if located.step is None:
        return _vanished(located, len(places))
    return _found(located, located.step, pairs, len(places), tolerance)


def _comparable(reference: ModelSide, engine: ModelSide) -> dict[str, str]:
    """Tensors of a known type that both have; outputs keep their names."""
    pairs = same_tensors(reference.graph, engine.graph, engine.origins)
    pairs = {name: other for name, other in pairs.items() if reference.graph.tensor(name).dtype}
    return pairs | {name: name for name in reference.graph.outputs}


def _found(located: Located, step: Step, pairs: Mapping[str, str], candidates: int, tolerance: float) -> FirstBad:
    makes, reads = (
        tuple(sorted((_tensor(name, pairs, located.errors) for name in names), key=_badness, reverse=True))
        for names in (step.makes, step.reads)
    )
    detail = ""
    if reads and _badness(reads[0]) > _GROWS * tolerance:
        detail = "the error grows on the way there: rather a sum of many small ones than a fault of this node"
    return FirstBad(True, step.nodes, makes, reads, located.runs, candidates, detail)


def _vanished(located: Located, candidates: int) -> FirstBad:
    where = ", ".join(printable(name) for name in located.marked[:3])
    more = f" and {plural(len(located.marked) - 3, 'more tensor')}" if located.marked[3:] else ""
    detail = f"the fault goes away when {where}{more} can be seen from outside: look for a fusion across it"
    return FirstBad(found=False, runs=located.runs, candidates=candidates, detail=detail)


def _tensor(name: str, pairs: Mapping[str, str], errors: Mapping[str, float]) -> TensorError:
    error = errors[name]
    return TensorError(name, pairs[name], error if isfinite(error) else None)


def _badness(tensor: TensorError) -> float:
    return float("inf") if tensor.error is None else tensor.error
