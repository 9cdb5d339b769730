"""JSON as trtexec prints it: numbers as C++ streams write them, names without escapes."""

from __future__ import annotations

import json
import re
from pathlib import Path

from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.text import printable, without_mark

_LARGEST = 1 << 30
_HEAD = 4096
_OF_TRTEXEC = ('"Layers"', '"computeMs"', '"averageMs"', '"count"')
_NO_NUMBER = re.compile(r'(?<=" : )-?(?:nan|inf)(?= *[,}])')
"""What C++ prints for 0/0, as for the percentages of a profile without any time."""


def read_json(path: Path) -> object:
    """What a file holds; None for one that is no JSON, and does not look like one of trtexec either.

    Raises:
        UsageError: it looks like a file of trtexec, and is cut short or cannot be read.
    """
    shown = printable(str(path), 200)
    try:
        with path.open("rb") as stream:
            head = without_mark(stream.read(_HEAD))
            if head.lstrip()[:1] not in (b"{", b"["):
                return None
            if path.stat().st_size > _LARGEST:
                raise UsageError(f"{shown} is larger than 1 GiB, and no file of trtexec")
            text = (head + stream.read()).decode("utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"{shown} cannot be read: {error.strerror}") from None
    try:
        return _loads(text)
    except (ValueError, RecursionError) as error:
        if not any(mark in text[:_HEAD] for mark in _OF_TRTEXEC):
            return None
        raise UsageError(
            f"{shown} is not JSON, or only a part of it: {printable(str(error), 200)}",
            "trtexec writes names as they are: one with a quotation mark or a backslash breaks its files",
        ) from None


def _loads(text: str) -> object:
    """Control characters in names, and numbers that are none, are let through."""
    try:
        return json.loads(text, strict=False)
    except json.JSONDecodeError:
        if not _NO_NUMBER.search(text):
            raise
        return json.loads(_NO_NUMBER.sub("null", text), strict=False)
