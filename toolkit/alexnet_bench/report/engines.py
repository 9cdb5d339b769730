"""Built engines as text: the passport of a build, and what the cache holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from alexnet_bench.core.engine_listing import CacheEntry, CacheListing
from alexnet_bench.core.errors import EngineError
from alexnet_bench.core.passport import Passport
from alexnet_bench.core.text import plural, printable
from alexnet_bench.core.units import binary_bytes, share
from alexnet_bench.engine.recipe import from_document
from alexnet_bench.report.builds import build_rows, builds_lines, print_builds
from alexnet_bench.report.console import WIDTH_OF_LISTS, Cells, page, print_fitting, safe
from alexnet_bench.report.markdown import labelled, table
from alexnet_bench.report.tuning import candidate_rows, print_candidates, tuning_lines

_KEY_DIGITS = 12
_PATH = "engine"
"""Label of the line that holds a path."""
_MOST_PROFILES = 6
_NO_WEIGHTS = "not in the engine; put in from this machine's cache when it is loaded"


def _sizes(passport: Passport) -> list[tuple[str, str]]:
    """The ranges of sizes that it takes, where its recipe says any."""
    try:
        ranges = [str(item) for item in from_document(passport.recipe).sizes]
    except EngineError:  # of a later version
        return []
    if not any(ranges):
        return []
    more = len(ranges) - _MOST_PROFILES
    shown = [*ranges[: _MOST_PROFILES - 1], f"{more} more", ranges[-1]] if more > 1 else ranges
    return [("sizes", "; or ".join(shown))]


def _settings(passport: Passport) -> list[tuple[str, str]]:
    """The settings of its recipe, where there are any."""
    settings = passport.recipe.get("settings")
    said = [f"{name} {value}" for name, value in settings.items()] if isinstance(settings, dict) else []
    return [("settings", printable(", ".join(said), 400))] if said else []


def print_passport(passport: Passport, stream: IO[str]) -> None:
    """What was built, in a few lines."""
    with page(stream) as console:
        print_lines(console, passport_lines(passport))
        print_candidates(console, passport.tuning)
        print_builds(console, passport.builds)


def to_markdown(passport: Passport) -> str:
    """What was built, as Markdown."""
    lines = labelled((label, [text]) for label, text in passport_lines(passport))
    for headings, rows in (candidate_rows(passport.tuning), build_rows(passport.builds)):
        lines += ["", *table(headings, rows)] if rows else []
    return "\n".join([f"### Engine {passport.key[:_KEY_DIGITS]}", "", *lines, ""])


def print_cache(listing: CacheListing, stream: IO[str]) -> None:
    """What the cache holds, or what was removed from it."""
    with page(stream, fallback=WIDTH_OF_LISTS) as console:
        shown = listing.removed or listing.entries
        if shown:
            print_fitting(console, _cache_columns(shown))
        for entry in shown:
            for reason in entry.reasons_against:
                console.print(safe(f"{entry.name[:_KEY_DIGITS]}: {reason}", "yellow"))
        for entry in listing.in_use:
            console.print(safe(f"{_called(entry)}: in use or being built just now, and left", "yellow"))
        for entry in listing.refused:
            console.print(safe(f"{_called(entry)}: may not be removed by this user, and left", "yellow"))
        console.print(Text(printable(_cache_total(listing), 400), "dim"))


def _called(entry: CacheEntry) -> str:
    """An entry on a line of its own."""
    return entry.name[:_KEY_DIGITS] if entry.kind == "engine" else f"{entry.kind} {printable(entry.name)}"


def _cache_total(listing: CacheListing) -> str:
    held = f"{plural(len(listing.entries), 'item')} in {listing.folder}, {_size(listing.entries)}"
    if listing.removed:
        return f"removed the above, {_size(listing.removed)}; left: {held}"
    return f"{held}; engines above {binary_bytes(listing.max_bytes)} go, the one used longest ago first"


def _cache_columns(entries: Sequence[CacheEntry]) -> list[Cells]:
    names = [printable(entry.name[:_KEY_DIGITS]) if entry.kind == "engine" else "-" for entry in entries]
    return [
        Cells("what", [entry.kind for entry in entries], 2),
        Cells("name", names),
        Cells("model", [printable(entry.model or "-") for entry in entries], is_name=True),
        Cells("recipe", [printable(entry.recipe or "-") for entry in entries], 4),
        Cells("backend", [printable(entry.backend or "-") for entry in entries], 3),
        Cells(">size", [binary_bytes(entry.size_bytes) for entry in entries]),
        Cells("last used", [entry.last_used[:16].replace("T", " ") for entry in entries], 1),
    ]


def _size(entries: Sequence[CacheEntry]) -> str:
    return binary_bytes(sum(entry.size_bytes for entry in entries))


def print_lines(console: Console, lines: Sequence[tuple[str, str]]) -> None:
    """Labels with their texts; the path of an engine is never cut."""
    width = 2 + max(len(label) for label, _ in lines)
    grid = Table.grid()
    grid.add_column(no_wrap=True, width=width)
    grid.add_column(overflow="fold")
    for label, text in lines:
        if label == _PATH:  # whole, so that it can be copied
            console.print(Text.assemble((label.ljust(width), "dim"), safe(text)), soft_wrap=True)
        else:
            grid.add_row(Text(label, style="dim"), safe(text))
    console.print(grid)


def passport_lines(passport: Passport) -> list[tuple[str, str]]:
    """What an engine is, with a label for each line."""
    asked = passport.requested_precision or "the model's own types"
    when = passport.created[:16].replace("T", " ")
    found = f"in the cache since {when}" if passport.cache_hit else f"built in {passport.build_s:.1f} s, {when}"
    counts = ", ".join(f"{plural(count, 'layer')} in {dtype}" for dtype, count in passport.compute_dtypes.items())
    return [
        (_PATH, passport.path),
        ("key", f"{passport.key[:_KEY_DIGITS]}, {binary_bytes(passport.size_bytes)}, {found}"),
        ("for", f"{passport.backend} {passport.backend_version} on {passport.device}"),
        ("recipe", f"{passport.recipe.get('name', '-')}: {', '.join(passport.passes) or 'no passes'}"),
        ("types", f"asked for {asked}; computed: {counts or 'not reported'}"),
        ("attributed", f"{share(passport.macs_attributed_fraction)} of the MACs counted"),
        *_settings(passport),
        *_sizes(passport),
        *([("weights", _NO_WEIGHTS)] if passport.refit_sha256 else []),
        *tuning_lines(passport.tuning),
        *builds_lines(passport.builds),
        *(("note", printable(note, 400)) for note in passport.notes),
    ]
