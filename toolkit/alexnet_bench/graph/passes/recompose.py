"""Operators that exporters wrote out, put together again into the one operator that has a kernel."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from alexnet_bench.graph.passes import gelu, layer_norm, written_out_lrn
from alexnet_bench.graph.passes.constants import fold_constants
from alexnet_bench.graph.passes.draft import Draft
from alexnet_bench.graph.passes.evaluate import ByReference
from alexnet_bench.graph.passes.inferred import Types
from alexnet_bench.graph.passes.reads import malformed_left_alone
from alexnet_bench.graph.passes.region import between, highest_rank, is_private
from alexnet_bench.graph.passes.result import Feeds, PassResult, composed

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

    from alexnet_bench.graph.passes.evaluate import Evaluator

Find = Callable[[Draft, "NodeProto"], "NodeProto | None"]
"""Given the last node of what may be an operator written out: the operator, making the same output, else None.

It need not look at who reads what is inside, nor at how many dimensions constants have.
"""


def recompose(model: ModelProto, *, feeds: Feeds = (), evaluator: Evaluator | None = None) -> PassResult:
    """LRN, LayerNormalization (from opset 17 on) and Gelu (from opset 20 on), where they are written out.

    Every candidate for LRN is computed both ways on random numbers before it is replaced. Where anything but the
    result is read from outside, or a constant may give the result more dimensions, the nodes stay.
    """
    del feeds
    return _recomposed(model, evaluator, contrib=False)


def recompose_for_onnxruntime(
    model: ModelProto, *, feeds: Feeds = (), evaluator: Evaluator | None = None
) -> PassResult:
    """As `recompose`; below opset 20 Gelu becomes ONNX Runtime's own operator, which other runtimes may not have."""
    del feeds
    return _recomposed(model, evaluator, contrib=True)


def _recomposed(model: ModelProto, evaluator: Evaluator | None, *, contrib: bool) -> PassResult:
    folded = fold_constants(model) if _has_window_sums(model) else None
    draft = Draft(folded.model if folded else model)
    types = draft.types()
    finders: tuple[Find, ...] = (
        partial(written_out_lrn.find, types=types, evaluator=evaluator or ByReference()),
        partial(layer_norm.find, types=types),
        partial(gelu.find, contrib=contrib),
    )
    for node in list(draft.nodes):
        for find in finders:
            with malformed_left_alone:
                made = find(draft, node) if draft.is_live(node) else None
                if made is not None and _is_all(draft, types, node, made):
                    _replace(draft, node, made)
    result = draft.finished()
    if folded is None or not result.changes:
        return result if folded is None else Draft(model).finished()
    return PassResult(result.model, (*folded.changes, *result.changes), composed(folded.origins, result.origins))


def _has_window_sums(model: ModelProto) -> bool:
    """Whether anything looks like LRN as the tracing exporter writes it, with its paddings computed in the graph."""
    operators = {node.op_type for node in model.graph.node}
    return {"AveragePool", "Pad", "Div", "Pow"} <= operators


def _is_all(draft: Draft, types: Types, last: NodeProto, made: NodeProto) -> bool:
    """Whether an operator stands for everything that the nodes up to `last` are: its readers and its dimensions."""
    nodes = between(draft, made.input, last)
    if nodes is None or not is_private(draft, made.input, nodes):
        return False
    rank = len(types.shape(made.input[0]) or ())  # an unknown one may be 0
    return highest_rank(draft, made.input, nodes) <= rank


def _replace(draft: Draft, last: NodeProto, made: NodeProto) -> None:
    if made.domain:
        draft.import_domain(made.domain)
    gone = draft.replace([last], [made])
    draft.changes.append(
        f"{made.name}: {made.op_type} put together from {len(gone)} nodes: {', '.join(reversed(gone))}"
    )
