"""The JSON Schema of the documents, made from the dataclasses and published with the package."""

from __future__ import annotations

from inspect import cleandoc
from pathlib import Path

import msgspec

from alexnet_bench.core.profile import SCHEMA_VERSION, Profile, ProfileSet

DIALECT = "https://json-schema.org/draft/2020-12/schema"
PUBLISHED = Path(__file__).resolve().parents[1] / "schemas" / f"profile-{SCHEMA_VERSION}.schema.json"
"""The file of this version, inside the installed package."""


def json_schema() -> bytes:
    """The schema of a profile and of a set of them, as indented JSON in UTF-8."""
    kinds, components = msgspec.json.schema_components((Profile, ProfileSet), ref_template="#/$defs/{name}")
    schema = {
        "$schema": DIALECT,
        "title": f"Documents of alexnet-bench, version {SCHEMA_VERSION}",
        "anyOf": list(kinds),
        "$defs": {name: _dedented(component) for name, component in components.items()},
    }
    return msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"


def _dedented(component: dict[str, object]) -> dict[str, object]:
    """The component with its docstring as Python 3.13 keeps it; older ones leave the indentation in."""
    description = component.get("description")
    return {**component, "description": cleandoc(description)} if isinstance(description, str) else component


if __name__ == "__main__":
    PUBLISHED.write_bytes(json_schema())
