from __future__ import annotations

import io
from dataclasses import replace

import pytest

from alexnet_bench.core.engine_listing import CacheEntry, CacheListing
from alexnet_bench.core.passport import Passport
from alexnet_bench.report.engines import print_cache, print_passport

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


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


def _line(lines: list[str], start: str) -> str:
    return next(line for line in lines if line.startswith(start))


def test_a_passport_in_a_few_lines() -> None:
    stream = io.StringIO()
    print_passport(_PASSPORT, stream)
    lines = stream.getvalue().splitlines()
    assert _line(lines, "engine").endswith("/x/engine.onnx")
    assert "abababababab, 1.00 MiB, built in 2.5 s, 2026-01-02 03:04" in _line(lines, "key")
    assert "mine: fold-constants, fp16" in _line(lines, "recipe")
    assert _line(lines, "attributed").endswith("100 % of the MACs counted")
    part = io.StringIO()
    print_passport(replace(_PASSPORT, macs_attributed_fraction=0.9951), part)
    assert "99.5 % of the MACs counted" in part.getvalue()
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


def test_settings_and_sizes_of_a_passport_are_said() -> None:
    def said(**fields: object) -> str:
        stream = io.StringIO()
        print_passport(replace(_PASSPORT, recipe={"name": "mine", **fields}), stream)
        return stream.getvalue()

    assert "settings" not in said()
    assert "settings    compute_capability 86,89, strip on" in said(
        settings={"compute_capability": "86,89", "strip": "on"}
    )
    profiles = [{"batch": dict.fromkeys(("min", "opt", "max"), size)} for size in range(1, 10)]
    assert "batch 5; or 3 more; or batch 9" in " ".join(said(profiles=profiles).split())
    assert "batch 6; or batch 7" in " ".join(said(profiles=profiles[:7]).split())


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
    stream = io.StringIO()
    print_cache(CacheListing("/c", 0, (network, engine), (), (network,), (engine,)), stream)
    assert "network n.onnx: in use or being built just now, and left" in stream.getvalue()
    assert "abababababab: may not be removed by this user, and left" in stream.getvalue()
