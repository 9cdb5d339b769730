"""Ceilings of the machine: the cache and what is made of the rates; and the environment of a measurement."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest

from alexnet_bench.backends.ceiling_models import (
    FED_TYPES,
    PRODUCT,
    PRODUCT_TYPES,
    write_fed_product,
    write_matrix_product,
)
from alexnet_bench.backends.client import Worker
from alexnet_bench.backends.device.card import Card
from alexnet_bench.backends.onnxruntime.cpu import OnnxRuntimeCpu
from alexnet_bench.backends.protocol import Backend, Loaded, LoadRequest
from alexnet_bench.backends.registry import BACKENDS
from alexnet_bench.backends.worker import Samples
from alexnet_bench.core.engine_layers import EngineLayer, LayerTimes
from alexnet_bench.core.errors import BackendRefusal
from alexnet_bench.core.profile import Ceilings
from alexnet_bench.measure import ceiling_kernels, ceiling_runs, ceiling_sizes, environment
from alexnet_bench.measure import ceilings as measured
from alexnet_bench.measure.ceiling_kernels import Kernel
from alexnet_bench.measure.ceiling_runs import measure_ceilings
from alexnet_bench.measure.ceiling_sizes import sizes_for
from alexnet_bench.measure.ceilings import higher, measured_ceilings

KNOWN = Ceilings({"float32": 2e11}, 3e10, {"float32": 1e11}, 2e10, "by hand", ceiling_runs.METHOD_VERSION)
BACKEND = Backend("b", "b", "b", "b:b", "b:b", products=("float32", "float16", "bfloat16", "int8"))
BFLOAT16 = -1.0
"""The amount by which the kernel of that type is known here, as it is fed like float32."""


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What is measured, in place of measuring."""
    calls: list[tuple[str, int]] = []

    def instead(backend: str, threads: int) -> Ceilings:
        calls.append((backend, threads))
        return KNOWN

    monkeypatch.setattr(measured, "measure_ceilings", instead)
    monkeypatch.setattr(measured, "get_backend", lambda _: BACKEND)
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


def test_another_card_is_another_measurement_of_a_backend_that_runs_on_it(
    tmp_path: Path, counted: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    card = Card("NVIDIA L4", "GPU-1", "13.0")
    cards = (None, card, replace(card, uuid="GPU-2"), replace(card, name="NVIDIA T4"), replace(card, cuda="13.1"))
    for device, measurements in (("cpu", 1), ("cuda", 4)):  # not those of another driver on the same card
        counted.clear()
        monkeypatch.setattr(measured, "get_backend", lambda _, device=device: replace(BACKEND, device=device))
        for here in cards:
            monkeypatch.setattr(measured, "first_card", lambda here=here: here)
            measured_ceilings("b", "1", 2, cache=tmp_path / device)
        assert len(counted) == measurements


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


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend that refuses bfloat16 and computes float16 in float32, at rates that tell the kernels apart."""
    by_size = {512: (1.0, 5.0, 2.0), 2048: (7.0, 9.0, 8.0)}

    def rates(_: Worker, __: str, ___: int, kernel: Kernel) -> tuple[float, ...]:
        if "a" in kernel.inputs:
            return (20.0, 40.0, 30.0)
        if kernel.feed == "uint8":
            return (60.0, 50.0, 55.0)
        assert kernel.feed == "float32", "what has no ceiling is not timed either"
        rows, inner = kernel.inputs["x"]
        return (10.0, 50.0, 11.0) if rows == 1 else by_size[inner]

    def computed(_: Worker, __: str, ___: int, kernel: Kernel) -> str:
        if kernel.amount == BFLOAT16:
            raise BackendRefusal("no such kernel")
        return {"uint8": "int8"}.get(kernel.feed, "float32")

    product = ceiling_kernels.product
    monkeypatch.setattr(ceiling_runs, "get_backend", lambda _: BACKEND)
    monkeypatch.setattr(
        ceiling_kernels,
        "product",
        lambda dtype, *sides: (
            replace(product(dtype, *sides), amount=BFLOAT16) if dtype == "bfloat16" else product(dtype, *sides)
        ),
    )
    monkeypatch.setattr(ceiling_runs, "rates", rates)
    monkeypatch.setattr(ceiling_runs, "computed_dtype", computed)


@pytest.mark.usefixtures("pretended")
def test_the_best_rate_is_the_ceiling_and_the_median_stands_beside_it() -> None:
    found = measure_ceilings("b", 2)
    assert (found.flop_per_s["float32"], found.flop_per_s["int8"]) == (9.0, 60.0)
    assert (found.median_flop_per_s["float32"], found.median_flop_per_s["int8"]) == (8.0, 55.0)
    assert found.bytes_per_s == 50.0
    assert found.median_bytes_per_s == 11.0
    assert "3 products of 2048x2048 float32 matrices, likewise for int8, and of 3 runs of a read over" in found.source
    assert found.method_version == ceiling_runs.METHOD_VERSION


@pytest.mark.usefixtures("pretended")
def test_a_type_that_is_refused_or_computed_in_another_has_no_ceiling_and_a_reason() -> None:
    found = measure_ceilings("b", 2)
    assert list(found.flop_per_s) == list(BACKEND.products)
    for dtype in ("float16", "bfloat16"):
        assert found.flop_per_s[dtype] is found.median_flop_per_s[dtype] is None
    assert found.unavailable == {
        "float16": "b computes its matrix product in float32",
        "bfloat16": "no such kernel",
    }


def test_a_backend_without_any_product_still_has_a_stream(
    pretended: None,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ceiling_runs, "get_backend", lambda _: replace(BACKEND, products=("bfloat16",)))
    found = measure_ceilings("b", 2)
    assert (found.flop_per_s, found.bytes_per_s) == ({"bfloat16": None}, 50.0)
    assert "no matrix product, and of 3 runs" in found.source


def test_a_type_that_is_not_said_has_no_ceiling(
    pretended: None,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ceiling_runs, "computed_dtype", lambda *_: "")
    found = measure_ceilings("b", 2)
    assert found.flop_per_s["float32"] is None
    assert "does not say" in found.unavailable["float32"]


def test_a_narrow_type_far_slower_than_float32_is_emulated_and_no_larger_product_of_it_is_run(
    pretended: None,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rates, sizes = ceiling_runs.rates, []

    def slow(worker: Worker, backend: str, threads: int, kernel: Kernel) -> tuple[float, ...]:
        if kernel.amount != BFLOAT16:
            return rates(worker, backend, threads, kernel)
        sizes.append(kernel.inputs["x"])
        return (2.0, 2.4)

    monkeypatch.setattr(ceiling_runs, "rates", slow)
    monkeypatch.setattr(
        ceiling_runs,
        "computed_dtype",
        lambda *given: "bfloat16" if given[-1].amount == BFLOAT16 else {"uint8": "int8"}.get(given[-1].feed, "float32"),
    )
    found = measure_ceilings("b", 2)
    assert (found.flop_per_s["bfloat16"], found.flop_per_s["float32"]) == (None, 9.0)
    assert found.unavailable["bfloat16"] == (
        "emulated on this processor: b reaches 2.40 FLOP/s, and in float32 5.00 FLOP/s"
    )
    assert sizes == [(512, 512)]


def test_kernels_on_the_real_runtime_count_what_they_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ceiling_runs, "_SECONDS", 0.02)
    product, read, triad = (
        ceiling_kernels.product("float32", 64, 32, 16),
        ceiling_kernels.read(128),
        ceiling_kernels.triad(1000),
    )
    assert product.amount == 2 * 64 * 32 * 16
    assert read.amount == 128 * 128 * 4
    assert triad.amount == 3 * 1000 * 4
    with Worker() as worker:
        others = (ceiling_kernels.product(dtype, 64, 64, 64) for dtype in ("float64", "int8"))
        for kernel in (product, read, triad, *others):
            rates = ceiling_runs.rates(worker, "onnxruntime-cpu", 1, kernel)
            assert len(rates) >= 5
            assert all(rate > 0 for rate in rates)


def test_what_the_real_runtime_computes_each_product_in() -> None:
    """Of float16 and bfloat16 as onnxruntime 1.31.1 on x86; on ARM, and maybe later, float16 is its own."""
    found = {}
    with Worker() as worker:
        for dtype in ("float32", "float64", "int8", "float16"):
            kernel = ceiling_kernels.product(dtype, 64, 64, 64)
            found[dtype] = ceiling_runs.computed_dtype(worker, "onnxruntime-cpu", 1, kernel)
        assert found.pop("float16") in ("float32", "float16")
        assert all(dtype == computed for dtype, computed in found.items())
        workers = ceiling_runs.Workers(worker, worker)
        refused = ceiling_runs._best_product(workers, "onnxruntime-cpu", 1, "bfloat16", ceiling_runs._Runs())
        assert refused.rates or "MatMul" in refused.why_none, "the product is refused, not what stands around it"


def test_nothing_is_timed_in_a_process_in_which_layers_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CUDA provider makes launches wait in its whole process, before CUDA starts, to time its layers."""
    found = []

    class Watched(Worker):
        def load(self, request: LoadRequest, inputs_dir: Path) -> Loaded:
            found.append((id(self), bool(request.layers_dir)))
            return super().load(request, inputs_dir)

    monkeypatch.setattr(ceiling_runs, "Worker", Watched)
    monkeypatch.setattr(ceiling_runs, "_SECONDS", 0.02)
    monkeypatch.setattr(ceiling_runs, "sizes_for", lambda _: ceiling_sizes.Sizes({}, (64,), 1 << 20))
    assert measure_ceilings("onnxruntime-cpu", 1).flop_per_s["float32"]
    timed, looked_at = ({worker for worker, layers in found if layers == has_layers} for has_layers in (False, True))
    assert timed
    assert looked_at
    assert timed.isdisjoint(looked_at)


class Silent:
    """A worker that runs nothing."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch

    def load(self, *_: object) -> None: ...

    def sample(self, **_: object) -> Samples:
        return Samples([1.0], None)

    def unload(self) -> None: ...


def silent(scratch: Path) -> Worker:
    worker: Any = Silent(scratch)
    found: Worker = worker
    return found


def test_the_casts_around_a_product_do_not_say_its_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layers = (
        EngineLayer("before", "Cast", ("x",), ("x",), is_overhead=True, compute_dtype="float16"),
        EngineLayer("also", "Cast", ("x",), (PRODUCT,), is_overhead=True, compute_dtype="float16"),
        EngineLayer("product", "MatMul", ("x",), (PRODUCT,), compute_dtype="uint8"),
        EngineLayer("one", "Slice", (PRODUCT,), ("y",), compute_dtype="float16"),
    )
    monkeypatch.setattr(ceiling_runs, "layers_reader", lambda _: lambda *_, **__: LayerTimes(layers, {}, (), ()))
    kernel = ceiling_kernels.product("float16", 8, 8, 8)
    assert ceiling_runs.computed_dtype(silent(tmp_path), "b", 1, kernel) == "int8"


@pytest.mark.parametrize("dtype", PRODUCT_TYPES)
def test_a_product_of_every_type_is_a_valid_model(dtype: str, tmp_path: Path) -> None:
    path = tmp_path / "product.onnx"
    write_matrix_product(path, 8, 4, 2, dtype)
    onnx.checker.check_model(onnx.load(path), full_check=True)


@pytest.mark.parametrize("dtype", FED_TYPES)
def test_a_fed_product_of_every_type_is_a_valid_model(dtype: str, tmp_path: Path) -> None:
    path = tmp_path / "product.onnx"
    write_fed_product(path, 8, 4, 2, dtype)
    onnx.checker.check_model(onnx.load(path), full_check=True)


@pytest.mark.parametrize("path", ["constant", "fed"])
def test_what_is_returned_of_a_product_has_a_type_that_numpy_has(path: str, tmp_path: Path) -> None:
    write = {"constant": write_matrix_product, "fed": write_fed_product}[path]
    for dtype in FED_TYPES:
        write(tmp_path / "product.onnx", 8, 4, 2, dtype)
        (output,) = onnx.load(tmp_path / "product.onnx").graph.output
        assert output.type.tensor_type.elem_type != onnx.TensorProto.BFLOAT16


def test_products_and_sums_of_both_ways_are_the_same_numbers(tmp_path: Path) -> None:
    """Of ones, fed or not: each element is the length of the inner side, times the scales of those that are bytes."""
    path = tmp_path / "model.onnx"
    for dtype in ("float32", "float64", "int8"):
        kernels = [*ceiling_kernels.products(dtype, compiles=False), *ceiling_kernels.products(dtype, compiles=True)]
        for kernel in (kernel(32) for kernel in kernels):
            kernel.write(path)
            assert kernel.amount == 2 * 32**3
            (got,) = _run(path, kernel)
            assert got.shape == (1, 1)
            scales = {"float32": 0.1, "int8": 0.01}[kernel.feed] if (dtype, got.dtype) == ("int8", np.float32) else 1
            assert got.item() == pytest.approx(32 * scales)
    for compiles in (False, True):
        for name, kernel in ceiling_kernels.streams(1 << 16, compiles=compiles).items():
            kernel.write(path)
            (got,) = _run(path, kernel)
            assert got.item() == (128 if name == "read" else 2)
            assert kernel.amount == pytest.approx(1 << 16, rel=1e-3)


def _run(path: Path, kernel: Kernel) -> list[np.ndarray[Any, Any]]:
    feeds = {name: np.full(shape, 1, kernel.feed) for name, shape in kernel.inputs.items()}
    runner = OnnxRuntimeCpu()
    runner.activate(LoadRequest("onnxruntime-cpu", str(path), 1))
    return runner.infer(feeds)


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
def test_every_type_that_a_backend_names_can_be_written(backend: Backend) -> None:
    assert "float32" in backend.products
    assert set(backend.products) <= set(FED_TYPES if backend.compiles else PRODUCT_TYPES)
    assert backend.compiles == ("tensorrt" in backend.name)


def test_a_stream_on_the_processor_is_larger_than_its_cache_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for cache, stream in ((1 << 20, 256 << 20), (64 << 20, 512 << 20), (1 << 30, 1 << 30)):
        monkeypatch.setattr(ceiling_sizes, "last_level_cache_bytes", lambda size=cache: size)
        assert sizes_for("cpu").stream_bytes == stream
        assert sizes_for("cuda").stream_bytes == 1 << 30


def test_products_on_a_gpu_are_larger_than_on_the_processor() -> None:
    assert {dtype: sizes_for("cpu").of(dtype) for dtype in ("float32", "float64", "int8")} == {
        "float32": (512, 2048),
        "float64": (512,),
        "int8": (512,),
    }
    assert {dtype: sizes_for("cuda").of(dtype) for dtype in ("float32", "float64", "int8")} == {
        "float32": (4096, 8192),
        "float64": (2048, 4096),
        "int8": (4096, 8192),
    }


def test_the_registry_says_what_each_backend_runs_on() -> None:
    on_gpu = {backend.name for backend in BACKENDS if backend.device == "cuda"}
    assert on_gpu == {"onnxruntime-cuda", "onnxruntime-tensorrt", "tensorrt", "tensorrt-rtx"}


@pytest.fixture
def on_gpu(pretended: None, monkeypatch: pytest.MonkeyPatch) -> list[int]:  # noqa: ARG001
    """What is multiplied on a backend for GPUs; the larger matrices do not fit."""
    sides: list[int] = []

    def rates(_: Worker, __: str, ___: int, kernel: Kernel) -> tuple[float, ...]:
        sides.append(next(iter(kernel.inputs.values()))[-1])
        if sides[-1] == 8192:
            raise BackendRefusal("no memory")
        return (1.0, 3.0, 2.0)

    monkeypatch.setattr(ceiling_runs, "rates", rates)
    monkeypatch.setattr(ceiling_runs, "get_backend", lambda _: replace(BACKEND, products=("float32",), device="cuda"))
    return sides


def test_what_does_not_fit_the_memory_of_a_gpu_leaves_the_rest(on_gpu: list[int]) -> None:
    found = measure_ceilings("b", 2)
    assert on_gpu == [4096, 8192, 16384, (1 << 30) // 12]
    assert found.flop_per_s == {"float32": 3.0}
    assert "products of 4096x4096" in found.source
    assert "over 1024 MiB" in found.source


def test_of_a_runtime_that_makes_one_layer_of_all_that_layer_is_the_product(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = EngineLayer("all", "TRTKernel", ("x",), ("y",), compute_dtype="float16")
    copy = EngineLayer("copy", "MemcpyToHost", ("y",), ("y",), is_overhead=True, compute_dtype="float32")
    other = replace(whole, name="more")
    for layers, dtype in (((whole, copy), "float16"), ((whole, other), "")):
        reads = lambda *_, layers=layers, **__: LayerTimes(layers, {}, (), ())  # noqa: E731
        monkeypatch.setattr(ceiling_runs, "layers_reader", lambda _, reads=reads: reads)
        kernel = ceiling_kernels.product("float16", 8, 8, 8)
        assert ceiling_runs.computed_dtype(silent(tmp_path), "b", 1, kernel) == dtype


def test_a_ceiling_is_higher_than_none() -> None:
    none = replace(KNOWN, flop_per_s={"float32": 1e11, "float16": None}, median_flop_per_s={"float32": 1e11})
    some = replace(none, flop_per_s={"float32": 1e10, "float16": 5e11}, median_flop_per_s={"float16": 4e11})
    for kept, now in ((none, some), (some, none)):
        assert higher(kept, now).flop_per_s == {"float32": 1e11, "float16": 5e11}
        assert higher(kept, now).median_flop_per_s == {"float32": 1e11, "float16": 4e11}


def test_a_type_has_a_rate_or_a_reason_and_never_both() -> None:
    refused = replace(KNOWN, flop_per_s={"float32": 1e11, "int8": None}, unavailable={"int8": "no such kernel"})
    found = replace(KNOWN, flop_per_s={"float32": 1e11, "int8": 4e11}, median_flop_per_s={"int8": 3e11})
    for kept, now in ((refused, found), (found, refused)):
        assert (higher(kept, now).flop_per_s["int8"], higher(kept, now).unavailable) == (4e11, {})
    assert higher(refused, refused).unavailable == {"int8": "no such kernel"}


@pytest.mark.parametrize(("rate", "stays"), [(7e10, False), (3e11, True)])
def test_a_type_once_found_emulated_has_a_rate_where_that_is_above_float32_alone(rate: float, *, stays: bool) -> None:
    """On a busy machine float32 is measured too low once, or the narrow type is."""
    why = {"bfloat16": f"{ceiling_runs.EMULATED}: b reaches less"}
    emulated = replace(KNOWN, flop_per_s={"float32": 2e11, "bfloat16": None}, unavailable=why)
    busy = replace(KNOWN, flop_per_s={"float32": 1e11, "bfloat16": rate}, median_flop_per_s={"bfloat16": rate / 2})
    for kept, now in ((emulated, busy), (busy, emulated)):
        found = higher(kept, now)
        assert found.flop_per_s["bfloat16"] == (rate if stays else None)
        assert found.median_flop_per_s["bfloat16"] == (rate / 2 if stays else None)
        assert found.unavailable == ({} if stays else why)


def test_the_source_does_not_grow_with_every_measurement() -> None:
    found = KNOWN
    for _ in range(5):
        found = higher(found, KNOWN)
    assert found.source == "the highest of several measurements, the last one by hand"


def test_what_must_match_and_what_only_describes() -> None:
    found = environment.describe(backend="b", backend_version="1.2", threads=4)
    assert set(found.comparable) == {
        *("cpu", "machine", "usable_cores", "backend", "backend_version", "threads", "device")
    }
    assert set(found.described) == {"date", "kernel", "python", "load_average", "affinity", "settings"}
    assert (found.comparable["backend"], found.comparable["threads"]) == ("b", 4)
    assert dt.datetime.fromisoformat(str(found.described["date"])).tzinfo is not None
    msgspec.json.encode(found)


def test_without_a_run_the_backend_is_null() -> None:
    found = environment.describe(backend=None, backend_version=None, threads=None)
    assert found.comparable["backend"] is found.comparable["threads"] is None
    assert found.described["settings"] is None


def test_affinity_and_settings_are_recorded() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        found = environment.describe(backend="b", backend_version="1", threads=1, settings={"arena": "on", "x": "1"})
    finally:
        os.sched_setaffinity(0, allowed)
    assert found.described["affinity"] == str(min(allowed))
    assert found.described["settings"] == "arena on, x 1"


def test_a_busy_machine_never_lowers_a_ceiling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = iter([
        replace(KNOWN, flop_per_s={"float32": 9.0}, bytes_per_s=5.0, source="first"),
        replace(KNOWN, flop_per_s={"float32": 4.0}, bytes_per_s=7.0, source="second"),
    ])  # fmt: skip
    monkeypatch.setattr(measured, "measure_ceilings", lambda *_: next(found))
    monkeypatch.setattr(measured, "get_backend", lambda _: BACKEND)
    measured_ceilings("b", "1", 2, cache=tmp_path)
    again = measured_ceilings("b", "1", 2, cache=tmp_path, refresh=True)
    assert (again.flop_per_s["float32"], again.bytes_per_s) == (9.0, 7.0)
    assert again.source == "the highest of several measurements, the last one second"
    assert measured_ceilings("b", "1", 2, cache=tmp_path) == again
