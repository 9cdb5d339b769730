"""Where a reference makes elements that are no numbers, which no engine can be compared with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path

from alexnet_bench.backends.array_files import read_arrays
from alexnet_bench.core.errors import AlexnetBenchError
from alexnet_bench.core.text import printable
from alexnet_bench.core.verification import FirstBad
from alexnet_bench.verdict.first_bad import locate, steps
from alexnet_bench.verdict.parity import has_nan
from alexnet_bench.verdict.sides import ModelSide

_ITSELF = "the reference itself gives elements that are no numbers"


@dataclass
class _Runs:
    """The reference alone: a tensor with elements that are no numbers has an infinite error, all others none."""

    reference: ModelSide
    outputs: Collection[str]
    folder: Path
    progress: Callable[[str], None]
    count: int = 0

    def errors(self, names: Sequence[str]) -> dict[str, float]:
        self.count += 1
        self.progress(f"looking for the first node of the reference that makes what is no number, run {self.count}")
        made = self.reference.run(self.folder / "reference", names).outputs
        return {name: inf if has_nan(made[name]) else 0.0 for name in (*names, *self.outputs)}


def first_numberless(
    reference: ModelSide, outputs: Collection[str], folder: Path, progress: Callable[[str], None]
) -> FirstBad:
    """Says that the fault is the reference's, and which of its nodes is the first to make what is no number.

    Args:
        reference: that is run with tensors marked, the engine is not.
        outputs: in which it has such elements.
        folder: for a copy of it, and for tensors.
        progress: told before each run.
    """
    if any(has_nan(read_arrays(inputs).values()) for inputs in reference.inputs):
        return FirstBad(found=False, detail=f"{_ITSELF}, and so do the inputs")
    made = reference.graph.producers.keys()
    typed = {name for name in made if reference.graph.tensor(name).dtype} | set(outputs)
    places = steps(reference.graph, typed, tuple(outputs))
    if not places:
        return FirstBad(found=False, detail=_ITSELF)
    runs = _Runs(reference, outputs, folder, progress)
    try:
        located = locate(places, dict.fromkeys(outputs, inf), runs.errors, 0.0)
    except AlexnetBenchError:  # a runtime may refuse a tensor as an output
        located = None
    detail = _ITSELF
    if located is not None and located.step is not None:
        detail += f", first made by {', '.join(map(printable, located.step.nodes))}"
    return FirstBad(found=False, runs=runs.count, candidates=len(places), detail=detail)
