from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alexnet_bench import BuildOptions, Passport, build_engine, read_profile
from alexnet_bench.core.devices import get_device
from alexnet_bench.core.document import encode
from alexnet_bench.core.errors import EngineError, UsageError
from alexnet_bench.core.inspection import Inspection
from alexnet_bench.core.passport import encode_passport
from alexnet_bench.workflows.inspection.inspect import inspect, inspect_all
from alexnet_bench.workflows.report import read_document
from tests.unit.backends.tensorrt_here import needs_rtx

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


def test_each_layer_takes_the_time_that_published_peaks_allow(found: Inspection) -> None:
    device = get_device("gtx-580", None)
    peak, bandwidth = device.peak_flop_per_s("fp32"), device.memory.bytes_per_s
    assert peak is not None
    for layer in found.layers:
        (time,) = layer.predicted
        if layer.is_overhead:
            assert time.time_s is None
            continue
        assert layer.flop is not None
        assert layer.bytes is not None
        assert time.time_s == pytest.approx(max(layer.flop / peak, layer.bytes / bandwidth) / 2)
        assert time.bound == ("compute" if layer.flop / peak >= layer.bytes / bandwidth else "memory")
    (line,) = found.predicted
    assert (line.device, line.count, line.kind) == ("gtx-580", 2, "predicted")
    assert line.latency_s == pytest.approx(sum(layer.predicted[0].time_s or 0 for layer in found.layers))
    assert line.throughput_per_s == pytest.approx(1 / (line.latency_s or 0))


def test_each_budget_has_its_own_times(built: Passport, found: Inspection) -> None:
    both = inspect(built.key[:12], budgets=("gtx-580:2", "rtx-4090"))
    assert both.predicted[0] == found.predicted[0]
    assert [layer.predicted[:1] for layer in both.layers] == [layer.predicted for layer in found.layers]
    assert (both.predicted[1].device, both.predicted[1].count) == ("rtx-4090", 1)
    assert (both.predicted[1].latency_s or 0) < (found.predicted[0].latency_s or 0)
    with pytest.raises(UsageError, match="unknown device"):
        inspect(built.key[:12], budgets=("none",))
    with pytest.raises(UsageError, match="rtx-4090:1 is given twice"):
        inspect(built.key[:12], budgets=("rtx-4090", "RTX 4090:1"))


def test_a_layer_that_the_original_did_not_split_takes_one_card() -> None:
    key = build_engine("alexnet-2012", options=BuildOptions(backend=_ORT)).key
    one, two = (inspect(key, budgets=(budget,)) for budget in ("gtx-580", "gtx-580:2"))
    ratios = {
        layer.name: (half.predicted[0].time_s or 0) / layer.predicted[0].time_s
        for layer, half in zip(one.layers, two.layers, strict=True)
        if layer.predicted[0].time_s
    }
    assert ratios.pop("fc8") == 1.0
    assert set(ratios.values()) == {0.5}


def test_an_engine_in_another_type_takes_the_peak_of_that_type() -> None:
    options = BuildOptions(backend="openvino", precision="bf16")
    found = inspect(build_engine("lenet-5", options=options).key, budgets=("rtx-4090", "v100"))
    assert found.predicted[0].flop_per_s == {"bfloat16": pytest.approx(165.2e12)}
    assert found.predicted[0].latency_s is not None
    assert found.predicted[1].flop_per_s == {"bfloat16": None}
    assert found.predicted[1].latency_s is None
    (why,) = found.predicted[1].unknown
    assert why == "no published peak for bfloat16"
    products = [layer for layer in found.layers if layer.macs]
    assert products
    for layer in products:
        assert layer.flop is not None
        assert layer.predicted[0].compute_s == pytest.approx(layer.flop / 165.2e12)
        assert (layer.predicted[1].compute_s, layer.predicted[1].time_s) == (None, None)


@needs_rtx
def test_layers_of_a_plan_take_the_peak_of_their_own_type() -> None:
    keys = [build_engine("alexnet-2012", options=BuildOptions("fp16", "tensorrt-rtx")).key]
    keys.append(build_engine("alexnet-2012", options=BuildOptions("fp32", "tensorrt-rtx")).key)
    half, full = inspect_all(keys, budgets=("rtx-4090", "gtx-580:2")).inspections
    assert half.predicted[0].flop_per_s == {
        "float16": pytest.approx(330.3e12),
        "float32": pytest.approx(82.6e12),  # LRN stays there
    }
    assert full.predicted[0].flop_per_s == {"float32": pytest.approx(82.6e12)}
    assert 1.8 < (full.predicted[0].latency_s or 0) / (half.predicted[0].latency_s or 1) < 2.1  # bound by memory
    assert full.predicted[1].latency_s is not None
    assert half.predicted[1].latency_s is None
    assert 0 < half.predicted[1].known_s < full.predicted[1].latency_s
    (conv2,) = (layer for layer in half.layers if layer.name.startswith("conv2"))
    assert conv2.predicted[0].time_s == pytest.approx((conv2.flop or 0) / 330.3e12)
    assert conv2.predicted[0].bound == "compute"
    moves = [layer for layer in full.layers if not layer.onnx_nodes and not layer.shared_nodes]
    assert all(layer.is_overhead for layer in moves)


def test_an_inspection_is_shown_again_and_is_no_profile(found: Inspection, tmp_path: Path) -> None:
    (tmp_path / "i.json").write_bytes(encode(found))
    assert read_document(tmp_path / "i.json") == found
    with pytest.raises(UsageError, match="holds the inspection of an engine, and no profile"):
        read_profile(tmp_path / "i.json")


def test_throughput_is_of_the_batch() -> None:
    built = build_engine("lenet-5", options=BuildOptions(backend=_ORT, batch=8))
    found = inspect(built.key, budgets=("rtx-4090",))
    assert (found.batch, found.shapes["input"][0]) == (8, 8)
    (line,) = found.predicted
    assert line.throughput_per_s == pytest.approx(8 / (line.latency_s or 0))


def test_several_engines_are_each_what_they_are_alone(built: Passport, found: Inspection) -> None:
    other = build_engine("lenet-5", options=BuildOptions(backend="openvino")).key
    several = inspect_all([built.key, other])
    assert several.inspections == (found, inspect(other))


def test_a_copy_and_a_folder_say_the_same(built: Passport, found: Inspection, copy: Path) -> None:
    for place in (copy, Path(built.path).parent, Path(built.path)):
        again = inspect(place)
        assert again.layers == found.layers
        assert again.path == str(place if place.is_file() else place / "engine.onnx")


def test_it_may_be_used_here_unless_something_is_different(found: Inspection, copy: Path, built: Passport) -> None:
    assert found.reasons_against == ()
    beside = copy.with_name("out.onnx.passport.json")
    for change, reason in (
        ({"backend_version": "0.1"}, "stale"),
        ({"device": "another"}, "foreign"),
        ({"backend": "another", "recipe": {**built.recipe, "backend": "another"}}, "foreign"),
    ):
        beside.write_bytes(encode_passport(replace(built, **change)))
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
