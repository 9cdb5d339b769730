"""`alexnet-bench devices`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from alexnet_bench.cli.command import Command


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("devices", cls=Command)(devices)


def devices(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Show one device with the source of every value.")
    ] = None,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the devices whose published peaks `--budget` knows."""
    from alexnet_bench.core.devices import get_device, load_devices
    from alexnet_bench.core.workspace import current_workspace
    from alexnet_bench.report.lists import print_device, print_devices, to_json

    workspace = current_workspace()
    found = [get_device(name, workspace)] if name else list(load_devices(workspace).values())
    if json:
        sys.stdout.buffer.write(to_json(found))
    elif name:
        print_device(found[0], sys.stdout)
    else:
        print_devices(found, sys.stdout)
