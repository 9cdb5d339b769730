"""The JSON Schemas of the documents, made from the dataclasses and published with the package.

`python -m alexnet_bench.core.schema` writes them anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from inspect import cleandoc
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from alexnet_bench.core.contest import CONTEST_VERSION, Contest
from alexnet_bench.core.document import Document
from alexnet_bench.core.inspection import INSPECTION_VERSION, Inspection, InspectionSet
from alexnet_bench.core.passport import PASSPORT_VERSION, Passport
from alexnet_bench.core.profile import SCHEMA_VERSION, Profile, ProfileSet
from alexnet_bench.core.symbolic import SYMBOLIC_VERSION, SymbolicCounts
from alexnet_bench.core.verification import VERIFICATION_VERSION, Verification

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_FOLDER = Path(__file__).resolve().parents[1] / "schemas"
KINDS: Mapping[str, tuple[int, tuple[type[Document], ...]]] = MappingProxyType(
    {
        "contest": (CONTEST_VERSION, (Contest,)),
        "inspection": (INSPECTION_VERSION, (Inspection, InspectionSet)),
        "passport": (PASSPORT_VERSION, (Passport,)),
        "profile": (SCHEMA_VERSION, (Profile, ProfileSet)),
        "symbolic-counts": (SYMBOLIC_VERSION, (SymbolicCounts,)),
        "verification": (VERIFICATION_VERSION, (Verification,)),
    }
)
"""Each kind of document with its version, and the types that it has."""


def published(kind: str, version: int | None = None) -> Path:
    """The file of a kind of document inside the installed package, of this version unless another one is named."""
    return _FOLDER / f"{kind}-{KINDS[kind][0] if version is None else version}.schema.json"


def json_schema(kind: str) -> bytes:
    """The schema of a kind of document, as indented JSON in UTF-8."""
    version, types = KINDS[kind]
    alternatives, components = msgspec.json.schema_components(
        types, schema_hook=_anything, ref_template="#/$defs/{name}"
    )
    schema = {
        "$schema": DIALECT,
        "title": f"Documents of alexnet-bench: {kind}, version {version}",
        "anyOf": list(alternatives),
        "$defs": {name: _telling_its_kind(_dedented(component)) for name, component in components.items()},
    }
    return msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"


def _telling_its_kind(component: dict[str, Any]) -> dict[str, Any]:
    """A component that requires `schema` and `schema_version` if it has them: these defaults are for Python alone.

    A document that lacks them is none that any release wrote, and readers refuse it.
    """
    head = [name for name in ("schema", "schema_version") if name in component.get("properties", ())]
    return {**component, "required": [*component.get("required", ()), *head]} if head else component


def _anything(kind: type) -> dict[str, object]:
    """The schema of what may be anything, as a value in the recipe of a passport."""
    if kind is not object:
        raise NotImplementedError(kind)
    return {"description": "any value"}


def _dedented(component: dict[str, Any]) -> dict[str, Any]:
    """The component with its docstring as Python 3.13 keeps it; older ones leave the indentation in."""
    description = component.get("description")
    return {**component, "description": cleandoc(description)} if isinstance(description, str) else component


if __name__ == "__main__":
    for name in KINDS:
        published(name).write_bytes(json_schema(name))
