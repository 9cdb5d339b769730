"""All outputs of an engine against those of its reference: each judged, the faults put in, and what follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alexnet_bench.core.graph import Graph
from alexnet_bench.core.verification import OutputParity, SelfCheck, Verdict
from alexnet_bench.verdict.judge import Criterion, check_itself, conclude, judge_output
from alexnet_bench.verdict.repeats import Outputs, without_unrepeated
from alexnet_bench.verdict.small_elements import small_elements


@dataclass(frozen=True, slots=True)
class Judged:
    """What was found.

    Attributes:
        outputs: in the order of their names.
        checks: two for each output.
        verdict: on the whole.
        reasons: why it did not pass.
        notes: what the errors of outputs that passed do not show.
    """

    outputs: tuple[OutputParity, ...]
    checks: tuple[SelfCheck, ...]
    verdict: Verdict
    reasons: tuple[str, ...]
    notes: tuple[str, ...]


def judge(
    names: Sequence[str],
    reference: Outputs,
    engine: Outputs,
    criterion: Criterion,
    *,
    graph: Graph | None,
    again: Callable[[], Outputs],
    same_runtime: bool,
) -> Judged:
    """Judges an engine by its outputs.

    Args:
        names: of the outputs.
        reference: outputs, one array for each input.
        engine: likewise.
        criterion: what passes.
        graph: of the reference; None for stored outputs, which cannot be made again.
        again: runs the reference once more; called when an output failed.
        same_runtime: whether both run on the same runtime.
    """
    outputs = tuple(judge_output(name, reference[name], engine[name], criterion) for name in names)
    if graph is not None:
        outputs = without_unrepeated(outputs, reference, again, graph, same_runtime=same_runtime)
    sides = {name: (reference[name], engine[name]) for name in names}
    checks = tuple(check for item in outputs for check in check_itself(item, *sides[item.name], criterion))
    verdict, reasons = conclude(outputs, checks, depends_on_input=graph is None or bool(graph.live))
    notes = tuple(filter(None, (small_elements(item, *sides[item.name]) for item in outputs)))
    return Judged(outputs, checks, verdict, reasons, notes)
