from __future__ import annotations

import io
from dataclasses import replace

import pytest

from alexnet_bench.core.engine_listing import CacheEntry, CacheListing
from alexnet_bench.core.inspection import InspectedLayer, Inspection
from alexnet_bench.core.passport import Passport
from alexnet_bench.core.profile import SharedNode
from alexnet_bench.report.engines import inspection_to_markdown, print_cache, print_inspection, print_passport

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
    roof_time_s=134e-6,
    bound="compute",
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
    roof_time_s=None,
    bound=None,
)
_REORDER = replace(_SHARED, name="Reorder:x", shared_nodes=(), compute_dtype="", flop=0, bytes=10, bound="overhead")
_PASSPORT = Passport(
    key="ab" * 32,
    model_sha256="1" * 64,
    recipe={"name": "mine"},
    backend="onnxruntime-cpu",
    backend_version="1.31.1",
    target="cpu",
    device="AMD EPYC",
    driver=None,
    requested_precision="fp16",
    compute_dtypes={"float16": 2, "float32": 1},
    layers=(),
    passes=("fold-constants", "fp16"),
    origins={},
    macs_attributed_fraction=1.0,
    size_bytes=1 << 20,
    build_s=2.5,
    engine_sha256="2" * 64,
    timing_cache_sha256=None,
    path="/x/engine.onnx",
    created="2026-01-02T03:04:05+00:00",
)
_INSPECTION = Inspection(
    model="model",
    passport=_PASSPORT,
    producer="alexnet-bench 0.1.0",
    shapes={"x": (1, 3)},
    layers=(_LAYER, _SHARED, _REORDER),
    budget_device="gtx-580",
    reasons_against=("stale: built with onnxruntime-cpu 1.31.1, and here is 2",),
)


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


def _printed(inspection: Inspection) -> list[str]:
    stream = io.StringIO()
    print_inspection(inspection, stream)
    return stream.getvalue().splitlines()


def _line(lines: list[str], start: str) -> str:
    return next(line for line in lines if line.startswith(start))


def test_a_passport_in_a_few_lines() -> None:
    stream = io.StringIO()
    print_passport(_PASSPORT, stream)
    lines = stream.getvalue().splitlines()
    assert _line(lines, "engine").endswith("/x/engine.onnx")
    assert "abababababab, 1.00 MiB, built in 2.5 s, 2026-01-02 03:04" in _line(lines, "key")
    assert "mine: fold-constants, fp16" in _line(lines, "recipe")
    assert "asked for fp16; computed: 2 layers in float16, 1 layer in float32" in _line(lines, "types")
    stream = io.StringIO()
    long = "/x" * 100 + "/engine.onnx"
    print_passport(replace(_PASSPORT, path=long), stream)
    assert long in stream.getvalue()
    stream = io.StringIO()
    print_passport(replace(_PASSPORT, cache_hit=True, requested_precision=None, passes=()), stream)
    assert "in the cache since 2026-01-02 03:04" in stream.getvalue()
    assert "asked for the model's own types" in stream.getvalue()
    assert "mine: no passes" in stream.getvalue()


def test_layers_with_the_users_nodes() -> None:
    lines = _printed(_INSPECTION)
    shown = " ".join(_line(lines, "conv1 + relu1").split())
    assert shown == "conv1 + relu1 = float32 105,415,200 211 M 1.90 MB 111 134 µs compute"
    assert "25 % of split + norm1" in _line(lines, "norm1/sum")
    assert " ".join(_line(lines, "Reorder:x").split()) == "Reorder:x - - 0 0 10.0 B - - overhead"


def test_what_is_not_known_is_said() -> None:
    lines = _printed(_INSPECTION)
    assert "134 µs at least, without 1 layer" in _line(lines, "roofline")
    assert "stale: built with" in _line(lines, "here")
    assert "may be used" in _line(_printed(replace(_INSPECTION, reasons_against=())), "here")


def test_a_narrow_table_leaves_the_nodes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = _printed(_INSPECTION)
    assert "your nodes" not in lines[2]
    assert all(len(line) <= 80 for line in lines)


def test_markdown_and_tables_are_safe() -> None:
    evil = replace(_LAYER, name="a|b\x1b[31m\n@all", onnx_nodes=("<img>",))
    inspection = replace(_INSPECTION, layers=(evil,), model="m\x1b[2J")
    text = inspection_to_markdown(inspection)
    assert "\x1b" not in text
    assert "a\\|b" in text
    assert "\\<img\\>" in text
    assert all("\x1b" not in line for line in _printed(inspection))


def test_the_cache_as_a_table() -> None:
    engine = CacheEntry(
        "engine",
        "ab" * 32,
        "m",
        "r",
        "onnxruntime-cpu 1",
        1 << 20,
        "2026-01-02T03:04:05+00:00",
        ("stale: why",),
        "/c/e",
    )
    network = replace(engine, kind="network", name="n.onnx", model="net", recipe="", backend="", reasons_against=())
    stream = io.StringIO()
    print_cache(CacheListing("/c", 10 << 30, (engine, network)), stream)
    text = stream.getvalue()
    assert "abababababab  m" in text
    assert "abababababab: stale: why" in text
    assert "2 items in /c, 2.00 MiB; engines above 10.0 GiB go" in text
    stream = io.StringIO()
    print_cache(CacheListing("/c", 0, (network,), (engine,)), stream)
    assert "removed the above, 1.00 MiB; left: 1 item in /c, 1.00 MiB" in stream.getvalue()
    assert "net" not in stream.getvalue()
