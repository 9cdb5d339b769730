from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from alexnet_bench.core.errors import EngineError
from alexnet_bench.core.passport import (
    EngineLayerInfo,
    Passport,
    decode_passport,
    encode_passport,
    read_passport,
)
from alexnet_bench.core.profile import SharedNode

_FIELDS = """
    key, model_sha256, recipe, backend, backend_version, target, device, driver, requested_precision, compute_dtypes,
    layers, passes, origins, macs_attributed_fraction, size_bytes, build_s, engine_sha256, timing_cache_sha256, path,
    created, cache_hit, refit_sha256, graph_file_sha256, notes, tuning, builds, schema, schema_version
"""
_LAYER_FIELDS = "name, onnx_nodes, shared_nodes, compute_dtype, input_dtypes, output_dtypes, macs, tactic, moved_bytes"


def _passport() -> Passport:
    layer = EngineLayerInfo("a + b", ("a",), (SharedNode("b", 0.5),), "float16", ("float16",), ("float32",), None)
    return Passport(
        key="ab" * 32,
        model_sha256="1" * 64,
        recipe={"name": "fp16", "passes": ["fp16"]},
        backend="onnxruntime-cpu",
        backend_version="1.31.1",
        target="cpu",
        device="AMD EPYC",
        driver=None,
        requested_precision="fp16",
        compute_dtypes={"float16": 1},
        layers=(layer,),
        passes=("fp16",),
        origins={"cast": ("a", "b")},
        macs_attributed_fraction=0.5,
        size_bytes=7,
        build_s=0.25,
        engine_sha256="2" * 64,
        timing_cache_sha256=None,
        path="/engine.onnx",
        created="2026-01-02T03:04:05+00:00",
        cache_hit=True,
    )


def test_the_names_of_its_fields_are_a_contract() -> None:
    assert [field.name for field in dataclasses.fields(Passport)] == _FIELDS.replace(",", " ").split()
    assert [field.name for field in dataclasses.fields(EngineLayerInfo)] == _LAYER_FIELDS.replace(",", " ").split()


def test_what_is_written_is_read_back() -> None:
    assert decode_passport(encode_passport(_passport())) == _passport()


def test_the_document_begins_with_what_it_is() -> None:
    fields = json.loads(encode_passport(_passport()))
    assert list(fields)[:3] == ["schema", "schema_version", "key"]
    assert (fields["schema"], fields["schema_version"]) == ("alexnet-bench.passport", 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a valid passport"),
        (b"\xff", "not a valid passport"),
        (b'{"schema": "alexnet-bench.profile", "schema_version": 1}', "is not the passport of an engine"),
        (b'{"schema": "alexnet-bench.passport", "schema_version": 2}', "schema version 2"),
        (b'{"schema": "alexnet-bench.passport", "schema_version": 1}', "missing required field"),
        (b"[" * 100_000, "not a valid passport"),
    ],
)
def test_what_is_no_passport_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        decode_passport(content, "p.json")


@pytest.mark.parametrize("key", ["../../x", "ab" * 31 + "/x", "AB" * 32, "ab" * 33, ""])
def test_a_key_that_is_none_is_damage(key: str) -> None:
    """It names files."""
    with pytest.raises(EngineError, match=r"p\.json is damaged: '.*' is no key of an engine"):
        decode_passport(encode_passport(dataclasses.replace(_passport(), key=key)), "p.json")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"none\.json cannot be read: No such file"):
        read_passport(tmp_path / "none.json")


def test_every_field_is_described() -> None:
    page = (Path(__file__).parents[3] / "docs" / "engines.md").read_text(encoding="utf-8").split("## The passport")[1]
    fields = [*dataclasses.fields(Passport), *dataclasses.fields(EngineLayerInfo)]
    assert [field.name for field in fields if f"`{field.name}" not in page] == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"backend": "openvino"}, "backend is openvino, and by its recipe onnxruntime-cpu"),
        ({"requested_precision": "fp32"}, "requested_precision is fp32, and by its recipe fp16"),
        ({"requested_precision": None}, "requested_precision is none, and by its recipe fp16"),
        ({"passes": ()}, "passes is none, and by its recipe fp16"),
        ({"compute_dtypes": {"float32": 1}}, "compute_dtypes is 1 in float32, and by its layers 1 in float16"),
        ({"compute_dtypes": {}}, "compute_dtypes is none, and by its layers 1 in float16"),
        ({"layers": ()}, "compute_dtypes is 1 in float16, and by its layers none"),
    ],
)
def test_a_passport_that_contradicts_itself_is_damaged(changed: dict[str, Any], message: str) -> None:
    recipe: dict[str, object] = {"name": "fp16", "backend": "onnxruntime-cpu", "precision": "fp16", "passes": ["fp16"]}
    whole = dataclasses.replace(_passport(), recipe=recipe)
    assert decode_passport(encode_passport(whole)) == whole
    with pytest.raises(EngineError, match=f"damaged: {message}"):
        decode_passport(encode_passport(dataclasses.replace(whole, **changed)))
