"""`alexnet-bench inspect`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from alexnet_bench.cli import options


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("inspect")(inspect)


def inspect(
    engine: Annotated[
        str,
        typer.Argument(metavar="ENGINE", help="A folder, a file with its passport beside it, or the start of a key."),
    ],
    *,
    budget: Annotated[
        str, typer.Option(metavar="NAME", help="Device whose published peaks draw the roofline.")
    ] = "gtx-580",
    json: Annotated[str | None, typer.Option(metavar="FILE", help="Write it as JSON; - is standard output.")] = None,
    markdown: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write it as Markdown; - is standard output.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No table.")] = False,
) -> None:
    """Show a built engine: layers, types, your nodes, roofline."""
    outputs = options.Outputs(json=json, markdown=markdown)
    outputs.check()
    from alexnet_bench.core.inspection import encode_inspection
    from alexnet_bench.report.engines import inspection_to_markdown, print_inspection
    from alexnet_bench.workflows.inspect import inspect as look

    found = look(engine, budget=budget)
    outputs.emit(json=lambda: encode_inspection(found), markdown=lambda: inspection_to_markdown(found).encode())
    if not quiet:
        print_inspection(found, sys.stderr if outputs.take_stdout else sys.stdout)
