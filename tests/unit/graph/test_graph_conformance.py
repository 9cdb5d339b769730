"""ONNX's own conformance models of single operators: what is told of their outputs is what the data there show."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases

from alexnet_bench.core.graph import Graph
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.onnx_io import build_graph, open_model

OPEN = frozenset(
    {
        *("ImageDecoder", "NonMaxSuppression", "NonZero", "StringNormalizer", "StringSplit", "Unique"),
        *("BlackmanWindow", "ConstantOfShape", "HammingWindow", "HannWindow", "MelWeightMatrix", "Range"),
        *("Cast", "If", "Loop"),
    }
)
"""Data decide how large the outputs are of the first; the second are told by their first input, which is fed here; the
others stand in the functions of those, and of AffineGrid, whose sizes come out of a branch."""


def _graph(model: onnx.ModelProto, values: Sequence[Any], path: Path) -> Graph:
    """Without the shapes that it declares of its outputs; inputs behind the first are constants where they can be."""
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    del bare.graph.value_info[:]
    for info in bare.graph.output:
        if info.type.HasField("tensor_type"):
            info.type.tensor_type.ClearField("shape")
    given = {}
    for index, (info, value) in enumerate(zip(bare.graph.input, values, strict=False)):
        if isinstance(value, np.ndarray | np.generic) and info.type.HasField("tensor_type"):
            given[info.name] = value.shape
            if index and value.dtype.kind in "fiub":
                bare.graph.initializer.append(numpy_helper.from_array(np.asarray(value), info.name))
    for tensor in bare.graph.initializer:
        given.pop(tensor.name, None)
    kept = [info for info in bare.graph.input if info.name not in {item.name for item in bare.graph.initializer}]
    del bare.graph.input[:]
    bare.graph.input.extend(kept)
    onnx.save(bare, path)
    return build_graph(open_model(path), name="conformance", given_shapes=given)


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Graph, Sequence[Any]]]:
    path = tmp_path_factory.mktemp("conformance") / "model.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of numbers that overflow on purpose
        cases = collect_testcases(None)
    return [
        (case.name, _graph(case.model, case.data_sets[0][0], path), case.data_sets[0][1])
        for case in cases
        if case.model is not None and case.data_sets
    ]


def test_outputs_are_as_large_and_of_the_type_that_the_data_are(
    graphs: list[tuple[str, Graph, Sequence[Any]]],
) -> None:
    wrong, told, open_ = [], 0, set[str]()
    for name, graph, values in graphs:
        for output, value in zip(graph.outputs, values, strict=True):
            tensor = graph.tensor(output)
            if not isinstance(value, np.ndarray | np.generic):
                continue  # a sequence, or an optional
            if tensor.sizes is None:
                open_ |= {node.op_type for node in graph.nodes if output in node.writes}
                continue
            told += 1
            dtype = "string" if value.dtype.kind in "OSU" else str(value.dtype)
            if (tensor.sizes, tensor.dtype) != (value.shape, dtype):
                wrong.append((name, output, tensor.sizes, tensor.dtype, value.shape, dtype))
    assert wrong == []
    assert open_ <= OPEN
    assert told > 2000


def test_each_is_counted_or_says_why_not(graphs: list[tuple[str, Graph, Sequence[Any]]]) -> None:
    rows = [row for _, graph, _ in graphs for row in count(graph).rows]
    assert all(row.counted != bool(row.why_unknown) for row in rows)
    without = {row.op for row in rows if row.why_unknown == "no formula"}
    assert all(op.startswith("ai.onnx.preview.") for op in without)  # which docs/counting.md excludes
    assert sum(row.counted for row in rows) > 0.9 * len(rows)
