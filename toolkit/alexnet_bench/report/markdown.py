"""The profile as Markdown for a pull request."""

from __future__ import annotations

import re

from alexnet_bench.core.profile import Profile, ProfileSet
from alexnet_bench.core.text import escape_controls
from alexnet_bench.report.headline import headline
from alexnet_bench.report.rows import Line, layer_rows, shown_warnings, summary, title

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


def _section(profile: Profile, top: int | None) -> str:
    lines = [f"### {escape(title(profile))}", "", f"**{escape(headline(profile))}**", ""]
    lines += ["| | |", "|---|---|", *map(_summary_row, summary(profile))]
    lines += ["", *_layers(profile, top)]
    for warning in shown_warnings(profile):
        hint = f" ({warning.hint})" if warning.hint else ""
        lines += [f"> {escape(warning.message + hint)}", ""]
    return "\n".join(lines)


def _summary_row(line: Line) -> str:
    return f"| {line.label} | {'<br>'.join(map(escape, line.texts))} |"


def _layers(profile: Profile, top: int | None) -> list[str]:
    shown = layer_rows(profile, top)
    headings = ["layer", *(column.heading for column in shown.columns)]
    rules = ["---", *("--:" if column.right else "---" for column in shown.columns)]
    lines = ["<details><summary>Layers</summary>", "", _table_row(headings), f"|{'|'.join(rules)}|"]
    lines += [_table_row([escape(row.name), *(escape(c.text(row)) for c in shown.columns)]) for row in shown.rows]
    return [*lines, *(["", escape(shown.rest)] if shown.rest else []), "", "</details>", ""]


def _table_row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
