"""`alexnet-bench export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("export")(export)


def export(
    name: Annotated[str, typer.Argument(help="A reference network from `alexnet-bench models`.")],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="The .onnx file to write.")],
    weights: Annotated[Path | None, typer.Option(help="A .safetensors, .pt, .pth or .onnx file.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the initial weights, when no weights are given.")] = 0,
    init: Annotated[str, typer.Option(help="paper: as its authors initialised it; he: He initialisation.")] = "paper",
) -> None:
    """Write a reference network as an ONNX file; the same weights give the same bytes."""
    from alexnet_bench.workflows.export import export as write

    path = write(name, output, weights=weights, seed=seed, init=init)
    typer.echo(f"{path}  {path.stat().st_size:,} bytes", err=True)
