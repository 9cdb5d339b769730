"""Profiles as JSON, written and read back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.profile import Profile, ProfileSet

SCHEMA_VERSION = 1

Document = Profile | ProfileSet


class _Head(msgspec.Struct):
    schema: str = ""
    schema_version: int = 0


_TYPES: Mapping[str, type[Profile] | type[ProfileSet]] = {
    "alexnet-bench.profile": Profile,
    "alexnet-bench.profile-set": ProfileSet,
}


def encode(document: Document) -> bytes:
    """The document as indented JSON in UTF-8; `schema` and `schema_version` come first."""
    fields = {"schema": document.schema, "schema_version": document.schema_version}
    fields |= msgspec.to_builtins(document)
    return msgspec.json.format(msgspec.json.encode(fields), indent=2) + b"\n"


def decode(content: bytes, name: str = "the document") -> Document:
    """A document as `encode` wrote it.

    Raises:
        UsageError: it is not JSON, not a profile, or of a version that this release does not know.
    """
    try:
        head = msgspec.json.decode(content, type=_Head)
        kind = _TYPES.get(head.schema)
        if kind is None:
            raise UsageError(f"{name} is not a profile", "write one with: alexnet-bench profile MODEL --json FILE")
        if head.schema_version != SCHEMA_VERSION:
            raise UsageError(
                f"{name} has schema version {head.schema_version}, this release reads {SCHEMA_VERSION}",
                "pip install --upgrade alexnet-bench",
            )
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as error:
        raise UsageError(f"{name} cannot be read: {error}", "is the file complete?") from None


def read(path: Path) -> Document:
    """A document from a file. Raises UsageError as `decode`."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    return decode(content, str(path))
