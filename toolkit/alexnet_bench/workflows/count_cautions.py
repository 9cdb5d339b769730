"""What a reader must know before trusting a count: codes, messages, and what to do about it.

The codes are a public contract, and described in docs/profile-json.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from alexnet_bench.core.cost import IS_UNKNOWN, NO_FORMULA
from alexnet_bench.core.graph import Graph
from alexnet_bench.core.profile import Caution, Coverage, UnknownOp
from alexnet_bench.core.text import listed, plural, printable
from alexnet_bench.workflows.images import is_batch

_MOST_LISTED = 8
_OPEN_SHAPES = (
    "no size of an input is open: what is missing depends on data, or goes through operators that are not followed; "
    "shapes that another shape inference writes into the model fill such gaps"
)


def not_run() -> Caution:
    """Every measured value is null."""
    return Caution("static", "counted without running: times, rates and measured memory are null", "leave --static out")


def of_sizes(open_sizes: Mapping[str, str]) -> Iterator[Caution]:
    """First dimensions that were taken as 1, though they seem to be no batch: a text of one token costs little."""
    for name, dimension in open_sizes.items():
        if not is_batch(dimension):
            yield Caution(
                "open-size",
                f"the first dimension of {printable(name)}, {printable(dimension)}, is open and was taken as 1",
                f"give its size: --shape {printable(name)}=...",
            )


def of_batch(first: tuple[str, int] | None) -> Iterator[Caution]:
    """A first size that was not taken for a batch: how many a second are made would be multiplied by it."""
    if first is not None:
        name, size = first
        yield Caution(
            "no-batch",
            f"the first dimension of {printable(name)}, {size:,}, is not taken for a batch: rates are of whole runs",
            f"give --batch {size} if it is one",
        )


def of_seen(nodes: Sequence[str]) -> Caution:
    """Counts of one run: with other inputs they are others."""
    return Caution(
        "run-shapes",
        f"shapes of {plural(len(nodes), 'node')} do not follow from the model alone, and are counted as in the last "
        f"run: {', '.join(map(printable, nodes[:_MOST_LISTED]))}{' and more' if len(nodes) > _MOST_LISTED else ''}",
    )


def of_other_sizes(nodes: Sequence[tuple[str, str, str]]) -> Caution:
    """What a run shows to be otherwise: a declared size that depends on data, or a runtime that departs from ONNX.

    Args:
        nodes: with the sizes of an output that are counted, and those of the run.
    """
    first, counted, made = nodes[0]
    more = f", and {plural(len(nodes) - 1, 'node')} like it" if len(nodes) > 1 else ""
    return Caution(
        "other-sizes",
        f"{printable(first)} made {made} in the run, and {counted} is counted, as the model has it{more}",
        "either the file declares a size that depends on data, or the runtime departs from ONNX on that node",
    )


def of_outputs(declared_otherwise: Mapping[str, tuple[str, str]]) -> Iterator[Caution]:
    """Outputs of other sizes than the file declares: ONNX Runtime runs such a model, and warns at each run."""
    for name, (declared, sizes) in declared_otherwise.items():
        yield Caution(
            "declared-size",
            f"the file declares the output {printable(name)} as {declared}, and {sizes} follows from the inputs",
            "what follows is counted; export the model with the sizes that it has, or with a dynamic batch",
        )


def of_counts(coverage: Coverage, graph: Graph) -> Iterator[Caution]:
    """What is not in the totals: operators without a formula, and operators whose shapes are unknown."""
    without = [unknown for unknown in coverage.unknown_ops if unknown.why == NO_FORMULA]
    if without:
        yield Caution("unknown-op", f"not in the totals, for want of a formula: {_listed(without)}")
    others = [unknown for unknown in coverage.unknown_ops if unknown.why != NO_FORMULA]
    if others:
        node, why = others[0].nodes[0], others[0].why
        yield Caution(
            "unknown-shape",
            f"not in the totals, as it cannot be worked out: {_listed(others)}; "
            f"first {printable(node)}: {printable(why)}{_behind(graph, node)}",
            _OPEN_SHAPES if why.endswith(IS_UNKNOWN) else "",
        )
    for why in dict.fromkeys(assumption.why for assumption in coverage.assumptions):
        nodes = [node for assumption in coverage.assumptions if assumption.why == why for node in assumption.nodes]
        more = f" and {len(nodes) - 1} more" if len(nodes) > 1 else ""
        yield Caution("assumed", f"{printable(nodes[0])}{more}: {printable(why)}, as only a run would tell")


def _behind(graph: Graph, name: str) -> str:
    """Which node before this one is the first that makes something of unknown shape, "" for none."""
    first = name
    node = next((node for node in graph.live_nodes if node.name == name), None)
    while node is not None:
        first = node.name
        unknown = (read for read in node.reads if graph.tensor(read).sizes is None)
        node = next((graph.producers[read] for read in unknown if read in graph.producers), None)
    return f", behind {printable(first)}" if first != name else ""


def in_words(coverage: Coverage) -> tuple[str, ...]:
    """A sentence on the nodes whose multiply-adds are not known, where there are any."""
    unknown = coverage.unknown_ops
    if not unknown:
        return ()
    count = sum(len(item.nodes) for item in unknown)
    first = f"{printable(unknown[0].nodes[0], 100)}: {printable(unknown[0].why, 200)}"
    of_nodes = f"{count} of {plural(coverage.nodes or count, 'node')}"
    return (f"multiply-adds are not known of {of_nodes}: {_listed(unknown)}; first {first}",)


def _listed(unknown: Sequence[UnknownOp]) -> str:
    """Operators with how many nodes they have: "MatMul (2), Slice (1)"."""
    nodes: dict[str, int] = {}
    for item in unknown:
        nodes[item.op] = nodes.get(item.op, 0) + len(item.nodes)
    return listed([f"{printable(op)} ({count})" for op, count in nodes.items()], _MOST_LISTED)
