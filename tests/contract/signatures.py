"""What the docstrings of pybind11 say of functions: parameters, defaults, and what is returned."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_SIGNATURE = re.compile(r"^(?:\d+\. )?\w*\((?P<parameters>.*)\)(?: -> (?P<returned>.+))?$")
_CLASS = re.compile(r"(?:\w+\.|\w+::)*(\w+)(?: \| None)?$")


@dataclass(frozen=True)
class Signature:
    """One way of calling a function, without `self`.

    Attributes:
        names: of its parameters.
        required: how many of them have no default.
        returned: class that it returns, "" when it is not told.
    """

    names: tuple[str, ...]
    required: int
    returned: str

    def takes(self, positional: int, keywords: Sequence[str]) -> bool:
        """Whether it can be called so."""
        given = {*self.names[:positional], *keywords}
        fits = positional <= len(self.names) and len(given) == positional + len(keywords)
        return fits and given <= set(self.names) and set(self.names[: self.required]) <= given


def signatures(doc: str | None) -> list[Signature]:
    """All ways of calling a function; none when the docstring tells none."""
    lines = (doc or "").strip().splitlines()
    head = [line for line in lines if re.match(r"\d+\. \w+\(", line)] if _is_overloaded(lines) else lines[:1]
    matches = (_SIGNATURE.match(line.strip()) for line in head)
    return [_signature(match) for match in matches if match is not None]


def _is_overloaded(lines: Sequence[str]) -> bool:
    return len(lines) > 1 and lines[1].strip() == "Overloaded function."


def _signature(match: re.Match[str]) -> Signature:
    parts = [part for part in _split(match["parameters"]) if not re.match(r"(self|arg0)\b", part)]
    names = tuple(re.split(r"[:=]", part)[0].strip() for part in parts)
    required = sum(" = " not in part for part in parts)
    returned = _CLASS.match((match["returned"] or "").strip())
    return Signature(names, required, returned[1] if returned else "")


def _split(text: str) -> list[str]:
    """Parameters, by the commas outside of brackets."""
    parts, depth = [""], 0
    for char in text:
        depth += (char in "([{<") - (char in ")]}>")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts if part.strip()]
