"""The profile as Markdown for a pull request."""

from __future__ import annotations

import re

from alexnet_bench.core.document import Document
from alexnet_bench.core.profile import Profile, ProfileSet
from alexnet_bench.core.units import percent
from alexnet_bench.report.headline import headline
from alexnet_bench.report.rows import layer_rows, shown_warnings, summary, title

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~@$&])")


def to_markdown(document: Document, *, top: int | None = None) -> str:
    """One section for each profile: headline, summary, and the layers folded away.

    Args:
        document: a profile or a set.
        top: how many layers at most; None for a default, 0 for all.
    """
    profiles = document.profiles if isinstance(document, ProfileSet) else (document,)
    return "\n".join(_section(profile, top) for profile in profiles)


def escape(text: str) -> str:
    """Text of a model made harmless in Markdown: no markup, no links, no mentions, no table cells."""
    return _SPECIAL.sub(r"\\\1", text)


def _section(profile: Profile, top: int | None) -> str:
    lines = [f"### {escape(title(profile))}", "", f"**{escape(headline(profile))}**", ""]
    lines += ["| | |", "|---|---|"]
    lines += [f"| {label} | {escape(text)} |" for label, text in summary(profile)]
    lines += ["", *_layers(profile, top)]
    lines += [f"> {escape(warning.message)} {escape(warning.hint)}".rstrip() for warning in shown_warnings(profile)]
    return "\n".join([*lines, ""])


def _layers(profile: Profile, top: int | None) -> list[str]:
    shown = layer_rows(profile, top)
    lines = ["<details><summary>Layers</summary>", ""]
    lines += ["| layer | time | share | FLOP | moved | FLOP/s | of roof | bound |", "|---|--:|--:|--:|--:|--:|--:|---|"]
    for row in shown.rows:
        cells = (row.layer, row.time, percent(row.share), row.flop, row.moved, row.rate, row.roof, row.bound)
        lines.append(f"| {' | '.join(map(escape, cells))} |")
    return [*lines, *(["", escape(shown.rest)] if shown.rest else []), "", "</details>", ""]
