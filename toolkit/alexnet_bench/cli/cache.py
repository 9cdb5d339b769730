"""`alexnet-bench cache`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from alexnet_bench.cli.command import Command
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.text import printable
from alexnet_bench.core.units import read_size


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("cache", cls=Command)(cache)


def cache(
    action: Annotated[str, typer.Argument(metavar="list|prune", help="Show what is there, or remove some of it.")],
    *,
    max_size: Annotated[
        str | None, typer.Option(metavar="SIZE", help="prune: what may stay, as 10GiB or 500MB.  [default: 10GiB]")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="prune: remove everything but measured ceilings.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List or prune the engines built and the networks exported."""
    if action not in ("list", "prune"):
        raise UsageError(f"the cache knows no {printable(action)!r}", "write: alexnet-bench cache list, or cache prune")
    if action == "list" and (max_size is not None or everything):
        raise UsageError("cache list removes nothing", "write: alexnet-bench cache prune")
    if max_size is not None and everything:
        raise UsageError("--all leaves nothing, whatever its size", "leave --all or --max-size out")
    limit = None if max_size is None else size_bytes(max_size)
    from alexnet_bench.report.engines import print_cache
    from alexnet_bench.report.lists import to_json
    from alexnet_bench.workflows.cache import DEFAULT_MAX_BYTES, list_cache, prune_cache

    kept_bytes = DEFAULT_MAX_BYTES if limit is None else limit
    listing = list_cache() if action == "list" else prune_cache(0 if everything else kept_bytes)
    if json:
        sys.stdout.buffer.write(to_json(listing))
    else:
        print_cache(listing, sys.stdout)


def size_bytes(text: str) -> int:
    """A size in bytes from "10GiB" or "500MB"; 0 needs no unit.

    Raises:
        UsageError: something else, or a number alone: whoever leaves the unit out hardly means bytes.
    """
    size = read_size(text)
    if size is None:
        raise UsageError(f"{printable(text)!r} is not a size", "for example --max-size 10GiB")
    if size.bytes and not size.unit:
        number = text.strip()
        raise UsageError(f"the size {number} has no unit", f"write --max-size {number}GiB, or MB, or B for bytes")
    return size.bytes
