"""Single operators counted by this package and by others, and why they differ: `python -m benchmarks.op_counts`.

As a program it prints the table of docs/benchmarks.md.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from alexnet_bench.workflows.options import Options
from alexnet_bench.workflows.profile import profile
from benchmarks import commands
from benchmarks.op_differences import DIFFERENCES, REASONS

_ROOT = commands.HERE.parent
_ONNX_TOOL = commands.HERE / "peers" / "onnx_tool_ops.py"
_TIMEOUT_S = 600.0
_NEEDED = ("torch", "onnxscript")
EQUAL = "="


@dataclass(frozen=True)
class Counter:
    """Another counter.

    Attributes:
        name: of the program, as `benchmarks.op_differences` calls it.
        title: for people.
        module: to import.
        per_mac: how much of its unit one multiply-add is.
    """

    name: str
    title: str
    module: str
    per_mac: int = 1


COUNTERS = (
    Counter("flop-counter-mode", "FlopCounterMode", "torch", per_mac=2),
    Counter("fvcore", "fvcore", "fvcore"),
    Counter("thop", "thop", "thop"),
    Counter("onnx-tool", "onnx-tool", "onnx_tool"),
)


class Printed(msgspec.Struct, frozen=True):
    """What the program of a counter prints: a figure by case, or the error."""

    version: str
    counts: dict[str, float | str]


@dataclass(frozen=True)
class Finding:
    """What one counter says of one case.

    Attributes:
        figure: in multiply-adds, None where it raised an error.
        said: of the comparison: "=", the codes of the reasons, or "?" for a difference without one.
        error: what it raised.
    """

    figure: float | None
    said: str
    error: str = ""

    @property
    def unexplained(self) -> bool:
        """Whether nobody knows why it differs."""
        return self.said == "?"

    def __str__(self) -> str:
        if self.figure is None:
            return self.said
        return f"{self.figure:,.0f} {self.said}"


@dataclass(frozen=True)
class Counted:
    """One case: our counts, and what others find by the name of the counter."""

    name: str
    macs: int
    flop: int
    unknown: tuple[str, ...]
    findings: dict[str, Finding]


@dataclass(frozen=True)
class Comparison:
    """All cases.

    Attributes:
        cases: in the order of `benchmarks.single_ops`.
        versions: of the counters that took part.
        skipped: why others did not, which are not installed.
        broken: why others did not, which are.
    """

    cases: tuple[Counted, ...]
    versions: dict[str, str]
    skipped: dict[str, str]
    broken: dict[str, str]


def missing() -> list[str]:
    """What keeps every case from being exported."""
    return commands.missing(_NEEDED)


def compare(scratch: Path, say: Callable[[str], None]) -> Comparison:
    """Exports every case and counts it with everything that is installed.

    Raises:
        CommandFailed: the export does not work.
    """
    say("exporting single operators")
    folder = scratch / "operators"
    folder.mkdir()
    names = msgspec.json.decode(_run("-m", "benchmarks.single_ops", str(folder)), type=list[str])
    printed: dict[str, Printed] = {}
    skipped: dict[str, str] = {}
    broken: dict[str, str] = {}
    for counter in COUNTERS:
        if commands.missing([counter.module]):
            skipped[counter.name] = f"{counter.title}, not compared: not installed"
            say(skipped[counter.name])
            continue
        say(f"counting them with {counter.title}")
        try:
            printed[counter.name] = _print(counter, folder)
        except commands.CommandFailed as error:
            broken[counter.name] = str(error)
    cases = tuple(_count(folder / f"{name}.onnx", printed) for name in names)
    return Comparison(cases, {name: item.version for name, item in printed.items()}, skipped, broken)


def _print(counter: Counter, folder: Path) -> Printed:
    if counter.name == "onnx-tool":
        printed = _run(str(_ONNX_TOOL), str(folder))
    else:
        printed = _run("-m", "benchmarks.peers.torch_counters", counter.name)
    return msgspec.json.decode(printed, type=Printed)


def _run(*arguments: str) -> bytes:
    """What one of our programs prints."""
    return commands.run(commands.python(*arguments), timeout_s=_TIMEOUT_S, folder=_ROOT).stdout


def _count(path: Path, printed: dict[str, Printed]) -> Counted:
    counted = profile(path, options=Options(static=True))
    macs, flop = counted.totals.macs or 0, counted.totals.flop or 0
    findings = {
        counter.name: _judge(counter, path.stem, macs, printed[counter.name].counts[path.stem])
        for counter in COUNTERS
        if counter.name in printed
    }
    unknown = tuple(item.op for item in counted.coverage.unknown_ops)
    return Counted(path.stem, macs, flop, unknown, findings)


def _judge(counter: Counter, case: str, macs: int, raw: float | str) -> Finding:
    figure = raw if isinstance(raw, str) else raw / counter.per_mac
    if figure == macs:
        return Finding(macs, EQUAL)
    difference = DIFFERENCES[counter.name].get(case)
    explained = difference is not None and difference.explains(macs, figure)
    said = "+".join(difference.codes) if explained and difference is not None else "?"
    return Finding(None, said, figure) if isinstance(figure, str) else Finding(figure, said)


def table(comparison: Comparison) -> Iterator[str]:
    """Lines of Markdown."""
    counters = [counter for counter in COUNTERS if counter.name in comparison.versions]
    titles = [f"{counter.title} {comparison.versions[counter.name]}" for counter in counters]
    yield f"| operator | MACs | flop | {' | '.join(titles)} |"
    yield f"|---|---:|---:|{'---|' * len(counters)}"
    for case in comparison.cases:
        found = [str(case.findings[counter.name]) for counter in counters]
        yield f"| {case.name} | {case.macs:,} | {case.flop:,} | {' | '.join(found)} |"
    yield ""
    for code, why in REASONS.items():
        yield f"- `{code}`: {why}."


def main() -> None:
    """Prints the table."""
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        comparison = compare(Path(scratch), lambda text: print(f"... {text}", file=sys.stderr, flush=True))
    print("\n".join(table(comparison)))


if __name__ == "__main__":
    main()
