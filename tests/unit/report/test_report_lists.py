from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from alexnet_bench.core.devices import get_device, load_devices
from alexnet_bench.core.listings import BackendDiagnosis, Diagnosis, ModelListing
from alexnet_bench.core.profile import Ceilings
from alexnet_bench.report import lists

_MODELS = (
    ModelListing("alexnet-2012", "AlexNet as published", (3, 224, 224), 60_965_224, 724_406_816, 1_448_813_632),
    ModelListing("onnx:vgg19", "inside\x1b[2J", (3, 224, 224), 143_667_240, 19_632_062_464, 39_264_124_928, 5),
)
_DIAGNOSIS = Diagnosis(
    version="0.1.0",
    python="3.11.7",
    machine="Linux x86_64",
    cpu="Some processor",
    usable_cores=2,
    workspace=None,
    cache="/home/user/.cache/alexnet-bench",
    nvidia_driver=None,
    backends=(
        BackendDiagnosis("onnxruntime-cpu", "1.31.1", works=True, detail="ran a small model on cpu"),
        BackendDiagnosis("broken", "2.0", works=False, detail="it\x1b[2J failed " * 20, hint="reinstall it"),
        BackendDiagnosis("tensorrt", "", works=False, detail="not installed", hint='pip install "alexnet-bench[x]"'),
    ),
)


@pytest.fixture(params=[80, 140])
def columns(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("COLUMNS", str(request.param))
    return int(request.param)


def _fits(text: str, columns: int) -> str:
    assert all(cell_len(line) <= columns and line == line.rstrip() for line in text.splitlines())
    assert all(line.isprintable() for line in text.splitlines())
    assert "…" not in text
    return text


def test_models(columns: int) -> None:
    stream = io.StringIO()
    lists.print_models(_MODELS, stream)
    text = _fits(stream.getvalue(), columns)
    assert "60,965,224" in text
    assert "724,406,816" in text
    assert "1.4488" in text
    assert ("AlexNet as published" in text) == (columns == 140)


def test_devices(columns: int) -> None:
    stream = io.StringIO()
    devices = list(load_devices(None).values())
    lists.print_devices(devices, stream)
    text = _fits(stream.getvalue(), columns)
    for device in devices:
        assert re.search(rf"(?m)^{device.name} ", text)
    assert re.search(r"gtx-580 +1\.58 +3\.00 GiB +192", text)


def test_one_device_has_a_source_for_every_value(columns: int) -> None:
    for device in load_devices(None).values():
        stream = io.StringIO()
        lists.print_device(device, stream)
        text = _fits(stream.getvalue(), columns)
        rows = re.findall(r"(?m)^\S+ .* \[(\d+)\]$", text)
        assert len(rows) == 2 + len(device.peaks)
        assert set(rows) == set(re.findall(r"(?m)^\[(\d+)\]", text))


def test_the_diagnosis(columns: int) -> None:
    stream = io.StringIO()
    lists.print_diagnosis(_DIAGNOSIS, stream)
    text = _fits(stream.getvalue(), columns)
    assert re.search(r"(?m)^works +onnxruntime-cpu 1\.31\.1 +ran a small model on cpu$", text)
    assert re.search(r"(?m)^fails +broken 2\.0", text)
    assert re.search(r"(?m)^missing +tensorrt +not installed$", text)
    assert 'pip install "alexnet-bench[x]"' in text


def test_ceilings(columns: int) -> None:
    stream = io.StringIO()
    found = Ceilings({"float32": 3.06e11}, 3e10, {"float32": 3e11}, 2.9e10, "measured here", 1)
    lists.print_ceilings(found, stream)
    text = _fits(stream.getvalue(), columns)
    assert re.search(r"arithmetic, float32 +306 GFLOP/s +300 GFLOP/s", text)
    assert "measured here" in text


def test_a_type_without_a_ceiling_says_why(columns: int) -> None:
    stream = io.StringIO()
    found = Ceilings(
        {"float32": 3.06e11, "bfloat16": None}, 3e10, {"float32": 3e11, "bfloat16": None}, 2.9e10, "measured here", 1,
        {"bfloat16": "no kernel\x1b[2J " + "for it " * 40},
    )  # fmt: skip
    lists.print_ceilings(found, stream)
    text = _fits(stream.getvalue(), columns)
    assert re.search(r"(?m)^arithmetic, bfloat16 +- +-$", text)
    assert "no ceiling for bfloat16: no kernel" in text
    assert json.loads(lists.to_json(found))["flop_per_s"]["bfloat16"] is None


def test_listings_as_json() -> None:
    assert json.loads(lists.to_json(_MODELS))[0]["macs"] == 724_406_816
    assert json.loads(lists.to_json(_DIAGNOSIS))["backends"][0]["works"] is True
    device = json.loads(lists.to_json([get_device("gtx-580", Path("/nowhere"))]))[0]
    assert device["memory"]["bytes"] == 3 << 30
    assert lists.to_json([]).endswith(b"\n")
