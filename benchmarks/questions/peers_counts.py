"""Single operators, counted here and by four other counters: no difference without an explanation."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterator

from benchmarks import op_counts
from benchmarks.op_counts import COUNTERS, EQUAL, Comparison, Counted, Counter
from benchmarks.op_differences import REASONS
from benchmarks.rows import Goal, Quantity, Row
from benchmarks.settings import Settings


def run(settings: Settings) -> Iterator[Row]:
    """One row for each operator, one for each counter, and the one that decides."""
    missing = op_counts.missing()
    if missing:
        said = f"not installed: {', '.join(missing)} (pip install -e '.[cpu,bench,train]')"
        settings.say(f"skipped, {said}")
        yield Row("single operators against other counters", failure=said, binding=False)
        return
    comparison = op_counts.compare(settings.scratch, settings.say)
    yield from map(_case_row, comparison.cases)
    for counter in COUNTERS:
        yield _counter_row(counter, comparison)
    yield _decision(comparison)


def _case_row(case: Counted) -> Row:
    said = "; ".join(
        f"{counter.title} {case.findings[counter.name]}" for counter in COUNTERS if counter.name in case.findings
    )
    samples = {"macs": [float(case.macs)], "flop": [float(case.flop)]}
    for name, finding in case.findings.items():
        if finding.figure is not None:
            samples[f"{name}_macs"] = [finding.figure]
    return Row(
        case.name,
        ours=Quantity(case.macs, "MAC"),
        notes=(f"{case.name}: {case.flop:,} flop here; {said}",),
        samples=samples,
    )


def _counter_row(counter: Counter, comparison: Comparison) -> Row:
    what = f"single operators with the MACs of {counter.title}"
    if counter.name in comparison.skipped:
        return Row(what, binding=False, notes=(comparison.skipped[counter.name],))
    if counter.name in comparison.broken:
        return Row(what, failure=comparison.broken[counter.name])
    findings = [case.findings[counter.name] for case in comparison.cases]
    reasons = Tally(code for finding in findings if finding.said != EQUAL for code in finding.said.split("+"))
    listed = "; ".join(f"{count} {code} ({REASONS.get(code, 'unexplained')})" for code, count in reasons.most_common())
    return Row(
        what,
        ours=Quantity(sum(finding.said == EQUAL for finding in findings), f"of {len(findings)} equal"),
        notes=(f"{counter.title} {comparison.versions[counter.name]}, the others: {listed}",),
    )


def _decision(comparison: Comparison) -> Row:
    unexplained = [
        f"{case.name}, {name}: {finding.error or finding} where {case.macs:,} are counted here"
        for case in comparison.cases
        for name, finding in case.findings.items()
        if finding.unexplained
    ]
    unknown = [f"{case.name}: {', '.join(case.unknown)} not counted here" for case in comparison.cases if case.unknown]
    return Row(
        "differences without an explanation",
        ours=Quantity(len(unexplained) + len(unknown), f"in {len(comparison.cases)} operators"),
        goal=Goal("ours", high=0),
        notes=("explained: benchmarks/op_differences.py predicts the other figure exactly", *unexplained, *unknown),
    )
