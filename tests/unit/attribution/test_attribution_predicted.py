"""Times of layers on devices that are not here: numbers computed by hand, and the published peaks of real cards."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alexnet_bench.attribution.predicted import PEAK_OF, peak_flop_per_s, predict_engine, predict_layer
from alexnet_bench.attribution.roofline import work_of
from alexnet_bench.core.devices import Budget, Device, Memory, Peak, get_device
from alexnet_bench.core.inspection import InspectedLayer, LayerPrediction
from alexnet_bench.core.profile import ceiling_of

_SOURCE = {"source": "by hand"}
_CARD = Device(
    name="card",
    title="Card",
    year=2026,
    memory=Memory(bytes=1, bytes_per_s=10.0, **_SOURCE),
    peaks=(
        Peak(dtype="fp32", unit="CUDA cores", accumulate="fp32", flop_per_s=100.0, **_SOURCE),
        Peak(dtype="fp16", unit="tensor cores", accumulate="fp32", flop_per_s=400.0, **_SOURCE),
        Peak(dtype="int8", unit="tensor cores", accumulate="int32", flop_per_s=800.0, **_SOURCE),
    ),
)


@pytest.mark.parametrize(
    ("flop", "moved", "dtype", "count", "expected"),
    [
        (1000, 10, "float32", 1, LayerPrediction(10.0, 10.0, 1.0, "compute")),
        (1000, 10, "float16", 1, LayerPrediction(2.5, 2.5, 1.0, "compute")),
        (1000, 10, "int8", 1, LayerPrediction(1.25, 1.25, 1.0, "compute")),
        (1000, 10, "uint8", 1, LayerPrediction(1.25, 1.25, 1.0, "compute")),
        (1000, 10, "float32", 2, LayerPrediction(5.0, 5.0, 0.5, "compute")),
        (100, 50, "float32", 1, LayerPrediction(5.0, 1.0, 5.0, "memory")),
        (0, 50, "bool", 1, LayerPrediction(5.0, 0.0, 5.0, "memory")),
    ],
)
def test_a_layer_takes_the_longer_of_its_two_times(
    flop: int, moved: int, dtype: str, count: int, expected: LayerPrediction
) -> None:
    assert predict_layer(work_of(flop, moved, is_overhead=False), dtype, _CARD, count) == expected


@pytest.mark.parametrize(
    ("flop", "moved", "dtype", "expected"),
    [
        (1000, 10, "bfloat16", LayerPrediction(None, None, 1.0)),  # float16 is as wide, and says nothing of it
        (1000, 10, "tf32", LayerPrediction(None, None, 1.0)),
        (1000, 10, "", LayerPrediction(None, None, 1.0)),
        (None, 10, "float32", LayerPrediction(None, None, 1.0)),
        (1000, None, "float32", LayerPrediction(None, 10.0, None)),
    ],
)
def test_what_is_not_published_or_not_known_is_not_guessed(
    flop: int | None, moved: int | None, dtype: str, expected: LayerPrediction
) -> None:
    assert predict_layer(work_of(flop, moved, is_overhead=False), dtype, _CARD, 1) == expected


def test_overhead_and_what_does_nothing_have_no_time() -> None:
    assert predict_layer(work_of(None, 50, is_overhead=True), "float32", _CARD, 1) == LayerPrediction()
    assert predict_layer(work_of(0, 0, is_overhead=False), "float32", _CARD, 1) == LayerPrediction()


@pytest.mark.parametrize(
    ("device", "dtype", "tera"),
    [
        ("gtx-580", "float32", 1.581056),
        ("gtx-580", "float16", None),
        ("rtx-4090", "float32", 82.6),
        ("rtx-4090", "tf32", 82.6),
        ("rtx-4090", "float16", 330.3),
        ("rtx-4090", "bfloat16", 165.2),
        ("rtx-4090", "int8", 660.6),
        ("rtx-4090", "uint8", 660.6),
        ("a100", "tf32", 156.0),
        ("v100", "bfloat16", None),
        ("h100", "float64", 66.9),
    ],
)
def test_each_type_has_its_own_published_peak(device: str, dtype: str, tera: float | None) -> None:
    found = peak_flop_per_s(get_device(device, None), dtype)
    assert found == (None if tera is None else pytest.approx(tera * 1e12))
    assert ceiling_of(dtype) in PEAK_OF


def _layer(flop: int | None, moved: int | None, dtype: str = "float32", *, is_overhead: bool = False) -> InspectedLayer:
    work = work_of(flop, moved, is_overhead=is_overhead)
    empty = InspectedLayer("l", (), (), dtype, (), (), None, work.flop, work.bytes, None, work.is_idle)
    return replace(empty, predicted=(LayerPrediction(), predict_layer(work, dtype, _CARD, 1)))


def test_an_engine_takes_all_its_layers_one_after_the_other() -> None:
    layers = [_layer(1000, 10), _layer(100, 30), _layer(4000, 10, "float16"), _layer(None, 99, is_overhead=True)]
    found = predict_engine(layers, 1, Budget(_CARD, 1), batch=6)
    assert (found.latency_s, found.known_s) == (23.0, 23.0)
    assert found.throughput_per_s == pytest.approx(6 / 23)
    assert found.memory_bound_fraction == pytest.approx(3 / 23)
    assert found.flop_per_s == {"float16": 400.0, "float32": 100.0}
    assert (found.unknown, found.kind) == ({}, "predicted")


def test_a_layer_without_a_time_leaves_the_engine_without_a_total() -> None:
    layers = [_layer(1000, 10), _layer(9, 9, "bfloat16"), _layer(9, 9, "bfloat16"), _layer(9, None), _layer(9, 9, "")]
    found = predict_engine(layers, 1, Budget(_CARD, 1), batch=1)
    assert (found.latency_s, found.throughput_per_s, found.known_s) == (None, None, 10.0)
    assert found.flop_per_s == {"bfloat16": None, "float32": 100.0}
    assert found.unknown == {
        "no published peak for bfloat16": 2,
        "no count of what they do": 1,
        "no type that they compute in": 1,
    }


def test_an_engine_without_work_has_no_rate() -> None:
    found = predict_engine([_layer(0, 0)], 1, Budget(_CARD, 1), batch=1)
    assert (found.latency_s, found.throughput_per_s, found.memory_bound_fraction) == (None, None, None)
