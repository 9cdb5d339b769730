"""The verdict on one output and on the whole."""

from __future__ import annotations

import numpy as np
import pytest

from alexnet_bench.core.verification import SelfCheck
from alexnet_bench.verdict.judge import Criterion, conclude, judge_output
from alexnet_bench.verdict.last_bias import LastBias
from alexnet_bench.verdict.parity import Array


def varied() -> list[Array]:
    return list(np.random.default_rng(0).standard_normal((16, 1, 20)).astype(np.float32))


def test_the_tolerance_does_not_soften_what_is_compared_exactly() -> None:
    y = [np.array([index]) for index in range(16)]
    wrong = [*y[:-1], np.array([3])]
    judged = judge_output("y", y, wrong, Criterion(0.5))
    assert (judged.error, judged.tolerance, judged.verdict) == (1 / 16, 0.0, "failed")
    assert judged.reason == "6.2 % of the elements differ, and these are compared exactly"


@pytest.mark.parametrize(("tolerance", "verdict"), [(0.101, "passed"), (0.099, "failed")])
def test_the_error_must_not_exceed_the_tolerance(tolerance: float, verdict: str) -> None:
    y = varied()
    mean = np.mean(y, axis=0, dtype=np.float64)
    off = [array + 0.1 * (array - mean) for array in y]
    assert judge_output("y", y, off, Criterion(tolerance)).verdict == verdict


def off_by(part: float) -> tuple[list[Array], list[Array]]:
    """Outputs, and such as are off by a part of their spread."""
    y = [array.astype(np.float64) for array in varied()]
    mean = np.mean(y, axis=0)
    return y, [array + part * (array - mean) for array in y]


@pytest.mark.parametrize(
    ("part", "limit", "shown"),
    [
        (2.97e-1, 1e-4, "the error is 2.97e-01, above 0.0001"),
        (1.0003e-4, 1e-4, "the error is 1.0003e-04, above 0.0001"),
        (1.234568e-3, 1.2345678e-3, "the error is 1.235e-03, above 0.0012345678"),
    ],
)
def test_an_error_is_shown_with_the_digits_that_tell_it_from_the_tolerance(
    part: float, limit: float, shown: str
) -> None:
    assert judge_output("y", *off_by(part), Criterion(limit)).reason.startswith(shown)


def test_what_is_near_in_size_alone_says_how_far_the_engine_is_from_the_reference() -> None:
    y, off = off_by(0.02)
    shifted, other = [array + 1000 for array in y], [array + 1000 for array in off]
    reason = judge_output("y", shifted, other, Criterion(1e-4)).reason
    assert "outputs of different inputs differ by 9.8e-04 of their size" in reason
    assert "and the engine's from the reference's by 2.0e-05" in reason


def test_a_reference_that_is_no_number_fails() -> None:
    y = [np.full((1, 3), np.nan)] * 16
    assert (
        "the reference itself gives 48 elements that are no numbers" in judge_output("y", y, y, Criterion(1e-4)).reason
    )


def test_an_engine_that_is_off_along_the_bias_and_elsewhere_is_not_said_to_lack_it() -> None:
    y = [100 * array for array in varied()]
    values = np.where(np.arange(20) < 10, 1.0, 0.0)
    bias = LastBias("y", "fc", "b", "Add", (1, 20))
    criterion = Criterion(0.5, biases={"y": bias}, bias_values={"b": values})
    assert judge_output("y", y, [array - values for array in y], criterion).verdict == "failed"
    elsewhere = np.where(np.arange(20) < 10, 1.0, 3.0)
    assert judge_output("y", y, [array - elsewhere for array in y], criterion).verdict == "passed"


def test_the_verdict_on_the_whole() -> None:
    y = varied()
    good, bad = judge_output("a", y, y, Criterion(1e-4)), judge_output("b", y, [-array for array in y], Criterion(1e-4))
    found, missed = SelfCheck("shuffled-inputs", "a", "found"), SelfCheck("lost-bias", "a", "missed", detail="small")
    alike = SelfCheck("shuffled-inputs", "a", "does not apply")
    assert conclude([good], [found], depends_on_input=True) == ("passed", ())
    assert conclude([good, bad], [found, missed], depends_on_input=True)[0] == "failed"
    verdict, reasons = conclude([good], [found, missed], depends_on_input=True)
    assert (verdict, reasons) == ("inconclusive", ("a: a wrong engine would pass as well (lost bias): small",))
    assert conclude([good], [alike], depends_on_input=True)[0] == "inconclusive"
    assert conclude([good], [alike], depends_on_input=False)[0] == "passed"
