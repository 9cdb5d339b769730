"""`alexnet-bench --help` against importing the two libraries that it cannot do without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from benchmarks import commands
from benchmarks.interleave import interleave, middle, paired_ratio
from benchmarks.rows import Goal, Row
from benchmarks.settings import Settings

MOST = 1.5
_TIMEOUT_S = 60.0


def run(settings: Settings) -> Iterator[Row]:
    """One row."""
    ours, peer = commands.alexnet_bench("--help"), commands.python("-c", "import typer, rich.table")
    for command in (ours, peer):
        _wall_s(command)  # byte code is compiled and files are cached, as for every start but the first
    measured = interleave(
        {"ours": partial(_wall_s, ours), "peer": partial(_wall_s, peer)}, rounds=settings.rounds_of(40, quick=5)
    )
    yield Row(
        "alexnet-bench --help",
        ours=middle(measured["ours"], "s"),
        peer=middle(measured["peer"], "s"),
        ratio=paired_ratio(measured["ours"], measured["peer"]),
        goal=Goal("ratio", high=MOST),
        notes=('peer: python -c "import typer, rich.table"',),
        samples={"ours_s": measured["ours"], "peer_s": measured["peer"]},
    )


def _wall_s(command: Sequence[str]) -> float:
    return commands.run(command, timeout_s=_TIMEOUT_S).wall_s
