"""What published peaks allow for engines, in words; the layers of an engine, and several engines, both show these."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from alexnet_bench.core.inspection import Inspection, InspectionSet, Prediction
from alexnet_bench.core.text import plural, printable
from alexnet_bench.core.units import digits, percent, quantity
from alexnet_bench.engine.cache import ENGINE_FILE, PLAN_FILE

_KEY_DIGITS = 12

COMPARED: tuple[tuple[str, Callable[[Inspection, Prediction | None], str]], ...] = (
    ("engine", lambda found, _: _engine(found)),
    ("computes in", lambda found, _: _types(found)),
    ("device", lambda _, line: long(line) if line else "-"),
    (">predicted", lambda _, line: quantity(line.latency_s if line else None, "s")),
    (">per second", lambda _, line: _rate(line) if line else "-"),
    (">by memory", lambda _, line: _by_memory(line)),
)
"""Headings and cells of the table of several engines."""


def short(line: Prediction) -> str:
    """The devices as they are typed, and without a count of one."""
    return printable(line.device) if line.count == 1 else f"{printable(line.device)}:{line.count}"


def long(line: Prediction) -> str:
    """The devices for a sentence."""
    return f"{line.count} x {printable(line.device)}"


def prediction_lines(inspection: Inspection) -> Iterator[tuple[str, str]]:
    """For each budget the least latency, what bounds it, and the peaks that it follows from."""
    for line in inspection.predicted:
        yield "predicted", f"{long(line)}: {_total(line, inspection.batch)}; {_peaks(line)}"


def compared(found: InspectionSet) -> list[list[str]]:
    """A row for each engine and budget; one for an engine of which nothing is counted."""
    pairs = [(inspection, line) for inspection in found.inspections for line in inspection.predicted or (None,)]
    return [[cell(inspection, line) for _, cell in COMPARED] for inspection, line in pairs]


def without_total(found: InspectionSet) -> list[tuple[str, str]]:
    """What the numbers are, and why some are not there."""
    lines = [("predicted", "the least time that published peaks allow; nothing of it is measured")]
    for inspection in found.inspections:
        lines += [
            ("no total", f"{_engine(inspection)} on {long(line)}: {_why(line)}")
            for line in inspection.predicted
            if line.latency_s is None
        ]
        if not inspection.predicted:
            lines.append(("no total", f"{_engine(inspection)}: nothing is counted"))
    return lines


def _total(line: Prediction, batch: int | None) -> str:
    if line.latency_s is None:
        rest = f"; the others take {quantity(line.known_s, 's')} at least" if line.known_s else ""
        return f"no total: {_why(line)}{rest}"
    rate = f"{_rate(line)} per second at most at batch {batch}"
    return f"{quantity(line.latency_s, 's')} at least, {rate}, {percent(line.memory_bound_fraction)} bound by memory"


def _why(line: Prediction) -> str:
    reasons = [f"{printable(why)} ({plural(layers, 'layer')})" for why, layers in line.unknown.items()]
    return ", ".join(reasons) or "no layer has anything to do"


def _peaks(line: Prediction) -> str:
    known = [f"{quantity(rate, 'FLOP/s')} in {printable(dtype)}" for dtype, rate in line.flop_per_s.items() if rate]
    return f"published peak of each: {', '.join([*known, quantity(line.bytes_per_s, 'B/s')])}"


def _rate(line: Prediction) -> str:
    return "-" if line.throughput_per_s is None else digits(line.throughput_per_s)


def _by_memory(line: Prediction | None) -> str:
    return "-" if line is None or line.latency_s is None else percent(line.memory_bound_fraction)


def _engine(found: Inspection) -> str:
    """The name of its file; of one in the cache, the model and the beginning of the key."""
    name = Path(found.path).name
    if found.passport is None or name not in (ENGINE_FILE, PLAN_FILE):
        return printable(name)
    return f"{printable(found.model)} {found.passport.key[:_KEY_DIGITS]}"


def _types(found: Inspection) -> str:
    """The type that most layers compute in, and that there are others."""
    ordered = sorted(found.compute_dtypes.items(), key=lambda item: -item[1])
    return "-" if not ordered else printable(ordered[0][0]) + (", …" if len(ordered) > 1 else "")
