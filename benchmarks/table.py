"""The one table at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from alexnet_bench.core.units import quantity
from benchmarks.document import Answer
from benchmarks.rows import Goal, Quantity, Row

_WIDTH = 150
_STYLES = {"met": "green", "not met": "bold red", "failed": "bold red", "no goal": "dim"}
_QUIET_FRACTION = 0.05


def print_table(answers: Sequence[Answer], stream: IO[str], *, quick: bool) -> None:
    """One line for each row, then the notes."""
    table = Table(box=None, padding=(0, 1), header_style="bold", pad_edge=False)
    for heading in ("what", ">ours", ">peer", ">ratio", ">goal", "", "note"):
        right = heading.startswith(">")
        table.add_column(heading.removeprefix(">"), justify="right" if right else "left", overflow="fold")
    notes: list[str] = []
    for row in (row for answer in answers for row in answer.rows):
        table.add_row(
            row.what, *map(show, (row.ours, row.peer, row.ratio)), _goal(row), _verdict(row), _mark(row, notes)
        )
    console = Console(file=stream, width=None if stream.isatty() else _WIDTH, highlight=False)
    console.print(table)
    for number, note in enumerate(notes, 1):
        console.print(Text(f"[{number}] {note}", style="dim"))
    for warning in _warnings(answers, quick=quick):
        console.print(Text(warning, style="yellow"))


def show(item: Quantity | None) -> str:
    """A quantity with its spread, as "1.003x [0.996, 1.009]"; "-" where there is none."""
    if item is None:
        return "-"
    text = _number(item.value, item.unit)
    if item.low is None or item.high is None:
        return text
    if item.unit == "x":
        return f"{text} [{item.low:.3f}, {item.high:.3f}]"
    return f"{text} [{_number(item.low, item.unit)}, {_number(item.high, item.unit)}]"


def _number(value: float, unit: str) -> str:
    match unit:
        case "x":
            return f"{value:.3f}x"
        case "fraction":
            return f"{100 * value:.2f} %"
        case "error":
            return f"{value:.1e}"
        case "B":
            return f"{value / 1e6:,.0f} MB"
        case "s":
            return quantity(value, "s")
    return f"{value:,.0f} {unit}".rstrip()


def _goal(row: Row) -> str:
    judged = row.goal and (row.ratio if row.goal.of == "ratio" else row.ours)
    if row.goal is None:
        return "-"
    return _range(row.goal, judged.unit if judged else "")


def _range(goal: Goal, unit: str) -> str:
    if goal.low is None:
        return f"≤ {_number(goal.high or 0.0, unit)}"
    if goal.high is None:
        return f"≥ {_number(goal.low, unit)}"
    if goal.low == goal.high:
        return f"= {_number(goal.low, unit)}"
    return f"{_number(goal.low, unit)} to {_number(goal.high, unit)}"


def _verdict(row: Row) -> Text:
    text = row.verdict + ("" if row.clear else ", unclear") + ("" if row.binding else " (informs)")
    return Text(text.removeprefix("no goal").strip() or "-", style=_STYLES[row.verdict])


def _mark(row: Row, notes: list[str]) -> str:
    """Numbers of the row's notes, which stand below the table."""
    marks = []
    for note in (*((row.failure,) if row.failure else ()), *row.notes):
        if note not in notes:
            notes.append(note)
        marks.append(str(notes.index(note) + 1))
    return ",".join(marks)


def _warnings(answers: Sequence[Answer], *, quick: bool) -> list[str]:
    warnings = ["quick: too few rounds for these numbers to be quoted"] if quick else []
    for answer in answers:
        others = answer.others_fraction or 0.0
        if others > _QUIET_FRACTION:
            said = f"{answer.name}: other programs used {100 * others:.0f} % of the machine meanwhile"
            warnings += [f"{said}; repeat on a quiet one"]
    if any(not row.clear for answer in answers for row in answer.rows):
        warnings.append("unclear: the spread reaches over the goal; more --rounds narrow it")
    return warnings
