"""Indices by the scores that they choose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import NodeProto, TensorProto, helper

from alexnet_bench.core.graph import Graph
from alexnet_bench.graph.onnx_io import build_graph, open_model
from alexnet_bench.verdict.judge import Criterion, check_itself, judge_output
from alexnet_bench.verdict.ranking import Ranking, find_ranking


def graph_of(folder: Path, *nodes: NodeProto, kind: int = TensorProto.INT64) -> Graph:
    """Nodes between scores s of 2x5x3 and an output y."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("s", TensorProto.FLOAT, [2, 5, 3])],
        [helper.make_tensor_value_info("y", kind, None)],
        [helper.make_tensor("k", TensorProto.INT64, [1], [2])],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "model.onnx"
    )
    return build_graph(open_model(folder / "model.onnx"), name="g")


@pytest.mark.parametrize(
    ("nodes", "ranking"),
    [
        ([helper.make_node("ArgMax", ["s"], ["y"], axis=1)], Ranking("s", 1, (2, 1, 3))),
        ([helper.make_node("ArgMax", ["s"], ["y"], axis=-2, keepdims=0)], Ranking("s", 1, (2, 1, 3))),
        ([helper.make_node("ArgMin", ["s"], ["y"])], Ranking("s", 0, (1, 5, 3))),
        ([helper.make_node("TopK", ["s", "k"], ["v", "y"])], Ranking("s", 2, (2, 5, 2), is_selection=True)),
        (
            [
                helper.make_node("ArgMax", ["s"], ["i"], axis=2),
                helper.make_node("Cast", ["i"], ["c"], to=TensorProto.INT32),
                helper.make_node("Flatten", ["c"], ["y"]),
            ],
            Ranking("s", 2, (2, 5, 1)),
        ),
        ([helper.make_node("TopK", ["s", "k"], ["y", "i"])], None),
        ([helper.make_node("NonZero", ["s"], ["y"])], None),
    ],
)
def test_how_indices_are_chosen(tmp_path: Path, nodes: list[NodeProto], ranking: Ranking | None) -> None:
    assert find_ranking(graph_of(tmp_path, *nodes), "y") == ranking


def test_scores_at_the_indices_above_the_mean() -> None:
    scores = [np.array([[0.1, 0.9, 0.5], [0.7, 0.2, 0.3]])]
    ranking = Ranking("s", 1, (2, 1))
    for indices in (np.array([[1], [2]]), np.array([1, 2], np.int32)):
        chosen = ranking.chosen([indices], scores)
        assert chosen is not None
        assert np.allclose(chosen[0], [[0.4], [-0.1]])
    for wrong in (np.array([[1], [3]]), np.array([[-1], [0]]), np.array([[1]]), np.array([[1.0], [2.0]])):
        assert ranking.chosen([wrong], scores) is None


def test_a_score_that_is_not_finite_is_in_no_mean() -> None:
    chosen = Ranking("s", 1, (1, 1)).chosen([np.array([[2]])], [np.array([[-np.inf, 1.0, 3.0]], np.float32)])
    assert chosen is not None
    assert chosen[0].tolist() == [[1.0]]


def test_an_index_that_stands_twice_is_no_selection() -> None:
    scores, twice = [np.array([[0.5, 0.5, 0.1]])], [np.array([[0, 0]])]
    assert Ranking("s", 1, (1, 2)).chosen(twice, scores) is not None
    assert Ranking("s", 1, (1, 2), is_selection=True).chosen(twice, scores) is None


def test_what_all_scores_have_in_common_hides_no_wrong_choice() -> None:
    """Distances to codes: |x|^2 is in all of them, varies from input to input, and decides nothing."""
    generator = np.random.default_rng(0)
    codes, scores = generator.standard_normal((12, 4)), []
    for size in np.linspace(1, 300, 16):
        x = size * generator.standard_normal((8, 4))
        scores.append((x**2).sum(axis=1, keepdims=True) - 2 * x @ codes.T + (codes**2).sum(axis=1))
    nearest, farthest = [values.argmin(axis=1) for values in scores], [values.argmax(axis=1) for values in scores]
    criterion = Criterion(5e-2, rankings={"y": Ranking("s", 1, (8, 1))}, scores={"s": scores})
    judged = judge_output("y", nearest, farthest, criterion)
    assert (judged.measure, judged.verdict) == ("score", "failed")
    assert judged.error is not None
    assert judged.error > 1


def test_whole_numbers_are_scores_too() -> None:
    generator = np.random.default_rng(0)
    scores = [generator.integers(-100, 100, (50, 8)).astype(np.int8) for _ in range(16)]
    best = [values.argmax(axis=1) for values in scores]
    wrong = [np.where(np.arange(50) < 5, (choice + 3) % 8, choice) for choice in best]
    judged = judge_output(
        "y", best, wrong, Criterion(1e-1, rankings={"y": Ranking("s", 1, (50, 1))}, scores={"s": scores})
    )
    assert (judged.measure, judged.verdict) == ("score", "failed")


def _case() -> tuple[list[np.ndarray], list[np.ndarray], Criterion]:
    """The best of ten scores in four rows, the next place, which is behind by a thousandth; and how they are judged."""
    generator = np.random.default_rng(0)
    scores, best, second = [], [], []
    for _ in range(16):
        values, rows = generator.random((4, 10)), np.arange(4)
        best.append(generator.integers(0, 10, 4))
        second.append((best[-1] + 1) % 10)
        values[rows, best[-1]] = values.max(axis=1) + 0.5 * generator.random(4)
        values[rows, second[-1]] = values[rows, best[-1]] - 1e-3
        scores.append(values)
    return best, second, Criterion(1e-2, rankings={"y": Ranking("s", 1, (4, 1))}, scores={"s": scores})


def test_another_index_of_nearly_the_same_score_is_right() -> None:
    best, second, criterion = _case()
    assert judge_output("y", best, best, criterion).measure == "exact"
    judged = judge_output("y", best, second, criterion)
    assert (judged.measure, judged.verdict, judged.tolerance, judged.dtype) == ("score", "passed", 1e-2, "int64")
    assert judged.error is not None
    assert 1e-4 < judged.error < 1e-2
    shuffled, _ = check_itself(judged, best, second, criterion)
    assert shuffled.outcome == "found"


def test_an_index_of_a_lower_score_or_of_none_is_wrong() -> None:
    best, second, criterion = _case()
    lower = judge_output("y", best, [(choice + 5) % 10 for choice in best], criterion)
    assert (lower.measure, lower.verdict) == ("score", "failed")
    assert "by the scores that its indices choose" in lower.reason
    none = judge_output("y", best, [np.full(4, 10)] * 16, criterion)
    assert (none.measure, none.verdict) == ("exact", "failed")
    unknown = judge_output("y", best, second, Criterion(1e-2))
    assert (unknown.measure, unknown.verdict) == ("exact", "failed")
    assert unknown.reason == "100 % of the elements differ, and these are compared exactly"


def test_indices_of_other_inputs_that_would_pass_are_missed() -> None:
    """All scores are nearly alike: whatever is chosen passes, and the check of the comparison says so."""
    best, second, criterion = _case()
    loose = Criterion(10.0, rankings=criterion.rankings, scores=criterion.scores)
    shuffled, _ = check_itself(judge_output("y", best, second, loose), best, second, loose)
    assert shuffled.outcome == "missed"
