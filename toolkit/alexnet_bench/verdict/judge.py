"""The verdict on each output, and on the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import isfinite

from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.text import plural, printable
from alexnet_bench.core.units import percent
from alexnet_bench.core.verification import OutputParity, SelfCheck, Verdict
from alexnet_bench.verdict import self_checks
from alexnet_bench.verdict.last_bias import LastBias
from alexnet_bench.verdict.model_run import Run
from alexnet_bench.verdict.parity import Array, Comparison, Parity, compare, top1_agreement, type_name
from alexnet_bench.verdict.ranking import Ranking

_ALL_ALIKE = "no output differs from input to input, so that any of them would do; try --inputs"
_SAME_NETWORK = "outputs are matched by name: give --against the model that the engine was made from"

_MOST_DIGITS = 16
"""Behind the point, which tell any two numbers in double precision apart; one less shows them as they were typed."""


@dataclass(frozen=True)
class Criterion:
    """What passes.

    Attributes:
        tolerance: largest error.
        top1: whether the largest element of each row is compared too, for the report.
        biases: the last bias of each output, or why there is none to take away.
        bias_values: by the name of the tensor that holds it.
        rankings: of the outputs that are indices chosen by scores.
        scores: of the reference, by the name of the tensor, for each input.
    """

    tolerance: float
    top1: bool = False
    biases: Mapping[str, LastBias | str] = field(default_factory=dict)
    bias_values: Mapping[str, Array] = field(default_factory=dict)
    rankings: Mapping[str, Ranking] = field(default_factory=dict)
    scores: Mapping[str, Sequence[Array]] = field(default_factory=dict)

    def bias(self, output: str) -> tuple[LastBias | str, Array | None]:
        """The last bias of an output and its values."""
        found = self.biases.get(output, "without a reference model it is not known")
        return found, None if isinstance(found, str) else self.bias_values.get(found.tensor)

    def by_score(self, output: str, reference: Sequence[Array], engine: Sequence[Array]) -> Parity | None:
        """Both by the scores that they choose; None where the output is no such indices, or one of them is no index."""
        ranking = self.rankings.get(output)
        scores = self.scores.get(ranking.scores) if ranking else None
        if ranking is None or scores is None:
            return None
        ours, theirs = ranking.chosen(reference, scores), ranking.chosen(engine, scores)
        if ours is None or theirs is None:
            return None
        found = compare(ours, theirs)
        return found if found.problem else replace(found, measure="score", error=found.relative_error or 0.0)


def matched_outputs(reference: Run, engine: Run, wanted: Sequence[str]) -> tuple[list[str], list[str]]:
    """The reference's outputs, which the engine must have; and those that it has beyond them.

    Raises:
        UsageError: the engine lacks one, or holds another number of inputs.
    """
    missing = [name for name in wanted if name not in engine.outputs]
    if missing:
        theirs = ", ".join(map(printable, engine.outputs))
        raise UsageError(f"the engine has no output {printable(missing[0])}; it has {theirs}", _SAME_NETWORK)
    ours, theirs_count = len(reference.outputs[wanted[0]]), len(engine.outputs[wanted[0]])
    if ours != theirs_count:
        raise UsageError(
            f"the engine gives outputs for {plural(theirs_count, 'input')}, the reference for {ours}",
            "store both for the same inputs",
        )
    return list(wanted), [name for name in engine.outputs if name not in wanted]


def judge_output(name: str, reference: Sequence[Array], engine: Sequence[Array], criterion: Criterion) -> OutputParity:
    """One output of both, over all inputs."""
    parity = compare(reference, engine)
    if parity.measure == "exact" and parity.error:
        parity = criterion.by_score(name, reference, engine) or parity
    limit = 0.0 if parity.measure == "exact" else criterion.tolerance
    reason = _reason(parity, limit) or _lost(criterion, name, reference, engine)
    return OutputParity(
        name=name,
        shape=engine[0].shape,
        dtype=type_name(engine[0]),
        reference_dtype=type_name(reference[0]),
        measure=parity.measure,
        error=_known(parity.error),
        tolerance=limit,
        max_abs=parity.max_abs,
        mean_abs=parity.mean_abs,
        relative_error=_known(parity.relative_error),
        spread=_known(parity.spread),
        cosine=_known(parity.cosine),
        top1_agreement=top1_agreement(reference, engine) if criterion.top1 else None,
        worst_input=parity.worst_input,
        verdict="failed" if reason else "passed",
        reason=reason,
    )


def check_itself(
    judged: OutputParity, reference: Sequence[Array], engine: Sequence[Array], criterion: Criterion
) -> tuple[SelfCheck, SelfCheck]:
    """Both faults, put into one output."""
    bias, values = criterion.bias(judged.name)
    if judged.verdict == "inconclusive":
        return self_checks.not_applied(judged.name, "nothing can be said of the output itself")
    way: Comparison = compare
    if judged.measure == "score":
        way = partial(_by_score, criterion, judged.name)
    return (
        self_checks.shuffled(judged.name, reference, engine, judged.measure, judged.tolerance, way),
        self_checks.lost_bias(judged.name, bias, values, reference, judged.tolerance),
    )


def _by_score(criterion: Criterion, name: str, reference: Sequence[Array], engine: Sequence[Array]) -> Parity:
    return criterion.by_score(name, reference, engine) or compare(reference, engine)


def conclude(
    outputs: Sequence[OutputParity], checks: Sequence[SelfCheck], *, depends_on_input: bool
) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict on the whole, and its reasons.

    Args:
        outputs: judged.
        checks: of all outputs.
        depends_on_input: whether the network says that some output depends on some input.
    """
    failed, unclear = (
        tuple(f"{printable(output.name)}: {output.reason}" for output in outputs if output.verdict == verdict)
        for verdict in ("failed", "inconclusive")
    )
    if failed:
        return "failed", (*failed, *unclear)
    if unclear:
        return "inconclusive", unclear
    shuffled = [check for check in checks if check.name == self_checks.SHUFFLED]
    if depends_on_input and all(check.outcome == "does not apply" for check in shuffled):
        return "inconclusive", (_ALL_ALIKE,)
    missed = tuple(
        f"{printable(check.output)}: a wrong engine would pass as well ({check.name.replace('-', ' ')}): {check.detail}"
        for check in checks
        if check.outcome == "missed"
    )
    if missed:
        return "inconclusive", missed
    return "passed", ()


def _reason(parity: Parity, limit: float) -> str:
    if parity.problem:
        return parity.problem
    if parity.nan_in_both:
        return f"the reference itself gives {plural(parity.nan_in_both, 'element')} that are no numbers"
    if parity.error <= limit:
        return ""
    if parity.measure == "exact":
        return f"{percent(parity.error)} of the elements differ, and these are compared exactly"
    text = f"the error is {_above(parity.error, limit)}"
    if parity.measure == "score":
        return f"{text}, by the scores that its indices choose"
    if parity.measure == "spread" and (parity.relative_error or 0.0) <= limit:
        text += (
            f" (outputs of different inputs differ by {parity.spread or 0.0:.1e} of their size, "
            f"and the engine's from the reference's by {parity.relative_error or 0.0:.1e})"
        )
    return text


def _above(error: float, limit: float) -> str:
    """Both, the error with as many digits as tell it from the limit."""
    digits = next((count for count in range(2, _MOST_DIGITS) if float(f"{error:.{count}e}") > limit), _MOST_DIGITS)
    return f"{error:.{digits}e}, above {limit:.{_MOST_DIGITS - 1}g}"


def _lost(criterion: Criterion, name: str, reference: Sequence[Array], engine: Sequence[Array]) -> str:
    bias, values = criterion.bias(name)
    if isinstance(bias, str) or values is None:
        return ""
    if not self_checks.is_lost(bias, values, reference, engine):
        return ""
    where = f"{printable(bias.tensor)} of {printable(bias.node)}"
    return f"it is off by the last bias, {where}, which the engine seems to lack"


def _known(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None
