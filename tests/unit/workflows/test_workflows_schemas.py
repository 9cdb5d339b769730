"""What engines, verifications, inspections and contests write is as their published schemas say."""

from __future__ import annotations

import json
from dataclasses import replace

import jsonschema
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from alexnet_bench import BuildOptions, ContestOptions, build_engine, contest, verify
from alexnet_bench.core.document import Document, encode
from alexnet_bench.core.schema import published
from alexnet_bench.workflows.inspection.inspect import inspect, inspect_all
from tests.unit.workflows.test_workflows_profile_engine import normalised

_ORT = "onnxruntime-cpu"


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Document]]:
    model = normalised(tmp_path_factory.mktemp("schemas") / "m.onnx")
    tuned = BuildOptions(backend=_ORT, builds=2, tune_s=1.0)
    passport = build_engine(model, options=tuned)
    changed = onnx.load(model)
    changed.graph.initializer[1].CopyFrom(numpy_helper.from_array(np.ones((16, 16, 3, 3), np.float32), "v"))
    onnx.save(changed, model.with_name("other.onnx"))
    options = ContestOptions(seconds=0.02, processes=1, backends=(_ORT, "tensorrt"))
    return {
        "passport": [passport, replace(passport, tuning=None, builds=None)],
        "inspection": [inspect(passport.path), inspect_all([passport.path, passport.path])],
        "verification": [verify(passport.path, against=other) for other in (model, model.with_name("other.onnx"))],
        "contest": [contest(model, options=options)],
    }


@pytest.mark.parametrize("kind", ["contest", "inspection", "passport", "verification"])
def test_real_documents_are_as_their_schema_says(kind: str, documents: dict[str, list[Document]]) -> None:
    check = jsonschema.Draft202012Validator(json.loads(published(kind).read_bytes()))
    for made in documents[kind]:
        fields = json.loads(encode(made))
        check.validate(fields)
        for wrong in ({"schema": "another"}, {"schema_version": "1"}):
            with pytest.raises(jsonschema.ValidationError):
                check.validate(fields | wrong)


def test_what_was_made_fills_the_documents(documents: dict[str, list[Document]]) -> None:
    """Schemas say little of what is null or empty."""
    found = {kind: json.loads(encode(made[-1])) for kind, made in documents.items()}
    full = json.loads(encode(documents["passport"][0]))
    assert full["tuning"]["candidates"]
    assert full["builds"]["builds"]
    assert found["verification"]["verdict"] == "failed"
    assert found["verification"]["first_bad"]
    assert {bool(entry["refused"]) for entry in found["contest"]["cases"][0]["entries"]} == {False, True}
