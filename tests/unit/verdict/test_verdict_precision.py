"""Which precision sets the tolerance of an engine."""

from __future__ import annotations

import pytest

from alexnet_bench.core.graph import Graph, Tensor
from alexnet_bench.workflows.verify_precision import precision_of


@pytest.mark.parametrize(
    ("built", "dtypes", "holds"),
    [
        ("fp32", ("float32",), ("fp32", "its passport")),
        ("fp32", ("float16",), ("fp16", "its graph")),
        ("bf16", ("float16", "float32"), ("bf16", "its passport")),
        ("tf32", ("float32",), ("tf32", "its passport")),
        ("", ("float32",), ("fp32", "its graph")),
    ],
)
def test_a_graph_of_halves_is_not_held_to_more_than_it_has(
    built: str, dtypes: tuple[str, ...], holds: tuple[str, str]
) -> None:
    tensors = {dtype: Tensor(dtype, dtype, (1,)) for dtype in dtypes}
    graph = Graph("g", (), (), (), tensors, frozenset(), {}, frozenset(), 17, 8, "")
    assert precision_of(None, graph, built) == holds
    assert precision_of("int8", graph, built) == ("int8", "given")
