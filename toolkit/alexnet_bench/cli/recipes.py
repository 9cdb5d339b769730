"""`alexnet-bench recipes`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from alexnet_bench.cli.command import Command


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("recipes", cls=Command)(recipes)


def recipes(
    backend: Annotated[
        str | None, typer.Argument(metavar="BACKEND", help="Show its recipes and its settings alone.")
    ] = None,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """List recipes, passes, and the settings of a backend."""
    from alexnet_bench.report.lists import to_json
    from alexnet_bench.report.recipes import print_recipes
    from alexnet_bench.workflows.recipes import list_recipes

    found = list_recipes(backend)
    if json:
        sys.stdout.buffer.write(to_json(found))
    else:
        print_recipes(found, sys.stdout, with_settings=backend is not None)
