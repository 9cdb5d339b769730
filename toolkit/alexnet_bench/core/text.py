"""Text from strangers, made safe to show."""

from __future__ import annotations

MAX_SHOWN = 120


def printable(text: str, limit: int = MAX_SHOWN) -> str:
    r"""Text of a model or a file with control characters escaped and cut to `limit` characters.

    Terminal escapes, newlines and directional marks in a node's name must not move the reader's cursor.
    """
    shown = text if len(text) <= limit else f"{text[: limit - 1]}…"
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in shown)
