"""The search for an engine's settings as text."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console

from alexnet_bench.core.text import plural, printable
from alexnet_bench.core.tuning import TunedLatency, Tuning, TuningCandidate
from alexnet_bench.core.units import digits, quantity
from alexnet_bench.report.console import Cells, print_fitting, safe

_STAY = "the untuned settings stay"
_TRIED = "tried"
_COLUMNS = ((">median", 0), (">untuned", 2), (">ratio", 0), (">rounds", 1))
"""Headings behind the settings; the higher the number, the sooner a column is left out."""


def tuning_lines(tuning: Tuning | None) -> list[tuple[str, str]]:
    """What came of a search, with a label for each line; none for an engine that was not tuned."""
    if tuning is None:
        return []
    reached = sum(1 for candidate in tuning.candidates if candidate.latency is not None or candidate.refused)
    some = f"{reached} of " if reached < len(tuning.candidates) else ""
    tried = f"{some}{plural(len(tuning.candidates), 'candidate')} in {plural(tuning.rounds, 'round')}"
    when = f"{tuning.spent_s:.1f} s of {tuning.seconds:g} s, {tuning.created[:16].replace('T', ' ')}"
    cores = f"{plural(tuning.machine.cores, 'core')} with {plural(tuning.machine.cpus, 'thread')}"
    lines = [
        ("tuned", _outcome(tuning)),
        ("untuned", named(tuning.untuned)),
        ("searched", f"{tried}{' and a final' if tuning.final else ''}, {when}, on {cores}"),
    ]
    if tuning.was_busy:
        load = f"the load average was {tuning.load_average:.1f} before it"
        lines.append(("busy", f"{load}: what won may be what suits the other programs; tune again on a quiet machine"))
    return lines


def print_candidates(console: Console, tuning: Tuning | None) -> None:
    """What was tried before the final, the fastest first."""
    if tuning is None or not tuning.candidates:
        return
    settings, *numbers = zip(*candidate_rows(tuning)[1], strict=True)
    columns = [Cells(heading, texts, goes) for (heading, goes), texts in zip(_COLUMNS, numbers, strict=True)]
    console.print()
    print_fitting(console, [Cells(_TRIED, settings, is_name=True), *columns])
    for candidate in tuning.candidates:
        if candidate.refused:
            console.print(safe(f"fell out  {named(candidate.settings)}: {printable(candidate.refused, 300)}", "yellow"))


def candidate_rows(tuning: Tuning | None) -> tuple[list[str], list[list[str]]]:
    """What was tried before the final, the fastest first: headings, and a row for each; no rows where nothing was."""
    headings = [_TRIED, *(heading for heading, _ in _COLUMNS)]
    return headings, [_cells(candidate) for candidate in tuning.candidates] if tuning else []


def named(settings: Mapping[str, str]) -> str:
    """Settings on one line."""
    return ", ".join(f"{printable(name)} {printable(value)}" for name, value in settings.items()) or "-"


def _outcome(tuning: Tuning) -> str:
    if tuning.final is None:
        reason = "none of the others was faster" if tuning.outcome == "none_faster" else "there was no time for a final"
        return f"{_STAY}: {reason}"
    final = f"{_against(tuning.final)} in {plural(len(tuning.final.samples_s), 'round')}"
    if tuning.outcome == "faster":
        return f"{named(tuning.settings)}: {final}"
    why = "which is too few rounds" if tuning.outcome == "out_of_time" else "not told apart"
    return f"{_STAY}: {named(tuning.challenger)} takes {final}, {why}"


def _against(latency: TunedLatency) -> str:
    interval = " ({} to {})".format(*map(digits, latency.ratio_ci95)) if latency.ratio_ci95 else ""
    times = f"{quantity(latency.median_s, 's')} against {quantity(latency.untuned_median_s, 's')}"
    return f"{digits(latency.ratio)} of the untuned time{interval}, {times}"


def _cells(candidate: TuningCandidate) -> list[str]:
    latency = candidate.latency
    if latency is None:
        return [named(candidate.settings), "-", "-", "-", "0" if candidate.refused else "no time"]
    return [
        named(candidate.settings),
        quantity(latency.median_s, "s"),
        quantity(latency.untuned_median_s, "s"),
        digits(latency.ratio),
        str(len(latency.samples_s)),
    ]
