"""`alexnet-bench export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("export")(export)


def export(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A reference network from `alexnet-bench models`.")],
    *,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help="What to write: .onnx, or .safetensors for the weights."),
    ],
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A .safetensors, .pt, .pth or .onnx file.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the initial weights.")] = 0,
    init: Annotated[
        str, typer.Option(metavar="paper|he", help="Initial weights: as the authors drew them, or He et al.")
    ] = "paper",
) -> None:
    """Write a reference network as ONNX; same weights, same bytes."""
    from alexnet_bench.workflows.export import export as write

    path = write(name, output, weights=weights, seed=seed, init=init)
    typer.echo(f"{path}  {path.stat().st_size:,} bytes", err=True)
