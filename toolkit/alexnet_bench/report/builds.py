"""Several builds of one engine as text."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from alexnet_bench.core.builds import BuildResult, Builds, DifferingLayer
from alexnet_bench.core.text import plural, printable
from alexnet_bench.core.units import binary_bytes, quantity
from alexnet_bench.report.console import plain_table, safe

_HASH_DIGITS = 12
_MOST_LAYERS = 20
_HEADINGS = (">build", ">size", "sha256", ">layers", ">differ", ">built in", ">latency")


def builds_lines(builds: Builds | None) -> list[tuple[str, str]]:
    """What came of the builds, with a label for each line; none where there was only one."""
    if builds is None:
        return []
    number = len(builds.builds)
    if builds.are_identical:
        outcome = f"{number} builds, all of the same bytes"
    else:
        kinds = len({build.engine_sha256 for build in builds.builds})
        layers = plural(len(builds.differing), "layer") if builds.differing else "no layer"
        outcome = f"{number} builds of {kinds} different contents; {layers} not the same in all"
    first = "the first was built before" if builds.first_was_cached else "the first is the engine above"
    not_run = [("latency", f"not measured: {printable(builds.not_run, 300)}")] if builds.not_run else []
    return [("builds", f"{outcome}; {first}"), *not_run]


def build_rows(builds: Builds | None) -> tuple[Sequence[str], list[list[str]]]:
    """Headings, and a row for each build; no rows where there was only one."""
    numbered = enumerate(builds.builds, start=1) if builds else ()
    return _HEADINGS, [_row(at, build) for at, build in numbered]


def print_builds(console: Console, builds: Builds | None) -> None:
    """A row for each build, and below the layers that are not the same in all."""
    if builds is None:
        return
    headings, rows = build_rows(builds)
    table = plain_table(*headings)
    for row in rows:
        table.add_row(*row)
    console.print()
    console.print(table)
    for layer in builds.differing[:_MOST_LAYERS]:
        console.print()
        _print_layer(console, layer)
    if len(builds.differing) > _MOST_LAYERS:
        console.print(f"{len(builds.differing) - _MOST_LAYERS} more; --json has all", style="dim")


def _row(at: int, build: BuildResult) -> list[str]:
    return [
        str(at),
        binary_bytes(build.size_bytes),
        build.engine_sha256[:_HASH_DIGITS],
        str(build.layers),
        str(build.differing_layers) if at > 1 else "-",
        f"{build.build_s:.1f} s",
        "-" if build.median_s is None else quantity(build.median_s, "s"),
    ]


def _print_layer(console: Console, layer: DifferingLayer) -> None:
    """What a layer is in which builds."""
    console.print(safe(printable(" + ".join(layer.onnx_nodes) or layer.name, 200)))
    for told in dict.fromkeys(layer.tactics):
        where = ", ".join(str(at) for at, other in enumerate(layer.tactics, start=1) if other == told)
        console.print(safe(f"  in {where}: {'no such layer' if told is None else printable(told, 300)}"))
