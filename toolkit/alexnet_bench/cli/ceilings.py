"""`alexnet-bench ceilings`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from alexnet_bench.cli import options
from alexnet_bench.cli.command import Command


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("ceilings", cls=Command)(ceilings)


def ceilings(
    *,
    backend: Annotated[
        str | None, typer.Option(metavar="NAME", help="Runtime; default: the first that works here.")
    ] = None,
    threads: options.Threads = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Measure again.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Measure what this machine reaches: arithmetic and memory."""
    from alexnet_bench.report.lists import print_ceilings, to_json
    from alexnet_bench.workflows.ceilings import machine_ceilings

    found = machine_ceilings(backend, threads=threads, refresh=refresh, progress=options.progress(quiet=json))
    if json:
        sys.stdout.buffer.write(to_json(found))
    else:
        print_ceilings(found, sys.stdout)
