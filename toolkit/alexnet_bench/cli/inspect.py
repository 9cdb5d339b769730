"""`alexnet-bench inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alexnet_bench.cli import options
from alexnet_bench.cli.command import Command
from alexnet_bench.cli.outputs import Outputs


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("inspect", cls=Command)(inspect)


def inspect(
    engine: Annotated[
        list[str],
        typer.Argument(
            metavar="ENGINE",
            help="A folder, a file, or the start of a key; several stand side by side.",
        ),
    ],
    *,
    budget: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:COUNT",
            help="Device to predict times for, by its published peaks; may be repeated.  [default: gtx-580:2]",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="What an engine without a passport was built from; counts its layers."),
    ] = None,
    layer_info: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Its layers: of trtexec --exportLayerInfo, or the log of its build; default: ENGINE.layers.json.",
        ),
    ] = None,
    shape: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=SIZES",
            help="Size of an input of an engine without a passport, as NAME=1x3x224x224; may be repeated.",
        ),
    ] = None,
    host_code: options.HostCode = False,
    top: options.Top = None,
    json: options.Json = None,
    markdown: options.Markdown = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No table.")] = False,
) -> None:
    """Show built engines: layers, types, nodes, predicted times."""
    from alexnet_bench.backends.tensorrt.layer_file import TOLD_BESIDE

    outputs = Outputs(json=json, markdown=markdown)
    outputs.check([*engine, model, layer_info, *(item + ending for item in engine for ending in TOLD_BESIDE)])
    shapes = options.shapes(shape or [])
    from alexnet_bench.workflows.inspection.inspect import inspect as look
    from alexnet_bench.workflows.inspection.inspect import inspect_all
    from alexnet_bench.workflows.inspection.plan import InspectOptions
    from alexnet_bench.workflows.options import DEFAULT_BUDGETS

    budgets = budget or DEFAULT_BUDGETS
    chosen = InspectOptions(model, Path(layer_info) if layer_info else None, shapes or None, host_code)
    several = len(engine) > 1
    found = (
        inspect_all(engine, budgets=budgets, options=chosen)
        if several
        else look(engine[0], budgets=budgets, options=chosen)
    )
    outputs.write(found, top=top, quiet=quiet)
