"""`alexnet-bench doctor`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from alexnet_bench.cli.command import Command


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("doctor", cls=Command)(doctor)


def doctor(*, json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False) -> None:
    """Say which backends work here, and what the others need."""
    from alexnet_bench.report.lists import print_diagnosis, to_json
    from alexnet_bench.workflows.doctor import diagnose

    found = diagnose()
    if json:
        sys.stdout.buffer.write(to_json(found))
    else:
        print_diagnosis(found, sys.stdout)
    if not any(backend.works for backend in found.backends):
        raise typer.Exit(2)
