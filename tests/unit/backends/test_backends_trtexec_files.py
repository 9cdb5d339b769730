"""The files of trtexec: recorded ones, older spellings, and damaged ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from alexnet_bench.backends.tensorrt.layer_info import parse_layer_info
from alexnet_bench.backends.tensorrt.plan_tensors import LayerInfo
from alexnet_bench.backends.tensorrt.trtexec_files import LayerRun, LayerTime, read_trtexec_files
from alexnet_bench.backends.tensorrt.trtexec_layers import timed_infos
from alexnet_bench.core.errors import UsageError

_DATA = Path(__file__).parents[2] / "data" / "trtexec"


def _info(*names: str) -> LayerInfo:
    layers = [{"Name": name, "LayerType": "kgen", "Metadata": "[ONNX Layer: n]"} for name in names]
    return parse_layer_info({"Layers": layers})


def _run(**times_s: float) -> LayerRun:
    return LayerRun(1, is_median=True, rows=tuple(LayerTime(name, time_s) for name, time_s in times_s.items()))


def test_files_are_told_by_what_is_in_them(tmp_path: Path) -> None:
    for path, name in (("times.json", "a"), ("profile.json", "b.log"), ("layers.json", "c.json")):
        shutil.copy(_DATA / "resnet18-fp16" / path, tmp_path / name)
    (tmp_path / "model.onnx").write_bytes(b"\x08\x08")
    (tmp_path / "build.metadata.json").write_text('{"build_options": {}}')
    (tmp_path / "notes.txt").write_text("{curly")
    found = read_trtexec_files(tmp_path)
    assert found.times is not None
    assert found.profile is not None
    assert found.layer_info is not None
    assert found.times.latency_s[:2] == (0.000873472, 0.0008448)
    assert (found.profile.runs, found.profile.is_median, len(found.profile.rows)) == (1, True, 36)
    assert found.profile.rows[1] == LayerTime("Conv_0 + Relu_1", 0.000111616)


def test_medians_come_before_means() -> None:
    profile = read_trtexec_files(_DATA / "names-only").profile
    assert profile is not None
    assert profile.runs == 11
    assert profile.rows[0].time_s == 0.00108902


def test_older_spellings(tmp_path: Path) -> None:
    (tmp_path / "times.json").write_text('[{"inMs": 1, "computeMs": 2.5, "outMs": 0.5}]')
    (tmp_path / "profile.json").write_text('[{"count": 4}, {"name": "a", "timeMs": 8, "averageMs": 2}]')
    found = read_trtexec_files(tmp_path)
    assert found.times is not None
    assert found.times.latency_s == (0.004,)
    assert found.profile == LayerRun(4, is_median=False, rows=(LayerTime("a", 0.002),))


def test_names_without_escapes_and_numbers_that_are_none(tmp_path: Path) -> None:
    row = b'{ "name" : "a\x1eb", "timeMs" : 0, "averageMs" : 0, "medianMs" : 0, "percentage" : -nan }'
    (tmp_path / "p.json").write_bytes(b'[\n  { "count" : 1 }\n, ' + row + b"\n]\n")
    profile = read_trtexec_files(tmp_path).profile
    assert profile is not None
    assert profile.rows == (LayerTime("a\x1eb", 0.0),)


def test_control_characters_in_names_are_let_through(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_bytes(b'[{"count": 1}, {"name": "a\x1fb", "averageMs": 1}]')
    profile = read_trtexec_files(tmp_path).profile
    assert profile is not None
    assert profile.rows[0].name == "a\x1fb"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[{"computeMs": -1}]', "entry 0 has no h2dMs"),
        ('[{"h2dMs": 0, "computeMs": -1, "d2hMs": 0}]', "computeMs of entry 0 is no time"),
        ('[{"h2dMs": 0, "computeMs": true, "d2hMs": 0}]', "computeMs of entry 0 is no time"),
        ('[{"h2dMs": 0, "computeMs": 1' + "0" * 400 + ', "d2hMs": 0}]', "computeMs of entry 0 is no time"),
        ('[{"h2dMs": 0, "computeMs": NaN, "d2hMs": 0}]', "computeMs of entry 0 is no time"),
        ('[{"computeMs": 1}, 3]', "no list of objects"),
        ('[{"count": 1}]', "lists no layer"),
        ('[{"count": 1}, {"averageMs": 1, "name": "a"}, {"averageMs": 1}]', "a layer has no name"),
        ('[{"count": 1}, {"averageMs": "fast", "name": "a"}]', "averageMs of entry 1 is no time"),
        ('[{"averageMs": 1, "name": "a"}, {"averageMs": "fast", "name": "b"}]', "averageMs of entry 1 is no time"),
        ('{"Layers": []}', "lists no layer"),
        ('{"Layers": [{}]}', r"Layers\[0\] has no Name"),
        ('[{"count": 1}, {"name": "a", "averageMs": 1', "only a part of it"),
        ('[{"count": 1}, {"name": "a"b", "averageMs": 1}]', "not JSON"),
        ('{"Layers": ' + "[" * 100_000, "only a part of it"),
    ],
)
def test_damage_is_named_with_the_file(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "f.json").write_text(text)
    with pytest.raises(UsageError, match=why) as refused:
        read_trtexec_files(tmp_path)
    assert "f.json" in refused.value.message
    assert "trtexec" in refused.value.hint


def test_two_files_of_a_kind_are_not_mixed(tmp_path: Path) -> None:
    for name in ("old.json", "new.json"):
        (tmp_path / name).write_text('[{"count": 1}, {"name": "a", "averageMs": 1}]')
    with pytest.raises(
        UsageError, match=r"two files of trtexec's profile \(--exportProfile\): new\.json and old\.json"
    ):
        read_trtexec_files(tmp_path)


@pytest.mark.parametrize("name", ["", "missing", "a\0b"])
def test_a_folder_without_them(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"holds no file of trtexec|is no folder"):
        read_trtexec_files(tmp_path / name)


def test_layers_are_joined_by_name_and_occurrence() -> None:
    info = parse_layer_info({"Layers": [{"Name": "a", "LayerType": kind} for kind in ("first", "second")]})
    rows = (LayerTime("a", 1.0), LayerTime("b", 2.0), LayerTime("a", 3.0))
    found = timed_infos(LayerRun(1, is_median=True, rows=rows), info)
    assert [(layer.key, layer.info.kind, layer.time_s) for layer in found] == [
        ("a", "first", 1.0),
        ("b", "", 2.0),
        ("a#2", "second", 3.0),
    ]


def test_layers_with_nodes_that_were_not_timed_come_last() -> None:
    found = timed_infos(_run(b=1.0), _info("a", "b"))
    assert [(layer.key, layer.time_s) for layer in found] == [("b", 1.0), ("a", None)]


def test_layers_of_other_optimisation_profiles_did_not_run() -> None:
    info = _info("a", "a [profile 1]", "b", "b [profile 1]")
    assert [layer.key for layer in timed_infos(_run(a=1.0), info)] == ["a", "b"]
    second = LayerRun(1, is_median=True, rows=(LayerTime("a [profile 1]", 1.0),))
    assert [layer.key for layer in timed_infos(second, info)] == ["a [profile 1]", "b [profile 1]"]


def test_a_recorded_file_stays_as_it_is() -> None:
    """The lengths of the files that were not shortened, as their README gives them."""
    lengths = {
        path: len((_DATA / path).read_text()) for path in ("resnet18-fp16/layers.json", "mnist-metadata/layers.json")
    }
    assert lengths == {"resnet18-fp16/layers.json": 31_264, "mnist-metadata/layers.json": 6_574}
    assert json.loads((_DATA / "resnet18-fp16" / "times.json").read_text())[0]["latencyMs"] == 0.873472
