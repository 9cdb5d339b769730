"""The JSON Schema of the documents, made from the dataclasses and published with the package."""

from __future__ import annotations

from pathlib import Path

import msgspec

from alexnet_bench.core.document import SCHEMA_VERSION
from alexnet_bench.core.profile import Profile, ProfileSet

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
        "$defs": components,
    }
    return msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"


if __name__ == "__main__":
    PUBLISHED.write_bytes(json_schema())
