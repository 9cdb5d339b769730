"""A contest, in a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from alexnet_bench.core.contest import STOCK, Contest, ContestCase, Entry, EntryError
from alexnet_bench.core.text import plural, printable
from alexnet_bench.core.units import digits, quantity, rate
from alexnet_bench.report.console import Cells, page, print_fitting, safe
from alexnet_bench.report.markdown import escape, labelled, table

_STOCK = f"{STOCK} as given"
_MOST_TYPES = 2
_STYLES = {"failed": "red", "inconclusive": "yellow"}


def _engine(entry: Entry) -> str:
    return entry.precision or "as given"


def _types(entry: Entry) -> str:
    """The types that layers compute in, most of them first; counts where there are several."""
    ordered = sorted(entry.compute_dtypes.items(), key=lambda item: -item[1])
    if len(ordered) == 1:
        return printable(ordered[0][0])
    shown = [f"{printable(name)} {count}" for name, count in ordered[:_MOST_TYPES]]
    return ", ".join(shown) + (", …" if len(ordered) > _MOST_TYPES else "") if shown else "-"


def _ratio(entry: Entry) -> str:
    return digits(entry.latency.ratio) if entry.latency and entry.latency.ratio is not None else "-"


def _ratio_interval(entry: Entry) -> str:
    if entry.latency is None or entry.latency.ratio_ci95 is None or entry.latency.ratio == 1.0:
        return ""
    low, high = entry.latency.ratio_ci95
    return f"{digits(low)} to {digits(high)}"


def _error(entry: Entry) -> str:
    found = entry.error
    if found is None or found.error is None:
        return "-"
    return f"{found.error:.1e}" if found.error else "0"


def _allowed(entry: Entry) -> str:
    if entry.error is None:
        return "-"
    return f"{entry.error.tolerance:.1e}" if entry.error.tolerance else "0"


@dataclass(frozen=True, slots=True)
class _Column:
    """`goes`: the higher, the sooner it is left out where the table is narrow."""

    heading: str
    text: Callable[[Entry], str]
    goes: int = 0
    is_name: bool = False


_COLUMNS = (
    _Column("backend", lambda entry: entry.backend, is_name=True),
    _Column("engine", _engine),
    _Column("computes in", _types, 3),
    _Column(">median", lambda entry: quantity(entry.latency.median_s if entry.latency else None, "s")),
    _Column(">per second", lambda entry: rate(entry.latency.throughput_per_s) if entry.latency else "-", 4),
    _Column(">ratio", _ratio, 2),
    _Column("", _ratio_interval, 6),
    _Column(">error", _error),
    _Column(">allowed", _allowed, 5),
    _Column("", lambda entry: entry.error.verdict if entry.error and entry.error.verdict != "passed" else "", 1),
)


def print_contest(found: Contest, stream: IO[str], *, width: int | None = None) -> None:
    """Prints a table for each batch, who did not take part and why, and the fastest within the tolerance.

    Args:
        found: what to print.
        stream: where to.
        width: columns; None takes the terminal's, or 120 where there is none.
    """
    with page(stream, width=width) as console:
        for place, case in enumerate(found.cases):
            if place:
                console.print()
            _print_case(console, found, case)


def to_markdown(found: Contest) -> str:
    """The same for a pull request."""
    return "\n".join("\n".join(_section(found, case)) for case in found.cases)


def _print_case(console: Console, found: Contest, case: ContestCase) -> None:
    console.print(safe(_title(found, case), "bold"))
    console.print()
    ran = [(place, entry) for place, entry in enumerate(case.entries) if entry.latency is not None]
    columns = [
        Cells(item.heading, [item.text(entry) for _, entry in ran], item.goes, item.is_name) for item in _COLUMNS
    ]
    print_fitting(console, columns, ["bold green" if place == case.fastest else _style(entry) for place, entry in ran])
    console.print()
    grid = Table.grid(padding=(0, 2))
    for label, text in _lines(found, case):
        grid.add_row(Text(label, style="dim", no_wrap=True), safe(text))
    console.print(grid)
    console.print(safe(_conclusion(case), "bold"))


def _style(entry: Entry) -> str:
    return _STYLES.get(entry.error.verdict if entry.error else "", "")


def _section(found: Contest, case: ContestCase) -> Iterator[str]:
    yield f"### {escape(_title(found, case))}"
    yield ""
    ran = (entry for entry in case.entries if entry.latency is not None)
    yield from table(
        [column.heading for column in _COLUMNS], ([column.text(entry) for column in _COLUMNS] for entry in ran)
    )
    yield from ("", *labelled((label, (text,)) for label, text in _lines(found, case)))
    yield from ("", f"**{escape(_conclusion(case))}**", "")


def _title(found: Contest, case: ContestCase) -> str:
    cpu = found.environment.comparable.get("cpu")
    parts = (printable(found.model), f"batch {case.batch}", plural(found.threads, "thread"), printable(str(cpu)))
    return " · ".join(parts)


def _lines(found: Contest, case: ContestCase) -> Iterator[tuple[str, str]]:
    for entry in case.entries:
        if entry.refused:
            yield "not here" if entry.error is None else "fell out", f"{_name(entry)}: {entry.refused}"
        elif entry.error is not None and entry.error.verdict != "passed":
            yield entry.error.verdict, f"{_name(entry)}: {_reason(entry.error)}"
        for note in entry.error.notes if entry.error is not None else ():
            yield "note", f"{_name(entry)}: {note}"
    reference = found.reference
    how = " ".join(f"{name} {value}" for name, value in reference.settings.items())
    on = f"{printable(reference.name, 200)} on {reference.backend} {reference.backend_version}, {how}"
    inputs = f"{plural(found.inputs, 'input')}, {found.inputs_source}"
    yield "error", f"of ||y - y'|| / ||y - mean(y)|| against {on}; {inputs}"
    turns = f"{found.seconds:g} s each, in turns, in {plural(found.processes, 'round')} of fresh processes"
    yield "ratio", f"of the median to that of {_STOCK}, with its 95 % interval; {turns}"


def _reason(error: EntryError) -> str:
    more = f" (and {len(error.reasons) - 1} more)" if error.reasons[1:] else ""
    return f"{error.reasons[0]}{more}" if error.reasons else "no reason is known"


def _name(entry: Entry) -> str:
    return f"{entry.backend} {_engine(entry)}"


def nothing_named(case: ContestCase) -> str:
    """Why no entry of a case is named the fastest."""
    if not case.judges_nothing:
        return "nothing that ran is within its tolerance"
    return "the fastest is not named: nothing can be said of the error of any that ran"


def _conclusion(case: ContestCase) -> str:
    winner = case.winner
    if winner is None or winner.latency is None:
        return nothing_named(case)
    by = f", recipe {printable(winner.recipe)}" if winner.recipe else ""
    text = f"fastest within the tolerance: {_name(winner)}{by}, {quantity(winner.latency.median_s, 's')}"
    if winner.latency.ratio and winner.latency.ratio != 1.0:
        text += f", {digits(1 / winner.latency.ratio)} times as fast as {_STOCK}"
    if case.close:
        text += f"; not told apart from it: {', '.join(_name(case.entries[place]) for place in case.close)}"
    return text
