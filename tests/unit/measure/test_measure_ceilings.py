"""Ceilings of the machine: the cache and what is made of the rates; and the environment of a measurement."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from alexnet_bench.backends.client import Worker
from alexnet_bench.core.profile import Ceilings
from alexnet_bench.measure import ceilings as measured
from alexnet_bench.measure import environment
from alexnet_bench.measure.ceilings import measure_ceilings, measured_ceilings

KNOWN = Ceilings({"float32": 2e11}, 3e10, {"float32": 1e11}, 2e10, "by hand", measured.METHOD_VERSION)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What is measured, in place of measuring."""
    calls: list[tuple[str, int]] = []

    def instead(backend: str, threads: int) -> Ceilings:
        calls.append((backend, threads))
        return KNOWN

    monkeypatch.setattr(measured, "measure_ceilings", instead)
    return calls


def test_the_second_time_comes_from_the_cache(tmp_path: Path, counted: list[tuple[str, int]]) -> None:
    cache = tmp_path / "not there" / "yet"
    for _ in range(2):
        assert measured_ceilings("b", "1", 2, cache=cache) == KNOWN
    assert counted == [("b", 2)]
    assert [path.suffix for path in cache.iterdir()] == [".json"]


def test_refreshing_measures_again_and_replaces(tmp_path: Path, counted: list[tuple[str, int]]) -> None:
    for refresh in (False, True, False):
        measured_ceilings("b", "1", 2, cache=tmp_path, refresh=refresh)
    assert len(counted) == 2
    assert len(list(tmp_path.iterdir())) == 1


def test_another_backend_version_or_thread_count_is_another_measurement(
    tmp_path: Path, counted: list[tuple[str, int]]
) -> None:
    for backend, version, threads in (("b", "1", 2), ("c", "1", 2), ("b", "2", 2), ("b", "1", 3)):
        measured_ceilings(backend, version, threads, cache=tmp_path)
    assert len(counted) == 4


@pytest.mark.parametrize("what", ["METHOD_VERSION", "cpu_model", "usable_cores"])
def test_another_machine_or_method_is_another_measurement(
    what: str, tmp_path: Path, counted: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured_ceilings("b", "1", 2, cache=tmp_path)
    monkeypatch.setattr(measured, what, 99 if what == "METHOD_VERSION" else lambda: "another")
    measured_ceilings("b", "1", 2, cache=tmp_path)
    assert len(counted) == 2


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"flop_per_s": "x"}', b"\xff\xfe", b'{"bytes_per_s": 1}'])
def test_a_damaged_cache_is_measured_again(content: bytes, tmp_path: Path, counted: list[tuple[str, int]]) -> None:
    measured_ceilings("b", "1", 2, cache=tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(content)
    assert measured_ceilings("b", "1", 2, cache=tmp_path) == KNOWN
    assert len(counted) == 2
    assert msgspec.json.decode(path.read_bytes(), type=Ceilings) == KNOWN


def test_a_cache_that_cannot_be_written_only_costs_time(tmp_path: Path, counted: list[tuple[str, int]]) -> None:
    blocked = tmp_path / "a file"
    blocked.touch()
    for _ in range(2):
        assert measured_ceilings("b", "1", 2, cache=blocked / "cache") == KNOWN
    assert len(counted) == 2


def test_the_best_rate_is_the_ceiling_and_the_median_stands_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = {512: [1.0, 5.0, 2.0], 2048: [7.0, 9.0, 8.0]}

    def instead(_: Worker, __: str, ___: int, kernel: measured._Kernel) -> list[float]:
        if "a" in kernel.inputs:
            return [20.0, 40.0, 30.0]
        if kernel.dtype == "uint8":
            return [60.0, 50.0, 55.0] if kernel.inputs["x"] == (512, 512) else [1.0, 2.0, 3.0]
        rows, inner = kernel.inputs["x"]
        return [10.0, 50.0, 11.0] if rows == 1 else rates[inner]

    monkeypatch.setattr(measured, "_rates", instead)
    found = measure_ceilings("b", 2)
    assert found.flop_per_s == {"float32": 9.0, "int8": 60.0}
    assert found.median_flop_per_s == {"float32": 8.0, "int8": 55.0}
    assert found.bytes_per_s == 50.0
    assert found.median_bytes_per_s == 11.0
    assert "2048x2048" in found.source
    assert "a read over" in found.source
    assert found.method_version == measured.METHOD_VERSION


def test_kernels_on_the_real_runtime_count_what_they_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "_SECONDS", 0.02)
    product, read, triad = measured._product(64, 32, 16), measured._read(128), measured._triad(1000)
    assert product.amount == 2 * 64 * 32 * 16
    assert read.amount == 128 * 128 * 4
    assert triad.amount == 3 * 1000 * 4
    with Worker() as worker:
        for kernel in (product, read, triad, measured._integer_product(64)):
            rates = measured._rates(worker, "onnxruntime-cpu", 1, kernel)
            assert len(rates) >= 5
            assert all(rate > 0 for rate in rates)


def test_a_stream_is_larger_than_the_cache_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for cache, stream in ((1 << 20, 256 << 20), (64 << 20, 512 << 20), (1 << 30, 1 << 30)):
        monkeypatch.setattr(measured, "last_level_cache_bytes", lambda size=cache: size)
        assert measured._stream_bytes() == stream


def test_what_must_match_and_what_only_describes() -> None:
    found = environment.describe(backend="b", backend_version="1.2", threads=4)
    assert set(found.comparable) == {"cpu", "machine", "usable_cores", "backend", "backend_version", "threads"}
    assert set(found.described) == {"date", "kernel", "python", "load_average"}
    assert (found.comparable["backend"], found.comparable["threads"]) == ("b", 4)
    assert dt.datetime.fromisoformat(str(found.described["date"])).tzinfo is not None
    msgspec.json.encode(found)


def test_without_a_run_the_backend_is_null() -> None:
    found = environment.describe(backend=None, backend_version=None, threads=None)
    assert found.comparable["backend"] is found.comparable["threads"] is None


def test_a_busy_machine_never_lowers_a_ceiling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = iter([
        replace(KNOWN, flop_per_s={"float32": 9.0}, bytes_per_s=5.0, source="first"),
        replace(KNOWN, flop_per_s={"float32": 4.0}, bytes_per_s=7.0, source="second"),
    ])  # fmt: skip
    monkeypatch.setattr(measured, "measure_ceilings", lambda *_: next(found))
    measured_ceilings("b", "1", 2, cache=tmp_path)
    again = measured_ceilings("b", "1", 2, cache=tmp_path, refresh=True)
    assert (again.flop_per_s["float32"], again.bytes_per_s) == (9.0, 7.0)
    assert "first" in again.source
    assert "second" in again.source
    assert measured_ceilings("b", "1", 2, cache=tmp_path) == again
