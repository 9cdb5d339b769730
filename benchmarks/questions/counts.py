"""MACs and parameters against numbers counted independently, and against onnx-tool."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec

from alexnet_bench.core.errors import AlexnetBenchError
from alexnet_bench.workflows.options import Options
from alexnet_bench.workflows.profile import profile
from benchmarks import commands, models
from benchmarks.rows import Goal, Quantity, Row
from benchmarks.settings import Settings

_EXPECTED = commands.HERE / "data" / "expected_counts.toml"
_PEER = commands.HERE / "peers" / "onnx_tool_counts.py"
_TIMEOUT_S = 120.0


class Counts(msgspec.Struct, frozen=True):
    """Of one image."""

    macs: int
    params: int


class Group(msgspec.Struct, frozen=True):
    """Models whose expected counts come from one source."""

    source: str
    models: dict[str, Counts]


class Expected(msgspec.Struct, frozen=True):
    """The data file."""

    reference: Group
    package: Group


def run(settings: Settings) -> Iterator[Row]:
    """Three rows: reference networks, models of the onnx package, and those against onnx-tool."""
    expected = msgspec.toml.decode(_EXPECTED.read_bytes(), type=Expected)
    settings.say("counting the reference networks")
    yield _against_expected(
        "MACs and parameters, reference networks", expected.reference, set(models.reference_networks())
    )
    settings.say("counting the models of the onnx package")
    yield _against_expected(
        "MACs and parameters, models of the onnx package", expected.package, set(models.package_models())
    )
    yield _against_onnx_tool(settings)


def _against_expected(what: str, group: Group, present: set[str]) -> Row:
    notes = [
        "no peer: the expected numbers were counted independently of this package",
        *(f"{name}: no expected numbers" for name in sorted(present - set(group.models))),
        *(f"{name}: {said}" for name, counts in group.models.items() if (said := _difference(name, counts))),
    ]
    wrong = len(notes) - 1
    every = len(present | set(group.models))
    return _equal_of(what, equal=every - wrong, every=every, notes=notes)


def _difference(name: str, expected: Counts) -> str:
    try:
        found = _ours(name)
    except AlexnetBenchError as error:
        return str(error)
    return "" if found == expected else f"{found.macs:,} MACs and {found.params:,} parameters, not {expected}"


def _ours(name: str | Path) -> Counts:
    counted = profile(name, options=Options(static=True))
    return Counts(counted.totals.macs or 0, counted.model.params or 0)


def _against_onnx_tool(settings: Settings) -> Row:
    what = "MACs of Conv and Gemm, against onnx-tool"
    notes = ["onnx-tool's count without its one MAC per output for a bias"]
    ours, peer = 0, 0
    compared = equal = 0
    files = models.package_models()
    for name, path in files.items():
        settings.say(f"onnx-tool on {name}")
        try:
            theirs = _onnx_tool(path)
        except commands.CommandFailed as error:
            notes.append(f"{name}, not compared: {error}")
            continue
        counted = _conv_and_gemm(name)
        compared += 1
        equal += counted == theirs
        ours, peer = ours + counted, peer + theirs
        if counted != theirs:
            notes.append(f"{name}: {counted:,} here, {theirs:,} by onnx-tool")
    if not compared:
        return Row(what, failure=f"onnx-tool counted none of {len(files)}; {notes[-1]}")
    row = _equal_of(what, equal=equal, every=compared, notes=notes)
    return replace(row, peer=Quantity(compared, f"of {len(files)} counted"), ratio=Quantity(ours / peer, "x"))


def _onnx_tool(path: Path) -> int:
    return int(commands.run(commands.python(str(_PEER), str(path)), timeout_s=_TIMEOUT_S).stdout)


def _conv_and_gemm(name: str) -> int:
    counted = profile(name, options=Options(static=True))
    return sum(layer.macs or 0 for layer in counted.layers if layer.op in ("Conv", "Gemm"))


def _equal_of(what: str, *, equal: int, every: int, notes: list[str]) -> Row:
    return Row(
        what, ours=Quantity(equal, f"of {every} equal"), goal=Goal("ours", low=every, high=every), notes=tuple(notes)
    )
