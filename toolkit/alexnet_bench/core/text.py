"""Text from strangers, made safe to show."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

MAX_SHOWN = 120
_LONGEST_TYPED = 400
_MARK = b"\xef\xbb\xbf"


def printable(text: str, limit: int = MAX_SHOWN) -> str:
    r"""Text of a model or a file with control characters escaped, cut to `limit` characters.

    Terminal escapes, newlines and directional marks in a node's name must not move the reader's cursor.
    """
    # One character more than fits is enough to know that the text is cut; a name may be megabytes long.
    shown = escape_controls(text[: limit + 1])
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def typed(name: str) -> str:
    """A name as it is typed to a shell, "" for one that is too long for that or has characters that nobody types."""
    return shlex.quote(name) if name and printable(name, _LONGEST_TYPED) == name else ""


def keeping(names: Iterable[str]) -> str:
    """The options of `build-engine` that keep nodes in float32, each once, as typed; NAME for what cannot be typed."""
    return " ".join(f"--keep-fp32 {typed(name) or 'NAME'}" for name in dict.fromkeys(names))


def escape_controls(text: str, keep: str = "") -> str:
    r"""The whole text with control characters, directional marks and the like escaped as \x1b or \u202e.

    Args:
        text: from a stranger.
        keep: characters to leave as they are.
    """
    if text.isprintable():
        return text
    text = _decoded(text)
    return "".join(char if char.isprintable() or char in keep else _escaped(char) for char in text)


def without_mark(content: bytes) -> bytes:
    """A file's content without the mark of UTF-8 that editors on Windows put first, and no reader of JSON takes."""
    return content.removeprefix(_MARK)


def plural(count: int, noun: str) -> str:
    """A count with its noun: "1 layer", "3 layers", "4 processes"."""
    ending = "es" if noun.endswith("s") else "s"
    return f"{count:,} {noun}{'' if count == 1 else ending}"


def listed(items: Sequence[str], most: int) -> str:
    """The first of some items, and how many more there are: "a, b, c and 4 more"."""
    return ", ".join(items[:most]) + (f" and {len(items) - most} more" if len(items) > most else "")


def _decoded(text: str) -> str:
    """A file's name as it is spelled, where the locale is not UTF-8 and Python kept its bytes (PEP 383)."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError:  # of another encoding, or no such name
        return text


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()
