from __future__ import annotations

import json
import random
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet_bench.core.statistics import bootstrap_median_ci95, percentile, summarise

_PROFILES = sorted((Path(__file__).parents[2] / "data" / "profiles").glob("*.json"))
_VALUES = st.lists(st.floats(0, 1e6, allow_nan=False), min_size=1, max_size=60)


@given(_VALUES, st.floats(0, 100))
def test_percentiles_are_numpys(values: list[float], percent: float) -> None:
    ordered = sorted(values)
    expected = float(np.percentile(ordered, percent))
    assert percentile(ordered, percent) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(st.lists(_VALUES, min_size=1, max_size=4))
def test_a_summary_lies_within_its_samples_and_is_ordered(processes: list[list[float]]) -> None:
    flat = [value for samples in processes for value in samples]
    found = summarise(processes)
    assert found.median == median(flat)
    assert min(flat) <= found.median <= found.p90 <= found.p99 <= max(flat)
    assert min(flat) <= found.ci95[0] <= found.ci95[1] <= max(flat)


def test_one_sample_is_its_own_statistics() -> None:
    found = summarise([[0.25]])
    assert (found.median, found.p90, found.p99, found.ci95) == (0.25, 0.25, 0.25, (0.25, 0.25))


def test_a_process_without_samples_does_not_count() -> None:
    assert summarise([[], [1.0, 2.0, 3.0]]).median == 2.0


def test_the_interval_is_the_same_every_time() -> None:
    generator = random.Random(5)  # noqa: S311 - samples, not secrets
    processes = [[generator.gauss(1, 0.1) for _ in range(50)] for _ in range(3)]
    assert bootstrap_median_ci95(processes) == bootstrap_median_ci95(processes)


def test_the_interval_covers_the_true_median() -> None:
    """Independent samples: the two-stage interval is wider than need be, and must not miss more than 5 %."""
    generator = random.Random(11)  # noqa: S311 - samples, not secrets
    covered, trials = 0, 60
    for _ in range(trials):
        processes = [[generator.lognormvariate(0, 0.5) for _ in range(15)] for _ in range(3)]
        low, high = bootstrap_median_ci95(processes)
        covered += low <= 1.0 <= high
    assert covered >= 0.9 * trials


def test_processes_that_differ_widen_the_interval() -> None:
    same = [[1.0, 1.01, 1.02, 0.99] * 10 for _ in range(3)]
    shifted = [[value + shift for value in samples] for shift, samples in zip((0.0, 0.1, 0.2), same, strict=True)]
    narrow, wide = bootstrap_median_ci95(same), bootstrap_median_ci95(shifted)
    assert wide[1] - wide[0] > 5 * (narrow[1] - narrow[0])


def test_many_samples_are_thinned_evenly() -> None:
    low, high = bootstrap_median_ci95([[float(index % 1000) for index in range(20_000)]])
    assert low < 500 < high
    assert high - low < 150


@pytest.mark.parametrize("path", _PROFILES, ids=lambda path: path.stem)
def test_the_statistics_of_a_document_are_those_of_its_samples(path: Path) -> None:
    document = json.loads(path.read_bytes())
    latency = document["latency"]
    if latency is None:
        return
    found = summarise(latency["samples_s"])
    assert (latency["median_s"], latency["p90_s"], latency["p99_s"]) == (found.median, found.p90, found.p99)
    assert tuple(latency["ci95_s"]) == found.ci95
    assert latency["throughput_per_s"] == pytest.approx(document["case"]["batch"] / found.median)
    for layer in document["layers"]:
        assert layer["time_s"] == median(layer["samples_s"])


def test_the_interval_weighs_processes_as_the_median_does() -> None:
    """A fast process of many samples decides the median, and each resample that it is in."""
    found = summarise([[1.0] * 20_000, *[[2.0] * 1000] * 8])
    assert found.median == 1.0
    assert found.ci95 == (1.0, 2.0)
