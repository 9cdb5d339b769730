"""`alexnet-bench export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alexnet_bench.cli.command import Command
from alexnet_bench.core.errors import UsageError


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("export", cls=Command)(export)


def export(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="A reference network from `alexnet-bench models`; a file with --opset."),
    ],
    *,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help="What to write: .onnx, or .safetensors for the weights."),
    ],
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A .safetensors, .pt, .pth or .onnx file.")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed of the initial weights.  [default: 0]")] = None,
    init: Annotated[
        str | None,
        typer.Option(
            metavar="paper|he", help="Initial weights: as the authors drew them, or He et al.  [default: paper]"
        ),
    ] = None,
    opset: Annotated[
        int | None, typer.Option(metavar="N", help="Convert NAME, an .onnx file, to this opset; nothing else changes.")
    ] = None,
) -> None:
    """Write a reference network as ONNX; same weights, same bytes."""
    if opset is not None:
        if (weights, seed, init) != (None, None, None):
            raise UsageError("--opset converts a file with the weights that it has", "leave the other options out")
        from alexnet_bench.workflows.upgrade import upgrade

        done = upgrade(name, output, opset=opset)
        typer.echo(done.note, err=True)
        path = done.path
    else:
        from alexnet_bench.workflows.export import export as write

        path = write(name, output, weights=weights, seed=seed, init=init)
    typer.echo(f"{path}  {path.stat().st_size:,} bytes", err=True)
