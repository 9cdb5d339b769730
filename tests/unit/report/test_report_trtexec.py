"""Files in the shapes of trtexec, held against what its readers rely on.

Those are by the sources of TREx (NVIDIA/TensorRT, tools/experimental/trt-engine-explorer, trex/parser.py, layer.py and
activations.py): the keys that they take without asking whether they are there.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from alexnet_bench.core.profile import LatencyParts, Profile
from alexnet_bench.report import trtexec

_KNOWN_TYPES = {"Float", "Half", "BFloat16", "Int8", "UInt8", "Int32", "Int64", "Bool", "FP8", "Double", "None"}


@pytest.fixture
def profile(read: Callable[[str], Profile]) -> Profile:
    return read("alexnet-2012")


def _load(content: bytes) -> Any:
    return json.loads(content)


def test_times_have_the_keys_of_trtexec_and_add_up(profile: Profile) -> None:
    assert profile.latency is not None
    rows = _load(trtexec.times_file(profile.latency))
    assert list(rows[0]) == [
        *("startEnqMs", "endEnqMs", "startH2dMs", "endH2dMs", "startComputeMs", "endComputeMs", "startD2hMs"),
        *("endD2hMs", "h2dMs", "computeMs", "d2hMs", "latencyMs"),
    ]
    assert len(rows) == sum(map(len, profile.latency.samples_s))
    assert all(row["latencyMs"] == row["computeMs"] for row in rows)


def test_transfers_keep_their_medians_and_the_sum(profile: Profile) -> None:
    assert profile.latency is not None
    parts = LatencyParts(h2d_s=1e-3, compute_s=0.01, d2h_s=2e-3)
    rows = _load(trtexec.times_file(replace(profile.latency, samples_s=((0.02, 0.001),), parts=parts)))
    assert [(row["h2dMs"], row["computeMs"], row["d2hMs"], row["latencyMs"]) for row in rows] == [
        (1.0, 17.0, 2.0, 20.0),
        (pytest.approx(1 / 3), 0.0, pytest.approx(2 / 3), 1.0),
    ]
    assert rows[1]["startH2dMs"] == rows[0]["endD2hMs"] == 20.0


def test_layer_times_have_four_numbers_each(profile: Profile) -> None:
    count, *rows = _load(trtexec.profile_file(profile.layers))
    assert count == {"count": len(profile.layers[0].samples_s)}
    assert {tuple(row) for row in rows} == {("name", "timeMs", "averageMs", "medianMs", "percentage")}
    assert sum(row["percentage"] for row in rows) == pytest.approx(100)
    for row, layer in zip(rows, profile.layers, strict=True):
        assert row["medianMs"] == pytest.approx(1e3 * (layer.time_s or 0.0), abs=1e-9)
        assert row["averageMs"] == pytest.approx(row["timeMs"] / count["count"], abs=1e-9)


def test_layers_that_were_not_timed_are_left_out(profile: Profile) -> None:
    layers = [msgspec.structs.replace(layer, time_s=None, samples_s=()) for layer in profile.layers[:2]]
    assert len(_load(trtexec.profile_file([*layers, *profile.layers[2:]]))) == len(profile.layers) - 1


def test_layer_info_has_what_readers_need(profile: Profile) -> None:
    info = _load(trtexec.layer_info_file(profile))
    assert info["Bindings"] == [item.name for item in profile.model.inputs]
    assert info["I/O Tensors"] == [
        {"Name": item.name, "IOMode": "Input", "DataType": "Float", "Dimensions": list(item.shape or ())}
        for item in profile.model.inputs
    ]
    assert profile.engine is not None
    assert info["Runtime"] == {"Backend": "onnxruntime-cpu", "Version": profile.engine.backend_version}
    for layer in info["Layers"]:
        assert isinstance(layer["Name"], str)
        assert layer["LayerType"]
        assert layer["Inputs"]
        for tensor in (*layer["Inputs"], *layer["Outputs"]):
            assert set(tensor) == {"Name", "Location", "Dimensions", "Format/Datatype"}
            assert tensor["Format/Datatype"] in _KNOWN_TYPES
    by_name = {layer["Name"]: layer for layer in info["Layers"]}
    assert by_name["conv1 + relu1"]["Metadata"] == "[ONNX Layer: conv1]\x1f[ONNX Layer: relu1]"
    assert by_name["conv1 + relu1"]["Weights"] == {"Type": "Float", "Count": 34_944}


def test_tensors_without_names_are_numbered(profile: Profile) -> None:
    first, second = (msgspec.structs.replace(layer, inputs=(), outputs=()) for layer in profile.layers[:2])
    layers = _load(trtexec.layer_info_file(replace(profile, layers=(first, second))))["Layers"]
    assert [[tensor["Name"] for tensor in layer["Outputs"]] for layer in layers] == [
        [f"{first.name}:0"],
        [f"{second.name}:0"],
    ]
    assert [layer["Inputs"] for layer in layers] == [[], []]


def test_inputs_of_unknown_sizes_have_none(profile: Profile) -> None:
    inputs = tuple(replace(item, shape=None) for item in profile.model.inputs)
    model = replace(profile.model, inputs=inputs)
    (told,) = _load(trtexec.layer_info_file(replace(profile, model=model)))["I/O Tensors"]
    assert "Dimensions" not in told


def test_overhead_has_empty_metadata_and_what_is_unknown_has_none(profile: Profile) -> None:
    overhead = next(layer for layer in profile.layers if layer.bound == "overhead" and not layer.onnx_nodes)
    unknown = msgspec.structs.replace(overhead, bound=None)
    layers = _load(trtexec.layer_info_file(replace(profile, layers=(overhead, unknown))))["Layers"]
    assert layers[0]["Metadata"] == ""
    assert "Metadata" not in layers[1]
