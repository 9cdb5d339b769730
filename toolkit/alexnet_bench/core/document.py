"""Profiles, and what other commands give, as JSON: written and read back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import msgspec

from alexnet_bench import __version__
from alexnet_bench.core.contest import CONTEST_VERSION, Contest
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.inspection import INSPECTION_VERSION, Inspection, InspectionSet
from alexnet_bench.core.json_text import encode_json
from alexnet_bench.core.passport import SCHEMA as PASSPORT_SCHEMA
from alexnet_bench.core.passport import Passport, decode_passport, encode_passport
from alexnet_bench.core.profile import SCHEMA_VERSION, LayerProfile, Profile, ProfileSet
from alexnet_bench.core.symbolic import SYMBOLIC_VERSION, SymbolicCounts
from alexnet_bench.core.text import printable, without_mark
from alexnet_bench.core.verification import VERIFICATION_VERSION, Verification

OLDEST_READ = 1
"""Documents from this version on are read; what they do not have is null."""

Document = Profile | ProfileSet | SymbolicCounts | Verification | Contest | Inspection | InspectionSet | Passport
_D = TypeVar("_D", Profile, ProfileSet)

_WRITE_ONE = "write one with: alexnet-bench profile MODEL --json FILE"
_LIST_OF_NUMBERS = re.compile(rb"\[\n([-+0-9.eE,\s]+)\]")
"""In indented JSON. Strings cannot look like it, as they hold no raw line break."""


class _Head(msgspec.Struct):
    schema: str = ""
    schema_version: int = 0


_TYPES: Mapping[str, type[Document]] = {
    "alexnet-bench.profile": Profile,
    "alexnet-bench.profile-set": ProfileSet,
    "alexnet-bench.symbolic-counts": SymbolicCounts,
    "alexnet-bench.verification": Verification,
    "alexnet-bench.contest": Contest,
    "alexnet-bench.inspection": Inspection,
    "alexnet-bench.inspection-set": InspectionSet,
}
_NEWEST: Mapping[type[Document], int] = {
    SymbolicCounts: SYMBOLIC_VERSION,
    Verification: VERIFICATION_VERSION,
    Contest: CONTEST_VERSION,
    Inspection: INSPECTION_VERSION,
    InspectionSet: INSPECTION_VERSION,
}
"""Of the kinds that have a version of their own."""


def encode(document: Document) -> bytes:
    """The document as indented JSON in UTF-8; `schema` and `schema_version` come first, samples stand on one line."""
    if isinstance(document, Passport):
        return encode_passport(document)
    fields = {"schema": document.schema, "schema_version": document.schema_version}
    fields |= msgspec.to_builtins(document)
    indented = msgspec.json.format(encode_json(fields), indent=2)
    return _LIST_OF_NUMBERS.sub(_on_one_line, indented) + b"\n"


def decode(content: bytes, name: str = "the document") -> Document:
    """A document as `encode` of this release or of the version before wrote it, as one of this version.

    Raises:
        UsageError: it is not JSON, not a profile, or of a version that this release does not read.
        EngineError: it is a passport, and damaged or of another version.
    """
    content = without_mark(content)
    try:
        head = msgspec.json.decode(content, type=_Head)
        kind = _TYPES.get(head.schema)
        if head.schema == PASSPORT_SCHEMA:
            return decode_passport(content, name)
        if kind is None:
            raise UsageError(f"{name} is not a profile", _WRITE_ONE)
        _check_version(head.schema_version, name, _NEWEST.get(kind, SCHEMA_VERSION))
        found = msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        raise UsageError(f"{name} is not a valid profile: {printable(str(error), 200)}", _WRITE_ONE) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(
            f"{name} is not JSON, or only a part of it: {printable(str(error), 200)}", _WRITE_ONE
        ) from None
    if isinstance(found, Profile):
        return _current(found)
    if not isinstance(found, ProfileSet):
        return found
    for inner in found.profiles:
        _check_version(inner.schema_version, name, SCHEMA_VERSION)
    return _current(replace(found, profiles=tuple(map(_current, found.profiles))))


def read(path: Path) -> Document:
    """A document from a file. Raises errors as `decode`."""
    name = printable(str(path), 200)
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # a null in the name is a ValueError
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{name} cannot be read: {reason}", _WRITE_ONE) from None
    return decode(content, name)


def _check_version(version: int, name: str, newest: int) -> None:
    if not OLDEST_READ <= version <= newest:
        raise UsageError(
            f"{name} has schema version {version}, this release reads {OLDEST_READ} to {newest}",
            f"read it with a newer alexnet-bench (this one is {__version__})"
            if version > newest
            else "profile the model again",
        )


def _current(document: _D) -> _D:
    """The document in this version; fields that an older one does not have are null by their defaults."""
    if document.schema_version == SCHEMA_VERSION:
        return document
    if isinstance(document, Profile):
        document = replace(document, layers=tuple(map(_with_known_live_bytes, document.layers)))
    return replace(document, schema_version=SCHEMA_VERSION)


def _with_known_live_bytes(layer: LayerProfile) -> LayerProfile:
    """Version 1 wrote 0 for a layer that none of the user's nodes asked for, where it is not known."""
    return layer if layer.onnx_nodes or layer.shared_nodes else msgspec.structs.replace(layer, live_bytes=None)


def _on_one_line(found: re.Match[bytes]) -> bytes:
    return b"[" + b", ".join(part.strip() for part in found[1].split(b",")) + b"]"
