from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alexnet_bench import BuildOptions, Passport, build_engine
from alexnet_bench.core.devices import get_device
from alexnet_bench.core.errors import EngineError, UsageError
from alexnet_bench.core.inspection import Inspection
from alexnet_bench.core.passport import encode_passport
from alexnet_bench.workflows import inspect as workflow
from alexnet_bench.workflows.inspect import inspect

_ORT = "onnxruntime-cpu"


@pytest.fixture(scope="module")
def built() -> Passport:
    return build_engine("onnx:squeezenet", options=BuildOptions(backend=_ORT))


@pytest.fixture(scope="module")
def found(built: Passport) -> Inspection:
    return inspect(built.key[:12])


@pytest.fixture
def copy(built: Passport, tmp_path: Path) -> Iterator[Path]:
    build_engine("onnx:squeezenet", options=BuildOptions(backend=_ORT), output=tmp_path / "out.onnx")
    yield tmp_path / "out.onnx"
    assert built.key


def test_layers_types_and_nodes_are_those_of_the_passport(built: Passport, found: Inspection) -> None:
    assert [layer.name for layer in found.layers] == [layer.name for layer in built.layers]
    assert [layer.onnx_nodes for layer in found.layers] == [layer.onnx_nodes for layer in built.layers]
    assert found.model == "onnx:squeezenet"
    assert found.shapes == {"data_0": (1, 3, 224, 224)}


def test_work_adds_up_to_that_of_the_model(found: Inspection) -> None:
    assert sum(layer.macs or 0 for layer in found.layers) == 349_151_936
    assert all(layer.flop is not None and layer.bytes is not None for layer in found.layers)
    assert sum(layer.flop or 0 for layer in found.layers) > 2 * 349_151_936


def test_the_roofline_is_that_of_the_device(found: Inspection) -> None:
    device = get_device("gtx-580", None)
    peak, bandwidth = device.peak_flop_per_s("fp32"), device.memory.bytes_per_s
    assert peak is not None
    for layer in found.layers:
        if layer.bound == "overhead":
            assert layer.roof_time_s is None
            continue
        assert layer.flop is not None
        assert layer.bytes is not None
        assert layer.roof_time_s == pytest.approx(max(layer.flop / peak, layer.bytes / bandwidth))
        assert layer.bound == ("compute" if layer.flop / peak >= layer.bytes / bandwidth else "memory")


def test_another_device_gives_another_roofline(built: Passport, found: Inspection) -> None:
    faster = inspect(built.key[:12], budget="rtx-4090")
    assert faster.budget_device == "rtx-4090"
    assert sum(layer.roof_time_s or 0 for layer in faster.layers) < sum(
        layer.roof_time_s or 0 for layer in found.layers
    )
    with pytest.raises(UsageError, match="unknown device"):
        inspect(built.key[:12], budget="none")


def test_a_copy_and_a_folder_say_the_same(built: Passport, found: Inspection, copy: Path) -> None:
    for place in (copy, Path(built.path).parent, Path(built.path)):
        again = inspect(place)
        assert again.layers == found.layers
        assert again.passport.path == str(place if place.is_file() else place / "engine.onnx")


def test_it_may_be_used_here_unless_something_is_different(found: Inspection, copy: Path, built: Passport) -> None:
    assert found.reasons_against == ()
    beside = copy.with_name("out.onnx.passport.json")
    for change, reason in (
        ({"backend_version": "0.1"}, "stale"),
        ({"device": "another"}, "foreign"),
        ({"backend": "another"}, "foreign"),
    ):
        beside.write_bytes(encode_passport(replace(built, **change)))  # type: ignore[arg-type]
        (told,) = inspect(copy).reasons_against
        assert told.startswith(reason)


def test_a_damaged_engine_is_not_described(copy: Path) -> None:
    content = bytearray(copy.read_bytes())
    content[len(content) // 2] ^= 1
    copy.write_bytes(content)
    with pytest.raises(EngineError, match="damaged"):
        inspect(copy)


def test_a_recipe_of_another_version_is_told(copy: Path, built: Passport) -> None:
    odd = replace(built, recipe={"name": "r", "later": 1})
    copy.with_name("out.onnx.passport.json").write_bytes(encode_passport(odd))
    with pytest.raises(EngineError, match="another version"):
        inspect(copy)


def test_a_type_without_a_published_peak_has_no_roof() -> None:
    device = get_device("gtx-580", None)
    assert workflow._roof(10, 10, "float16", device) == (None, None)
    assert workflow._roof(None, 10, "float32", device) == (None, None)
    assert workflow._roof(0, 10, "float16", device)[1] == "memory"
