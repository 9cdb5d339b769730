"""`alexnet-bench inspect`."""

from __future__ import annotations

from typing import Annotated

import typer

from alexnet_bench.cli import options


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("inspect")(inspect)


def inspect(
    engine: Annotated[
        list[str],
        typer.Argument(
            metavar="ENGINE",
            help="A folder, a file with its passport beside it, or the start of a key; several stand side by side.",
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
    top: options.Top = None,
    json: options.Json = None,
    markdown: options.Markdown = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No table.")] = False,
) -> None:
    """Show built engines: layers, types, nodes, predicted times."""
    outputs = options.Outputs(json=json, markdown=markdown)
    outputs.check()
    from alexnet_bench.workflows.inspect import inspect as look
    from alexnet_bench.workflows.inspect import inspect_all
    from alexnet_bench.workflows.options import DEFAULT_BUDGETS

    budgets = budget or DEFAULT_BUDGETS
    found = look(engine[0], budgets=budgets) if len(engine) == 1 else inspect_all(engine, budgets=budgets)
    outputs.write(found, top=top, quiet=quiet)
