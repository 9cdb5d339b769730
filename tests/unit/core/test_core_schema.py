"""The published JSON Schemas: current, true of real documents, and strict enough to find a wrong one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import jsonschema
import pytest

import alexnet_bench
from alexnet_bench.core import document
from alexnet_bench.core.profile import SCHEMA_VERSION
from alexnet_bench.core.schema import KINDS, json_schema, published

PROFILES = sorted((Path(__file__).resolve().parents[2] / "data" / "profiles").glob("*.json"))


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(published("profile").read_bytes()))


@pytest.mark.parametrize("kind", KINDS)
def test_the_published_file_is_current(kind: str) -> None:
    """After a change of a document: python -m alexnet_bench.core.schema."""
    assert published(kind).read_bytes() == json_schema(kind)
    jsonschema.Draft202012Validator.check_schema(json.loads(json_schema(kind)))


def test_every_document_has_a_schema() -> None:
    assert {item for _, types in KINDS.values() for item in types} == set(get_args(document.Document))


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_real_documents_are_valid(path: Path, validator: jsonschema.Draft202012Validator) -> None:
    validator.validate(json.loads(path.read_bytes()))


def test_the_schema_of_the_version_before_is_still_published_and_true_of_its_documents() -> None:
    before = published("profile", SCHEMA_VERSION - 1)
    assert f"version {SCHEMA_VERSION - 1}" in json.loads(before.read_bytes())["title"]
    old = PROFILES[0].parent / f"version-{SCHEMA_VERSION - 1}" / "alexnet-2012.json"
    jsonschema.Draft202012Validator(json.loads(before.read_bytes())).validate(json.loads(old.read_bytes()))


@pytest.mark.parametrize("path", sorted(published("profile").parent.iterdir()), ids=lambda path: path.stem)
def test_a_document_says_what_it_is(path: Path) -> None:
    """Readers refuse one that does not, so that the schema must not let it pass."""
    schema = json.loads(path.read_bytes())
    names = [item["$ref"].rpartition("/")[2] for item in schema["anyOf"]]
    assert names
    for name in names:
        assert {"schema", "schema_version"} <= set(schema["$defs"][name]["required"])


@pytest.mark.parametrize("field", ["schema", "schema_version"])
def test_a_document_that_lacks_its_head_is_found(field: str, validator: jsonschema.Draft202012Validator) -> None:
    wrong = json.loads(PROFILES[0].read_bytes())
    del wrong[field]
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(wrong)


def test_what_is_counted_now_is_valid(validator: jsonschema.Draft202012Validator) -> None:
    options = alexnet_bench.Options(static=True)
    one = alexnet_bench.profile("onnx:squeezenet", options=options)
    both = alexnet_bench.profile_set("onnx:squeezenet", batches=[None, 1], options=options)
    formulas = alexnet_bench.symbolic_counts("lenet-5")
    check = jsonschema.Draft202012Validator(json.loads(published("symbolic-counts").read_bytes()))
    check.validate(json.loads(document.encode(formulas)))
    for made in (one, both):
        validator.validate(json.loads(document.encode(made)))


@pytest.mark.parametrize(
    ("field", "value"), [("layers", None), ("latency", "fast"), ("totals", {}), ("schema", "another")]
)
def test_a_wrong_document_is_found(field: str, value: object, validator: jsonschema.Draft202012Validator) -> None:
    wrong = {**json.loads(PROFILES[0].read_bytes()), field: value}
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(wrong)
