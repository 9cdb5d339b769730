"""`alexnet-bench report`."""

from __future__ import annotations

from typing import Annotated

import typer

from alexnet_bench.cli import options
from alexnet_bench.cli.command import Command
from alexnet_bench.cli.outputs import Outputs


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("report", cls=Command)(report)


def report(
    profile: Annotated[
        str,
        typer.Argument(metavar="FILE", help="JSON that profile, verify, build-engine or inspect wrote by --json."),
    ],
    *,
    top: options.Top = None,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write it again as JSON; - is standard output.")
    ] = None,
    markdown: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write it as Markdown; - is standard output.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No table.")] = False,
) -> None:
    """Show what another command stored; needs no runtime.

    Profiles, counts, contests, verifications, inspections and passports of engines are shown as the command did that
    wrote them, without the model.
    """
    outputs = Outputs(json=json, markdown=markdown)
    outputs.check([profile])
    from alexnet_bench.workflows.report import has_layers, read_document

    document = read_document(profile)
    if not has_layers(document):
        options.check_unused("of this document no layers are shown", {"--top": top})
    outputs.write(document, top=top, quiet=quiet)
