"""Which engine `--backend fastest` takes: the winner of a contest, as what a worker loads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from alexnet_bench.backends.protocol import LoadRequest
from alexnet_bench.core.contest import ContestCase, Entry
from alexnet_bench.workflows.contests.contest import contest
from alexnet_bench.workflows.contests.options import ContestOptions
from alexnet_bench.workflows.engines.steps import load_request
from alexnet_bench.workflows.engines.subject import build_for
from benchmarks.throughput import Case

FP32, BF16 = "fp32", "bf16"


@dataclass(frozen=True)
class Held:
    """A contest that was held.

    Attributes:
        model: that it was about.
        cases: by batch.
    """

    model: str | Path
    cases: dict[int, ContestCase]

    def winner(self, batch: int, precisions: Sequence[str]) -> Entry:
        """The fastest entry within its tolerance, of those that compute in one of the precisions.

        Raises:
            LookupError: no entry is.
        """
        for entry in self.cases[batch].entries:  # the fastest comes first
            if entry.is_within and (entry.precision or FP32) in precisions:
                return entry
        raise LookupError(f"no backend runs {self.model} at batch {batch} within the tolerance")


def hold(
    model: str | Path,
    batches: Sequence[int],
    precisions: Sequence[str],
    *,
    threads: int,
    seconds: float,
    processes: int,
    say: Callable[[str], None],
) -> Held:
    """Holds the contest that `--backend fastest` picks by."""
    options = ContestOptions(precisions=tuple(precisions), threads=threads, seconds=seconds, processes=processes)
    found = contest(model, batches=tuple(batches), options=options, progress=say)
    return Held(model, {case.batch: case for case in found.cases})


def as_loaded(held: Held, entry: Entry, case: Case) -> LoadRequest:
    """What a worker loads for an entry: the model as given, or the engine of its backend and precision."""
    graph = case.prepared.graph
    if entry.precision is None:
        shapes = {name: graph.tensor(name).sizes or () for name in graph.inputs}
        return LoadRequest(entry.backend, str(case.prepared.path), case.threads, shapes=shapes)
    engine = build_for(
        held.model,
        backend=entry.backend,
        recipe=None,
        precision=entry.precision,
        optimize=None,
        timeout_s=None,
        progress=lambda _: None,
    )
    return load_request(engine.recipe, engine.file, graph, case.threads)


def describe(entry: Entry) -> str:
    """For people."""
    error = entry.error.error if entry.error and entry.error.error is not None else float("nan")
    made = f"engine by {entry.recipe}" if entry.recipe else "model as given"
    return f"{entry.backend}, {made}, error {error:.1e}"
