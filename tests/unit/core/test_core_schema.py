"""The published JSON Schema: current, true of real documents, and strict enough to find a wrong one."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

import alexnet_bench
from alexnet_bench.core import document
from alexnet_bench.core.profile import SCHEMA_VERSION
from alexnet_bench.core.schema import PUBLISHED, json_schema

PROFILES = sorted((Path(__file__).resolve().parents[2] / "data" / "profiles").glob("*.json"))


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(PUBLISHED.read_bytes())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_published_file_is_current() -> None:
    """After a change of the document: python -m alexnet_bench.core.schema."""
    assert PUBLISHED.read_bytes() == json_schema()


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_real_documents_are_valid(path: Path, validator: jsonschema.Draft202012Validator) -> None:
    validator.validate(json.loads(path.read_bytes()))


def test_the_schema_of_the_version_before_is_still_published_and_true_of_its_documents() -> None:
    before = PUBLISHED.with_name(f"profile-{SCHEMA_VERSION - 1}.schema.json")
    assert f"version {SCHEMA_VERSION - 1}" in json.loads(before.read_bytes())["title"]
    old = PROFILES[0].parent / f"version-{SCHEMA_VERSION - 1}" / "alexnet-2012.json"
    jsonschema.Draft202012Validator(json.loads(before.read_bytes())).validate(json.loads(old.read_bytes()))


def test_what_is_counted_now_is_valid(validator: jsonschema.Draft202012Validator) -> None:
    options = alexnet_bench.Options(static=True)
    one = alexnet_bench.profile("onnx:squeezenet", options=options)
    both = alexnet_bench.profile_set("onnx:squeezenet", batches=[None, 1], options=options)
    for made in (one, both):
        validator.validate(json.loads(document.encode(made)))


@pytest.mark.parametrize(
    ("field", "value"), [("layers", None), ("latency", "fast"), ("totals", {}), ("schema", "another")]
)
def test_a_wrong_document_is_found(field: str, value: object, validator: jsonschema.Draft202012Validator) -> None:
    wrong = {**json.loads(PROFILES[0].read_bytes()), field: value}
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(wrong)
