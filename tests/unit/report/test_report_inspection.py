from __future__ import annotations

import io
from dataclasses import replace

import pytest

from alexnet_bench.core.inspection import (
    InspectedLayer,
    Inspection,
    InspectionSet,
    LayerPrediction,
    PlanFile,
    Prediction,
)
from alexnet_bench.core.profile import Caution, SharedNode
from alexnet_bench.report.inspection import print_inspection, to_markdown
from tests.unit.report.test_report_engines import _PASSPORT

_BY_COMPUTE = LayerPrediction(134e-6, 134e-6, 10e-6, "compute")
_BY_MEMORY = LayerPrediction(2e-6, 1e-6, 2e-6, "memory")
_LAYER = InspectedLayer(
    name="conv1 + relu1",
    onnx_nodes=("conv1", "relu1"),
    shared_nodes=(),
    compute_dtype="float32",
    input_dtypes=("float32",),
    output_dtypes=("float32",),
    macs=105_415_200,
    flop=211_000_000,
    bytes=1_900_000,
    flop_per_byte=111.05,
    predicted=(_BY_COMPUTE, _BY_MEMORY),
)
_SHARED = replace(
    _LAYER,
    name="norm1/sum",
    onnx_nodes=(),
    shared_nodes=(SharedNode("split", 0.25), SharedNode("norm1", 0.25)),
    macs=0,
    flop=None,
    bytes=None,
    flop_per_byte=None,
    predicted=(LayerPrediction(), LayerPrediction()),
)
_REORDER = replace(_SHARED, name="Reorder:x", shared_nodes=(), compute_dtype="", flop=0, bytes=10, is_overhead=True)
_OLD = Prediction(
    device="gtx-580",
    count=2,
    flop_per_s={"float16": None, "float32": 1.58e12},
    bytes_per_s=192e9,
    latency_s=None,
    throughput_per_s=None,
    known_s=134e-6,
    memory_bound_fraction=0.0,
    unknown={"no published peak for float16": 1, "no count of what they do": 2},
)
_NEW = Prediction("rtx-4090", 1, {"float32": 82.6e12}, 1.008e12, 2e-6, 500_000.0, 2e-6, 0.75, {})
_INSPECTION = Inspection(
    model="model",
    passport=_PASSPORT,
    producer="alexnet-bench 0.1.0",
    batch=1,
    shapes={"x": (1, 3)},
    predicted=(_OLD, _NEW),
    layers=(_LAYER, _SHARED, _REORDER),
    reasons_against=("stale: built with onnxruntime-cpu 1.31.1, and here is 2",),
)


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


def _printed(found: Inspection | InspectionSet, top: int | None = None) -> list[str]:
    stream = io.StringIO()
    print_inspection(found, stream, top=top)
    return stream.getvalue().splitlines()


def _line(lines: list[str], start: str) -> str:
    return " ".join(next(line for line in lines if line.startswith(start)).split())


def _only(*places: int, layer: InspectedLayer = _LAYER) -> InspectedLayer:
    return replace(layer, predicted=tuple(layer.predicted[place] for place in places))


_ALONE = replace(
    _INSPECTION, predicted=(_NEW,), layers=tuple(_only(1, layer=layer) for layer in (_LAYER, _SHARED, _REORDER))
)


def test_layers_with_the_users_nodes_and_a_time_for_each_device() -> None:
    lines = _printed(_INSPECTION)
    assert [line.split() for line in lines[2:4]] == [
        ["predicted", "predicted"],
        [
            "layer",
            "your",
            "nodes",
            "type",
            "MAC",
            "FLOP",
            "moved",
            "FLOP/B",
            *("gtx-580:2", "bound", "rtx-4090", "bound"),
        ],
    ]
    work = "conv1 + relu1 = float32 105,415,200 211 M 1.90 MB 111"
    assert _line(lines, "conv1 + relu1") == f"{work} 134 µs compute 2.00 µs memory"
    assert "25 % of split + norm1" in _line(lines, "norm1/sum")
    assert _line(lines, "Reorder:x") == "Reorder:x - - 0 0 10.0 B - - overhead - overhead"


def test_a_layer_without_predictions_takes_no_time() -> None:
    found = replace(_ALONE, layers=(replace(_LAYER, predicted=()), *_ALONE.layers[1:]))
    assert _line(_printed(found), "conv1 + relu1").endswith("111 - -")


def test_a_total_names_its_peaks_and_what_is_missing_is_said() -> None:
    text = " ".join(" ".join(_printed(_INSPECTION)).split())
    assert (
        "predicted 2 x gtx-580: no total: no published peak for float16 (1 layer), no count of what they do (2 layers)"
        "; the others take 134 µs at least; published peak of each: 1.58 TFLOP/s in float32, 192 GB/s"
    ) in text
    assert (
        "predicted 1 x rtx-4090: 2.00 µs at least, 500,000 per second at most at batch 1, 75 % bound by memory; "
        "published peak of each: 82.6 TFLOP/s in float32, 1.01 TB/s"
    ) in text
    assert "stale: built with" in _line(_printed(_INSPECTION), "here")
    assert "may be used" in _line(_printed(replace(_INSPECTION, reasons_against=())), "here")


def test_top_shows_the_layers_that_take_longest_in_their_order() -> None:
    times = (3e-6, 1e-6, 5e-6, 1e-6)
    layers = tuple(
        replace(_LAYER, name=f"layer{place}", flop=100 - place, predicted=(replace(_BY_MEMORY, time_s=time_s),))
        for place, time_s in enumerate(times)
    )
    found = replace(_ALONE, layers=layers)
    lines = _printed(found, top=2)
    assert [line.split()[0] for line in lines if line.startswith("layer")] == ["layer", "layer0", "layer2"]
    assert "2 more with 20 % of the time predicted for rtx-4090; --top 0 shows all" in lines
    assert "layer3" in "\n".join(_printed(found, top=0))
    by_flop = replace(found, predicted=(_OLD,))
    assert [line.split()[0] for line in _printed(by_flop, top=1) if line.startswith("layer")] == ["layer", "layer0"]
    many = replace(found, layers=tuple(replace(layers[0], name=f"layer{place}") for place in range(41)))
    assert sum(line.startswith("layer") for line in _printed(many)) == 26
    assert "16 more with 39 % of the time" in to_markdown(many)


@pytest.mark.parametrize(
    ("columns", "budgets", "bounds"), [(80, 1, 1), (80, 2, 2), (80, 5, 0), (120, 2, 2), (60, 3, 0)]
)
def test_what_tells_least_goes_where_there_is_no_room(
    columns: int, budgets: int, bounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    layer = replace(_LAYER, predicted=(_BY_COMPUTE,) * budgets)
    lines = _printed(replace(_INSPECTION, predicted=(_NEW,) * budgets, layers=(layer,)))
    assert all(len(line) <= columns for line in lines)
    assert lines[3].split().count("rtx-4090") == budgets
    assert "your nodes" not in lines[3] or columns > 80
    assert lines[4].split().count("134") == budgets
    assert lines[3].split().count("bound") == bounds


def test_several_engines_are_a_line_for_each_device() -> None:
    other = replace(_ALONE, passport=replace(_PASSPORT, path="/x/other.plan"), predicted=(_OLD, _NEW))
    found = InspectionSet((_INSPECTION, other))
    lines = _printed(found)
    rows = [" ".join(line.split()) for line in lines[1:5]]
    assert rows == [
        "model abababababab float16, … 2 x gtx-580 - - -",
        "model abababababab float16, … 1 x rtx-4090 2.00 µs 500,000 75 %",
        "other.plan float16, … 2 x gtx-580 - - -",
        "other.plan float16, … 1 x rtx-4090 2.00 µs 500,000 75 %",
    ]
    assert "nothing of it is measured" in _line(lines, "predicted")
    text = " ".join(" ".join(lines).split())
    assert "no total other.plan on 2 x gtx-580: no published peak for float16 (1 layer)" in text
    assert "conv1" not in text
    assert "conv1" in "\n".join(_printed(found, top=1))
    markdown = to_markdown(found)
    assert markdown.count("\n| ") == 4
    assert "conv1" not in markdown
    assert to_markdown(found, top=1).count("conv1 + relu1") == 2


def test_markdown_and_tables_are_safe() -> None:
    evil = replace(_only(1), name="a|b\x1b[31m\n@all", onnx_nodes=("<img>",))
    passport = replace(_PASSPORT, path="/x/\x1b[2Jy.onnx", compute_dtypes={"\x1b[1m": 1})
    inspection = replace(_ALONE, layers=(evil,), model="m\x1b[2J", passport=passport)
    text = to_markdown(inspection)
    assert "\x1b" not in text
    assert "a\\|b" in text
    assert "\\<img\\>" in text
    several = InspectionSet((inspection, inspection))
    for found in (inspection, several):
        assert all("\x1b" not in line for line in _printed(found, 0))
        assert "\x1b" not in to_markdown(found)


_PLAN = PlanFile("/x/theirs.plan", "tensorrt-rtx", "1.7.1.116", 200, 201, (89, 120))
_BARE = replace(
    _SHARED, name="conv1_U0", shared_nodes=(), op="correlation", macs=None, compute_dtype="float16", predicted=()
)
_FOREIGN = Inspection(
    model="theirs",
    passport=None,
    producer="",
    batch=None,
    shapes={},
    predicted=(),
    layers=(),
    reasons_against=("no NVIDIA driver",),
    plan=_PLAN,
    layers_from="",
    warnings=(Caution("no-layers", "its layers are not known", "give --layer-info"), Caution("x", "and so on")),
)


def test_without_a_passport_the_header_is_told() -> None:
    lines = _printed(_FOREIGN)
    assert lines[0] == "theirs · tensorrt-rtx 1.7.1.116"
    assert _line(lines, "header") == "header tensorrt-rtx 1.7.1.116; for SM 8.9, 12.0; CUT SHORT: 200 bytes of 201"
    assert _line(lines, "engine") == "engine /x/theirs.plan"
    assert [line.split(maxsplit=1)[1] for line in lines if line.startswith("note")] == [
        "its layers are not known (give --layer-info)",
        "and so on",
    ]
    assert not any(line.startswith(("layers", "work", "layer ", "written")) for line in lines)
    whole = replace(_FOREIGN, plan=replace(_PLAN, told_bytes=200))
    assert _line(_printed(whole), "header").endswith("200 bytes, all there")
    longer = replace(_FOREIGN, plan=replace(_PLAN, told_bytes=199))
    assert _line(_printed(longer), "header").endswith("; damaged: 200 bytes of 199")
    usable = replace(_FOREIGN, reasons_against=())
    assert _line(_printed(usable), "here") == "here may be used on this machine, on a card of SM 8.9, 12.0"
    unknown = replace(_FOREIGN, plan=PlanFile("/x/y", "tensorrt", "", 200, None, ()))
    assert _line(_printed(unknown), "header") == "header tensorrt (version not told); cards not told; 200 bytes"
    assert "### theirs · tensorrt-rtx" in to_markdown(_FOREIGN)
    assert "Layers" not in to_markdown(_FOREIGN)


def test_columns_that_say_nothing_are_left_out() -> None:
    moved = replace(_REORDER, macs=None, predicted=())
    found = replace(_FOREIGN, layers=(_BARE, moved), layers_from="l.json")
    lines = _printed(found)
    assert lines[2].split() == ["layer", "kind", "type", "FLOP", "moved"]
    assert _line(lines, "conv1_U0") == "conv1_U0 correlation float16 - -"
    assert _line(lines, "layers") == "layers 2 layers (1 in float16), told by l.json"
    asked = replace(found, layers=(_BARE,), layers_from="runtime")
    assert _printed(asked)[2].split() == ["layer", "kind", "type"]
    assert _line(_printed(asked), "layers").endswith("told by the runtime, which was asked")
    assert "| layer | kind | type |" in to_markdown(asked)
    assert "kind" not in " ".join(_printed(_INSPECTION))


def test_an_engine_of_which_nothing_is_counted_has_a_row_beside_others() -> None:
    lines = _printed(InspectionSet((_ALONE, _FOREIGN)))
    assert " ".join(lines[2].split()) == "theirs.plan - - - - -"
    assert "theirs.plan: nothing is counted" in " ".join(lines)
    assert "theirs.plan" in to_markdown(InspectionSet((_ALONE, _FOREIGN)))
