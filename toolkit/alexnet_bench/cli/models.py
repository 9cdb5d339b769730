"""`alexnet-bench models`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from alexnet_bench.cli.command import Command


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("models", cls=Command)(models)


def models(*, json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False) -> None:
    """List the reference networks and the onnx package's models."""
    from alexnet_bench.report.lists import print_models, to_json
    from alexnet_bench.workflows.models import list_models

    found = list_models()
    if json:
        sys.stdout.buffer.write(to_json(found))
    else:
        print_models(found, sys.stdout)
