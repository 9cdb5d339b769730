"""A verification, in a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from alexnet_bench.core.text import plural, printable
from alexnet_bench.core.units import percent, share
from alexnet_bench.core.verification import (
    FirstBad,
    OutputParity,
    SelfCheck,
    Side,
    SizesTried,
    TensorError,
    Verification,
)
from alexnet_bench.report.console import Cells, page, print_fitting, safe
from alexnet_bench.report.markdown import escape, labelled, table

_STYLES = {"passed": "bold green", "failed": "bold red", "inconclusive": "bold yellow"}
_MEASURES = {"spread": "", "size": " of size", "exact": " differ", "score": " by score", "none": ""}
_CHECKS = {"shuffled-inputs": "shuffled inputs", "lost-bias": "lost last bias"}
_MOST_NODES, _MOST_TENSORS = 6, 3


def _error(output: OutputParity) -> str:
    if output.error is None:
        return "-"
    if output.measure == "exact":
        return f"{percent(output.error)}{_MEASURES[output.measure]}" if output.error else "equal"
    return f"{_number(output.error)}{_MEASURES[output.measure]}"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2e}" if value else "0"


@dataclass(frozen=True, slots=True)
class _Column:
    """`goes`: the higher, the sooner it is left out where the table is narrow."""

    heading: str
    text: Callable[[OutputParity], str]
    goes: int = 0


_COLUMNS = (
    _Column("shape", lambda output: "x".join(map(str, output.shape)) or "scalar", 3),
    _Column("type", lambda output: output.dtype, 4),
    _Column("error", _error),
    _Column("allowed", lambda output: f"{output.tolerance:.1e}" if output.tolerance else "0"),
    _Column("max abs", lambda output: _number(output.max_abs), 5),
    _Column("mean abs", lambda output: _number(output.mean_abs), 6),
    _Column("cosine", lambda output: "-" if output.cosine is None else f"{output.cosine:.6f}", 2),
)
_TOP1 = _Column("top-1", lambda output: share(output.top1_agreement), 1)


def print_verification(found: Verification, stream: IO[str], *, width: int | None = None) -> None:
    """Prints what was compared, a row for each output, the verdict and where it leaves the tolerance.

    Args:
        found: what to print.
        stream: where to.
        width: columns; None takes the terminal's, or 120 where there is none.
    """
    with page(stream, width=width) as console:
        _print_outputs(console, found)
        console.print()
        console.print(Text.assemble((found.verdict, _STYLES[found.verdict]), safe(_because(found))))
        grid = Table.grid(padding=(0, 2))
        for label, text in _lines(found):
            grid.add_row(Text(label, style="dim", no_wrap=True), safe(text))
        console.print(grid)


def to_markdown(found: Verification) -> str:
    """The same for a pull request."""
    columns = _columns(found)
    lines = [f"### {escape(f'{printable(found.engine.name)}: {found.verdict}')}", ""]
    rows = ((printable(output.name), *(column.text(output) for column in columns)) for output in found.outputs)
    lines += table(["output", *(f">{column.heading}" for column in columns)], rows)
    lines += ["", *labelled((label, (text,)) for label, text in _lines(found))]
    for reason in found.reasons:
        lines += ["", f"> {escape(reason)}"]
    return "\n".join([*lines, ""])


def _print_outputs(console: Console, found: Verification) -> None:
    names = Cells("output", [printable(output.name) for output in found.outputs], is_name=True)
    columns = [
        Cells(f">{column.heading}", [column.text(output) for output in found.outputs], column.goes)
        for column in _columns(found)
    ]
    styles = {"passed": "", "failed": "red", "inconclusive": "yellow"}
    print_fitting(console, [names, *columns], [styles[output.verdict] for output in found.outputs])


def _columns(found: Verification) -> tuple[_Column, ...]:
    has_top1 = any(output.top1_agreement is not None for output in found.outputs)
    return (*_COLUMNS, _TOP1) if has_top1 else _COLUMNS


def _because(found: Verification) -> str:
    if found.verdict == "passed":
        return f": within {found.tolerance:g} on {plural(found.inputs, 'input')}"
    more = f" (and {len(found.reasons) - 1} more)" if found.reasons[1:] else ""
    return f": {found.reasons[0]}{more}" if found.reasons else ""


def _lines(found: Verification) -> Iterator[tuple[str, str]]:
    yield "engine", _side(found.engine)
    yield "reference", _side(found.reference)
    yield (
        "tolerance",
        (
            f"{found.tolerance:g} ({found.tolerance_source}; {found.precision} by {found.precision_source}), "
            "of ||y - y'|| / ||y - mean(y)||"
            if found.precision_source != "given"
            else f"{found.tolerance:g} ({found.tolerance_source}), of ||y - y'|| / ||y - mean(y)||"
        ),
    )
    yield "inputs", f"{found.inputs}, {found.inputs_source}"
    for at, tried in enumerate(found.sizes):
        yield ("also at" if at else "sizes"), f"{tried}: {_tried(tried)}" if at else str(tried)
    for name, label in _CHECKS.items():
        yield label, _self_check([check for check in found.self_checks if check.name == name])
    if found.first_bad is not None:
        yield from _first_bad(found.first_bad)
    for note in found.notes:
        yield "note", note


def _side(side: Side) -> str:
    how = [f"{side.backend} {side.backend_version}"] if side.backend else ["stored outputs"]
    if side.compute_dtypes:
        how.append(f"computed in {_and(sorted(side.compute_dtypes))}")
    elif side.precision:
        how.append(f"told to compute in {side.precision}")
    how += [f"{name} {value}" for name, value in side.settings.items()]
    return f"{printable(side.name, 200)} · {', '.join(how)}"


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _tried(sizes: SizesTried) -> str:
    """The verdict at other sizes, and the error that comes closest to what is allowed, or is furthest above."""
    if not sizes.outputs:
        return f"{sizes.verdict}, could not be compared"
    worst = max(sizes.outputs, key=lambda output: output.of_allowed)
    return f"{sizes.verdict} on {plural(sizes.inputs, 'input')}, error {_error(worst)} in {printable(worst.name)}"


def _self_check(checks: Sequence[SelfCheck]) -> str:
    """One line for all outputs: a fault that was missed says most, then one that was found."""
    for outcome in ("missed", "found", "does not apply"):
        those = [check for check in checks if check.outcome == outcome]
        if those:
            first = those[0]
            error = "" if first.error is None else f", error {first.error:.1e}"
            detail = f": {first.detail}" if first.detail else ""
            count = f" in {len(those)} of {len(checks)} outputs" if len(checks) > 1 else ""
            word = "would fail, as it must" if outcome == "found" else outcome
            return f"{word}{count}{error}{detail}"
    return "not tried"


def _first_bad(found: FirstBad) -> Iterator[tuple[str, str]]:
    cost = f"{plural(found.runs, 'run')} for {plural(found.candidates, 'place')}" if found.candidates else ""
    if not found.found:
        yield "first bad node", f"not found: {found.detail}{f' ({cost})' if cost else ''}"
        return
    shown = [printable(name) for name in found.nodes[-_MOST_NODES:]]
    more = f" and {len(found.nodes) - _MOST_NODES} before" if len(found.nodes) > _MOST_NODES else ""
    yield "first bad node", f"{', '.join(shown)}{more} ({cost})"
    yield "it makes", _tensors(found.makes)
    yield "it reads", _tensors(found.reads) if found.reads else "the inputs alone"
    if found.detail:
        yield "", found.detail


def _tensors(tensors: Sequence[TensorError]) -> str:
    shown = [f"{printable(tensor.name)}, error {_number(tensor.error)}" for tensor in tensors[:_MOST_TENSORS]]
    more = [f"{len(tensors) - _MOST_TENSORS} more"] if len(tensors) > _MOST_TENSORS else []
    return "; ".join(shown + more)
