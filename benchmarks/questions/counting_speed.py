"""Counting without running, on a graph of many nodes and on one of many bytes: time and peak memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from alexnet_bench.workflows.options import Options
from alexnet_bench.workflows.profile import profile
from benchmarks import commands, synthetic
from benchmarks.interleave import interleave, middle, paired_ratio
from benchmarks.rows import Goal, Quantity, Row
from benchmarks.settings import Settings

_TIMEOUT_S = 180.0
_PEER = "import sys, onnx_tool; onnx_tool.model_profile(sys.argv[1])"
_PEER_NOTE = (
    "peer: onnx_tool.model_profile(file); times are above `python -c pass`, measured in the same rounds; the goal is "
    "0.6 s where the peer takes 5 s for 9,000 nodes, and 1.5 s where it takes 6 s for 671 MB"
)
_MEMORY_NOTE = "peak resident memory of the whole process, pages of the page cache that it mapped included"


@dataclass(frozen=True)
class _Case:
    """A graph and how fast it is to be counted.

    Attributes:
        title: for people.
        chain: the graph.
        most_s: goal for the time, on a machine where the peer takes `peer_s`.
        peer_s: that time; the goal against the peer is the ratio of the two, which holds on any machine.
        most_extra_bytes: goal for the peak memory, beyond the size of the file; None where it only informs.
        absent: whether the weights are said to be in a second file, which is not there.
    """

    title: str
    chain: synthetic.Chain
    most_s: float
    peer_s: float
    most_extra_bytes: int | None = None
    absent: bool = False


_CASES = (
    _Case("9,000 nodes", synthetic.MANY_NODES, 0.6, 5.0),
    _Case("671 MB of weights", synthetic.MANY_BYTES, 1.5, 6.0, most_extra_bytes=100_000_000),
    _Case("671 MB of weights that are absent", synthetic.MANY_BYTES, 1.5, 6.0, absent=True),
)


def run(settings: Settings) -> Iterator[Row]:
    """Three rows for each graph: what is counted, the time and the peak memory."""
    for case in _CASES:
        path = settings.scratch / "model.onnx"
        settings.say(f"writing a graph of {case.title}")
        write = synthetic.command(case.chain, path, absent=case.absent)
        commands.run(write, timeout_s=_TIMEOUT_S, folder=commands.HERE.parent)
        yield _counts_row(case, path)
        yield from _measure(case, path, settings)
        path.unlink()


def _counts_row(case: _Case, path: Path) -> Row:
    macs = profile(path, options=Options(static=True)).totals.macs or 0
    return Row(
        f"count {case.title}, MACs",
        ours=Quantity(macs, "MAC"),
        goal=Goal("ours", low=case.chain.macs, high=case.chain.macs),
        notes=("no peer: the expected number is blocks times width squared",),
    )


def _measure(case: _Case, path: Path, settings: Settings) -> Iterator[Row]:
    subjects = {
        "ours": commands.alexnet_bench("profile", str(path), "--static"),
        "peer": commands.python("-c", _PEER, str(path)),
        "start": commands.python("-c", "pass"),
    }
    notes = [_PEER_NOTE]
    for name in ("ours", "start", "peer"):  # once before, so that all find their files in the page cache
        try:
            _run(subjects[name])
        except commands.CommandFailed as error:
            if name != "peer":
                raise
            notes = [f"onnx-tool, not compared: {error}"]
            del subjects["peer"]
    settings.say(f"counting {case.title}: {', '.join(subjects)} in turns")
    measured = interleave(
        {name: partial(_run, command) for name, command in subjects.items()}, rounds=settings.rounds_of(9, quick=2)
    )
    yield _time_row(case, measured, tuple(notes))
    yield _memory_row(case, measured, path.stat().st_size)


def _time_row(case: _Case, measured: dict[str, list[commands.Run]], notes: tuple[str, ...]) -> Row:
    starts = [item.wall_s for item in measured["start"]]
    above = {
        name: [item.wall_s - start for item, start in zip(runs, starts, strict=True)]
        for name, runs in measured.items()
        if name != "start"
    }
    return Row(
        f"count {case.title}, above Python's start",
        ours=middle(above["ours"], "s"),
        peer=middle(above["peer"], "s") if "peer" in above else None,
        ratio=paired_ratio(above["ours"], above["peer"]) if "peer" in above else None,
        goal=Goal("ratio", high=case.most_s / case.peer_s) if "peer" in above else Goal("ours", high=case.most_s),
        binding="peer" in above,
        notes=notes,
        samples={f"{name}_s": values for name, values in above.items()} | {"start_s": starts},
    )


def _memory_row(case: _Case, measured: dict[str, list[commands.Run]], file_bytes: int) -> Row:
    peaks = {name: [float(item.peak_bytes) for item in runs] for name, runs in measured.items() if name != "start"}
    peer: Quantity | None = middle(peaks["peer"], "B") if "peer" in peaks else None
    extra = case.most_extra_bytes
    return Row(
        f"count {case.title}, peak memory",
        ours=middle(peaks["ours"], "B"),
        peer=peer,
        ratio=paired_ratio(peaks["ours"], peaks["peer"]) if "peer" in peaks else None,
        goal=None if extra is None else Goal("ours", high=file_bytes + extra),
        notes=(_MEMORY_NOTE,),
        samples={f"{name}_bytes": values for name, values in peaks.items()},
    )


def _run(command: Sequence[str]) -> commands.Run:
    return commands.run(command, timeout_s=_TIMEOUT_S)
