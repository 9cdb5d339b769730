"""Recipes, passes and settings as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import IO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from alexnet_bench.core.listings import RecipeListing, RecipesListing, SettingListing
from alexnet_bench.report.console import page, safe

_WIDTH_OF_FILES = 140


def print_recipes(listing: RecipesListing, stream: IO[str], *, with_settings: bool) -> None:
    """A table of recipes, one of passes, and one of settings or a line that says how to see them."""
    with page(stream, fallback=_WIDTH_OF_FILES) as console:
        _print(console, ("recipe", "backend", "type", "what it is for, and its passes"), map(_recipe, listing.recipes))
        _print(console, ("pass", "what it does"), ((item.name, item.meaning) for item in listing.passes))
        if with_settings:
            headings = ("setting", "default", "may be", "what it says")
            _print(console, headings, map(_setting, listing.settings))
        else:
            names = ", ".join(dict.fromkeys(item.backend for item in listing.settings))
            console.print(Text(f"alexnet-bench recipes BACKEND shows its settings: {names}", "dim"))


def _recipe(recipe: RecipeListing) -> Sequence[str]:
    passes = ", ".join(recipe.passes) or "no passes"
    what = recipe.invalid or "\n".join(filter(None, (recipe.title, passes)))
    return recipe.name, recipe.backend or "any", recipe.precision or "-", what


def _setting(setting: SettingListing) -> Sequence[str]:
    values = ", ".join(filter(None, (*setting.values, setting.form)))
    return setting.name, setting.default or "-", values, setting.meaning


def _print(console: Console, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table whose last two columns may break over lines, and an empty line behind it."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for at, heading in enumerate(headings):
        table.add_column(heading, no_wrap=at + 2 < len(headings) or at == 0, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(text) for text in row))
    console.print(table)
    console.print()


def _cell(text: str) -> Text:
    """Lines of a cell, the first in full strength."""
    first, _, rest = text.partition("\n")
    return Text("\n").join([safe(first), safe(rest, "dim")]) if rest else safe(first)
