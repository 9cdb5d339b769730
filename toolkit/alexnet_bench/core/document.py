"""Profiles as JSON, written and read back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.profile import Profile, ProfileSet
from alexnet_bench.core.text import printable

SCHEMA_VERSION = 1

Document = Profile | ProfileSet

_WRITE_ONE = "write one with: alexnet-bench profile MODEL --json FILE"
_LIST_OF_NUMBERS = re.compile(rb"\[\n([-+0-9.eE,\s]+)\]")
"""In indented JSON. Strings cannot look like it, as they hold no raw line break."""


class _Head(msgspec.Struct):
    schema: str = ""
    schema_version: int = 0


_TYPES: Mapping[str, type[Profile] | type[ProfileSet]] = {
    "alexnet-bench.profile": Profile,
    "alexnet-bench.profile-set": ProfileSet,
}


def encode(document: Document) -> bytes:
    """The document as indented JSON in UTF-8; `schema` and `schema_version` come first, samples stand on one line."""
    fields = {"schema": document.schema, "schema_version": document.schema_version}
    fields |= msgspec.to_builtins(document)
    indented = msgspec.json.format(msgspec.json.encode(fields), indent=2)
    return _LIST_OF_NUMBERS.sub(_on_one_line, indented) + b"\n"


def decode(content: bytes, name: str = "the document") -> Document:
    """A document as `encode` wrote it.

    Raises:
        UsageError: it is not JSON, not a profile, or of a version that this release does not know.
    """
    try:
        head = msgspec.json.decode(content, type=_Head)
        kind = _TYPES.get(head.schema)
        if kind is None:
            raise UsageError(f"{name} is not a profile", _WRITE_ONE)
        if head.schema_version != SCHEMA_VERSION:
            newer = head.schema_version > SCHEMA_VERSION
            raise UsageError(
                f"{name} has schema version {head.schema_version}, this release reads {SCHEMA_VERSION}",
                "pip install --upgrade alexnet-bench" if newer else "profile the model again",
            )
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        raise UsageError(f"{name} is not a valid profile: {printable(str(error), 200)}", _WRITE_ONE) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(
            f"{name} is not JSON, or only a part of it: {printable(str(error), 200)}", _WRITE_ONE
        ) from None


def read(path: Path) -> Document:
    """A document from a file. Raises UsageError as `decode`."""
    name = printable(str(path), 200)
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # a null in the name is a ValueError
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{name} cannot be read: {reason}", _WRITE_ONE) from None
    return decode(content, name)


def _on_one_line(found: re.Match[bytes]) -> bytes:
    return b"[" + b", ".join(part.strip() for part in found[1].split(b",")) + b"]"
