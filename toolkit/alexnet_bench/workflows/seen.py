"""Shapes as a run had them, beside those that are counted.

Some are not known before: they depend on data (what NonZero finds, a detector keeps, a router sends on), or no shape
inference has a rule for them. Others are known, and are not those of the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from alexnet_bench.core.cost import NodeCost
from alexnet_bench.core.errors import ModelError, ShapeError
from alexnet_bench.core.graph import Graph, Tensor
from alexnet_bench.graph.contradictions.known import written
from alexnet_bench.graph.counting import ASSUMED_SIZES, count
from alexnet_bench.graph.model_bytes import with_sizes
from alexnet_bench.graph.onnx_io import ModelFile, build_graph
from alexnet_bench.workflows import count_cautions
from alexnet_bench.workflows.counted import Counted


def counted_as_run(
    case: Counted,
    file: ModelFile,
    seen: Mapping[str, Tensor],
    *,
    batch: int | None,
    shapes: Mapping[str, Sequence[int]] | None,
) -> Counted:
    """The case with what could not be counted, or sizes that had to be assumed, before it ran; else as it is.

    Args:
        case: as it was counted.
        file: of the model.
        seen: tensors with the sizes of a run.
        batch: of the case, as given.
        shapes: likewise.
    """
    missing = {row.name for row in case.costs.rows if _is_missing(row)}
    told = [
        tensor for name, tensor in seen.items() if name in case.graph.assumed or case.graph.tensor(name).sizes is None
    ]
    if not missing or not told:
        return case
    try:
        graph = build_graph(with_sizes(file, told), name=case.graph.name, batch=batch, given_shapes=shapes)
    except (ModelError, ShapeError):  # what was seen is of one run, and may contradict what the file says of all
        return case
    costs = count(graph)
    gained = [row.name for row in costs.rows if row.name in missing and not _is_missing(row)]
    if not gained:
        return case
    return replace(case, graph=graph, costs=costs, cautions=(*case.cautions, count_cautions.of_seen(gained)))


def told_apart(case: Counted, seen: Mapping[str, Tensor]) -> Counted:
    """The case with a caution of the nodes whose outputs had other sizes in a run than are counted.

    Args:
        case: as it was counted.
        seen: tensors of the graph that was run, with the sizes of a run.
    """
    graph, behind, first = case.run_graph, set[str](), list[tuple[str, str, str]]()
    for node in graph.live_nodes:
        others = [name for name in node.writes if _differs(graph, name, seen)]
        if not behind.isdisjoint(node.reads):
            behind.update(node.writes)
        elif others:
            behind.update(others)
            counted, made = (written([tensors[others[0]].sizes or ()]) for tensors in (graph.tensors, seen))
            first.append((node.name, counted, made))
    return replace(case, cautions=(*case.cautions, count_cautions.of_other_sizes(first))) if first else case


def _differs(graph: Graph, name: str, seen: Mapping[str, Tensor]) -> bool:
    """Whether a tensor had other sizes in the run than those counted with; not where these were assumed."""
    if name not in seen or name in graph.assumed:
        return False
    counted, made = graph.tensor(name).sizes, seen[name].sizes
    return counted is not None and made is not None and counted != made


def _is_missing(row: NodeCost) -> bool:
    return bool(row.why_unknown) or row.assumed == ASSUMED_SIZES
