"""Operators without a formula, in networks as they are exported; and whether the multiply-adds are torch's own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from alexnet_bench.core.errors import AlexnetBenchError
from alexnet_bench.core.profile import Profile
from alexnet_bench.workflows.options import Options
from alexnet_bench.workflows.profile import profile
from benchmarks import commands, models
from benchmarks.rows import Goal, Quantity, Row
from benchmarks.settings import Settings

NETWORKS = (
    "resnet-50",
    "mobilenet-v2",
    "efficientnet-b0",
    "convnext-tiny",
    "vit-2-layers",
    "swin-5-layers",
    "bert-2-layers",
    "gpt2-2-layers-cache",
    "llama-2-layers-cache",
    "t5-2-layers",
)
"""Those of `benchmarks.exported_models`, which can only be imported where torch is installed."""
_QUICK_NETWORKS = ("vit-2-layers", "gpt2-2-layers-cache")
_NEEDS = ("torch", "transformers", "onnxscript")
_TIMEOUT_S = 600.0


class Exported(msgspec.Struct, frozen=True):
    """What an export prints: torch's own count, the shapes of inputs without fixed sizes, and the file by exporter."""

    macs: int
    shapes: dict[str, list[int]]
    files: dict[str, str]


@dataclass
class _Tally:
    """Files counted so far, and what was wrong with them."""

    files: int = 0
    operators: set[str] = field(default_factory=set)
    unknown: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)


def run(settings: Settings) -> Iterator[Row]:
    """One row for the models of the onnx package, two for exported networks."""
    settings.say("counting the models of the onnx package")
    tally = _Tally()
    for name in models.package_models():
        _count(name, name, tally)
    yield _unknown_row("the models of the onnx package", tally)
    missing = commands.missing(_NEEDS)
    if missing:
        said = f"not installed: {', '.join(missing)} (pip install -e '.[cpu,bench,train]')"
        settings.say(f"exported networks are skipped, {said}")
        yield Row("operators without a formula, exported networks", failure=said, binding=False)
        return
    yield from _exported(settings)


def _exported(settings: Settings) -> Iterator[Row]:
    names = _QUICK_NETWORKS if settings.quick else NETWORKS
    tally = _Tally()
    for number, name in enumerate(names, 1):
        settings.say(f"exporting and counting {name}, {number} of {len(names)}")
        try:
            _export_and_compare(name, settings.scratch, tally)
        except commands.CommandFailed as error:
            yield Row(f"export of {name}", failure=str(error))
    yield _unknown_row(f"{len(names)} networks by both exporters of torch", tally)
    yield Row(
        f"MACs equal to torch's own count, {len(names)} networks by both exporters",
        ours=Quantity(tally.files - len(tally.differences), f"of {tally.files} equal"),
        goal=Goal("ours", low=tally.files, high=tally.files),
        notes=("half of what FlopCounterMode counts while the same module runs", *tally.differences),
    )


def _export_and_compare(name: str, scratch: Path, tally: _Tally) -> None:
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        exported = _export(name, folder)
        for exporter, file in exported.files.items():
            _compare(f"{name} by {exporter}", Path(folder) / file, exported, tally)


def _export(name: str, folder: str) -> Exported:
    command = commands.python("-m", "benchmarks.exported_models", name, folder)
    finished = commands.run(command, timeout_s=_TIMEOUT_S, folder=commands.HERE.parent)
    return msgspec.json.decode(finished.stdout, type=Exported)


def _compare(title: str, path: Path, exported: Exported, tally: _Tally) -> None:
    counted = _count(title, path, tally, shapes=exported.shapes)
    ours = "nothing" if counted is None else f"{counted.totals.macs:,}"
    if ours != f"{exported.macs:,}":
        tally.differences.append(f"{title}: {ours} here, {exported.macs:,} by torch")


def _count(
    title: str, model: str | Path, tally: _Tally, *, shapes: Mapping[str, Sequence[int]] | None = None
) -> Profile | None:
    """Counts one file; that it cannot be counted is as bad as an operator that cannot."""
    tally.files += 1
    try:
        counted = profile(model, options=Options(static=True, shapes=shapes or None))
    except AlexnetBenchError as error:
        tally.unknown.append(f"{title}: {error}")
        return None
    tally.operators |= {layer.op for layer in counted.layers}
    for item in counted.coverage.unknown_ops:
        tally.unknown.append(f"{title}: {item.op}, {len(item.nodes)} nodes" + (f" ({item.why})" if item.why else ""))
    return counted


def _unknown_row(of_what: str, tally: _Tally) -> Row:
    return Row(
        f"operators without a formula, {of_what}",
        ours=Quantity(len(tally.unknown), f"in {tally.files} files"),
        goal=Goal("ours", high=0),
        notes=(f"{len(tally.operators)} different operators", *tally.unknown),
    )
