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
        ([helper.make_node("TopK", ["s", "k"], ["v", "y"])], Ranking("s", 2, (2, 5, 2))),
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


def test_scores_at_the_indices() -> None:
    scores = [np.array([[0.1, 0.9, 0.5], [0.7, 0.2, 0.3]])]
    ranking = Ranking("s", 1, (2, 1))
    for indices in (np.array([[1], [2]]), np.array([1, 2], np.int32)):
        chosen = ranking.chosen([indices], scores)
        assert chosen is not None
        assert chosen[0].tolist() == [[0.9], [0.3]]
    for wrong in (np.array([[1], [3]]), np.array([[-1], [0]]), np.array([[1]]), np.array([[1.0], [2.0]])):
        assert ranking.chosen([wrong], scores) is None


def _case(seed: int = 0) -> tuple[list[np.ndarray], list[np.ndarray], Criterion]:
    """Scores in which each best one has a second that is behind it by a thousandth; and the indices of the best."""
    generator = np.random.default_rng(seed)
    scores = []
    for _ in range(16):
        values = generator.random((4, 10))
        values[:, 7] = values.max(axis=1) + 0.5 * generator.random(4)
        values[:, 3] = values[:, 7] - 1e-3
        scores.append(values)
    best = [values.argmax(axis=1) for values in scores]
    criterion = Criterion(1e-2, rankings={"y": Ranking("s", 1, (4, 1))}, scores={"s": scores})
    return scores, best, criterion


def test_another_index_of_nearly_the_same_score_is_right() -> None:
    _, best, criterion = _case()
    assert judge_output("y", best, best, criterion).measure == "exact"
    second = [np.full(4, 3) for _ in best]
    judged = judge_output("y", best, second, criterion)
    assert (judged.measure, judged.verdict, judged.tolerance, judged.dtype) == ("score", "passed", 1e-2, "int64")
    assert judged.error is not None
    assert 1e-4 < judged.error < 1e-2
    shuffled, _ = check_itself(judged, best, second, criterion)
    assert shuffled.outcome == "found"


def test_an_index_of_a_lower_score_or_of_none_is_wrong() -> None:
    _, best, criterion = _case()
    lower = judge_output("y", best, [np.zeros(4, np.int64)] * 16, criterion)
    assert (lower.measure, lower.verdict) == ("score", "failed")
    assert "by the scores that its indices choose" in lower.reason
    none = judge_output("y", best, [np.full(4, 10)] * 16, criterion)
    assert (none.measure, none.verdict) == ("exact", "failed")
    unknown = judge_output("y", best, [np.full(4, 3)] * 16, Criterion(1e-2))
    assert (unknown.measure, unknown.verdict) == ("exact", "failed")
