"""The profile as Markdown for a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from alexnet_bench.core.profile import Profile, ProfileSet
from alexnet_bench.core.text import escape_controls
from alexnet_bench.report.headline import headline
from alexnet_bench.report.rows import layer_rows, shown_warnings, summary, title

_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~$&])")
_AUTOLINK = re.compile(r"(?i)(:(?=//)|(?<=www)\.)")
_WORD_JOINER = "\u2060"
_REFERENCE = re.compile(r"(@|#(?=\d)|(?i:\bgh)-(?=\d))")


def to_markdown(document: Profile | ProfileSet, *, top: int | None = None) -> str:
    """One section for each profile: headline, summary, and the layers folded away.

    Args:
        document: a profile or a set.
        top: how many layers at most; None for a default, 0 for all.
    """
    profiles = document.profiles if isinstance(document, ProfileSet) else (document,)
    return "\n".join(_section(profile, top) for profile in profiles)


def escape(text: str) -> str:
    """Text of a model made harmless in Markdown: no markup, no links, no mentions, no table cells, no line breaks.

    GitHub looks for mentions and for numbers of issues (#12, GH-12) in the finished page, where a backslash before the
    @ or # is gone: an invisible character that joins words stands behind it.
    """
    escaped = _SPECIAL.sub(r"\\\1", escape_controls(text))
    return _REFERENCE.sub(rf"\1{_WORD_JOINER}", _AUTOLINK.sub(r"\\\1", escaped))


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table.

    Args:
        headings: as they are; ">" before one aligns to the right.
        rows: texts of cells, which are made harmless.
    """
    rules = ("--:" if heading.startswith(">") else "---" for heading in headings)
    shown = (heading.removeprefix(">").replace("\n", " ").strip() for heading in headings)
    return [_row(shown), f"|{'|'.join(rules)}|", *(_row(map(escape, row)) for row in rows)]


def labelled(lines: Iterable[tuple[str, Sequence[str]]]) -> list[str]:
    """The lines of a table of labels, each with its texts; several stand one below the other."""
    return ["| | |", "|---|---|", *(_row((label, "<br>".join(map(escape, texts)))) for label, texts in lines)]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _section(profile: Profile, top: int | None) -> str:
    lines = [f"### {escape(title(profile))}", "", f"**{escape(headline(profile))}**", ""]
    lines += labelled((line.label, line.texts) for line in summary(profile))
    lines += ["", *_layers(profile, top)]
    for warning in shown_warnings(profile):
        lines += [f"> {escape(warning.text)}", ""]
    return "\n".join(lines)


def _layers(profile: Profile, top: int | None) -> list[str]:
    shown = layer_rows(profile, top)
    headings = ["layer", *(f"{'>' if column.right else ''}{column.heading}" for column in shown.columns)]
    rows = ([row.name, *(column.text(row) for column in shown.columns)] for row in shown.rows)
    lines = ["<details><summary>Layers</summary>", "", *table(headings, rows)]
    return [*lines, *(["", escape(shown.rest)] if shown.rest else []), "", "</details>", ""]
