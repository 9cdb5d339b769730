"""What is said of elements that count for nothing beside the others of their output."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from alexnet_bench.core.graph import Graph
from alexnet_bench.verdict.comparison import judge
from alexnet_bench.verdict.judge import Criterion, judge_output
from alexnet_bench.verdict.parity import Array
from alexnet_bench.verdict.small_elements import small_elements


def detections(scores: float = 1.0) -> list[Array]:
    """Boxes in pixels and scores of classes in one output, as detectors of the YOLO family give them."""
    found = []
    for seed in range(16):
        generator = np.random.default_rng(seed)
        boxes, classes = generator.uniform(0, 640, (1, 4, 300)), generator.beta(0.2, 5, (1, 80, 300))
        found.append(np.concatenate([boxes, scores * classes], axis=1).astype(np.float32))
    return found


def answers(mask: float, *, wrong: bool = False) -> list[Array]:
    """Scores of positions of which those behind the text are masked."""
    found = []
    for seed in range(16):
        x = 5 * np.random.default_rng(seed).standard_normal((1, 384))
        found.append(np.where(np.arange(384) < 60 + 5 * seed, x[:, ::-1] if wrong else x, mask).astype(np.float32))
    return found


def softmax(sharp: float) -> list[Array]:
    logits = [sharp * np.random.default_rng(seed).standard_normal((1, 1000)) for seed in range(16)]
    return [(np.exp(array) / np.exp(array).sum()).astype(np.float32) for array in logits]


def said(reference: Sequence[Array], engine: Sequence[Array], tolerance: float) -> str:
    judged = judge_output("y", reference, engine, Criterion(tolerance))
    assert judged.verdict == "passed"
    return small_elements(judged, reference, engine)


@pytest.mark.parametrize("tolerance", [1e-2, 1e-1])
def test_scores_that_are_all_zero_beside_boxes_pass_and_are_noted(tolerance: float) -> None:
    note = said(detections(), detections(scores=0.0), tolerance)
    assert note == (
        "y: its error says nothing of elements below 0.64, 95 % of those that are not 0: zeros in their place would "
        "pass; the engine's are off by 1.0e+00 of their size"
    )
    assert judge_output("y", detections(), detections(scores=0.0), Criterion(1e-4)).verdict == "failed"


def test_wrong_scores_beside_a_mask_of_ten_thousand_are_noted() -> None:
    assert "off by 1.5e+00 of their size" in said(answers(-1e4), answers(-1e4, wrong=True), 1e-2)
    assert said(answers(-1e4), [array * np.float32(1.001) for array in answers(-1e4)], 1e-2) == ""


def test_a_right_engine_is_not_noted() -> None:
    for y, tolerance in ((detections(), 1e-2), (softmax(8.0), 1e-2), (softmax(1.0), 1e-2)):
        assert said(y, [array.astype(np.float16) for array in y], tolerance) == ""
        assert said(y, y, 1e-4) == ""


def test_numbers_around_zero_are_not_noted_however_coarse_the_engine() -> None:
    for draw in ("standard_normal", "laplace", "uniform"):
        y = [getattr(np.random.default_rng(seed), draw)(size=(1, 1000)).astype(np.float32) for seed in range(16)]
        scale = np.float32(max(np.abs(array).max() for array in y) / 127)
        assert said(y, [np.round(array / scale) * scale for array in y], 1e-1) == ""


def test_an_output_of_zeros_or_of_integers_has_no_small_elements() -> None:
    for dtype in ("float32", "int64"):
        y = [np.zeros((1, 4), dtype)] * 16
        assert said(y, y, 1e-4) == ""


def test_the_note_stands_beside_the_verdict() -> None:
    graph = Graph("g", (), (), (), {}, frozenset(), {}, frozenset(("n",)), 20, 10, "")
    for known in (graph, None):
        found = judge(
            ["y"],
            {"y": detections()},
            {"y": detections(scores=0.0)},
            Criterion(1e-1),
            graph=known,
            again=lambda: pytest.fail("nothing failed"),
            same_runtime=True,
        )
        assert (found.verdict, len(found.checks), len(found.notes)) == ("passed", 2, 1)
