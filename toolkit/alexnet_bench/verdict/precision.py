"""Which precision an engine is in, and the error that it may have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from alexnet_bench.backends.protocol import Backend
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.graph import Graph, Node
from alexnet_bench.core.precisions import check_precision
from alexnet_bench.graph.quantised import works_on_quantised

TOLERANCES: Mapping[str, float] = {"fp32": 1e-4, "tf32": 1e-2, "fp16": 1e-2, "bf16": 5e-2, "int8": 1e-1}
"""Largest error by precision, unless one is given."""
_NUMPY = {"fp16": "float16", "bf16": "bfloat16"}
_NARROW = ("int2", "uint2", "int4", "uint4", "int8", "uint8", "int16", "uint16")


def of_graph(graph: Graph) -> str:
    """The precision that a graph says itself: int8 where it quantises, else the smallest float type in it.

    What no output depends on does not count, nor what is only cast: weights may be stored in halves for float32.
    """
    used = list(_used(graph))
    if any(map(works_on_quantised, used)):
        return "int8"
    names = {name for node in used if node.op_type != "Cast" for name in (*node.reads, *node.writes)}
    dtypes = {graph.tensor(name).dtype for name in names.union(graph.outputs)}
    return next((precision for precision in ("bf16", "fp16") if _NUMPY[precision] in dtypes), "fp32")


def coarser(asked: str, said: str) -> str:
    """Which of two precisions holds: that of the larger error, as a graph of halves is no better for being asked more.

    Args:
        asked: of an engine, "" where nothing was asked for.
        said: by its graph.
    """
    return max((asked, said), key=lambda name: TOLERANCES.get(name, 0.0))


def check(precision: str) -> None:
    """Raises UsageError for a precision that has no name here."""
    check_precision(precision, TOLERANCES)


def asked_of_backend(precision: str, graph: Graph, backend: Backend) -> str:
    """The type that a backend is told to compute in, "" where the model itself is in that precision.

    Raises:
        UsageError: neither the model nor the backend would compute in it, so that float32 would be verified unseen.
    """
    if precision in ("fp32", "tf32", of_graph(graph)):
        return ""
    dtype = _NUMPY.get(precision, "int8")
    if dtype in backend.precisions:
        return dtype
    raise UsageError(
        f"{backend.name} cannot be told to compute in {precision}, and the model is in {of_graph(graph)}",
        "give a model in that precision, another --backend, or leave --precision out",
    )


def is_quantised(graph: Graph, tensor: str) -> bool:
    """Whether a tensor of integers stands for other numbers: by its width, or as a sum of products of such."""
    if graph.tensor(tensor).dtype in _NARROW:
        return True
    return any(tensor in node.outputs[:1] and works_on_quantised(node) for node in graph.nodes)


def _used(graph: Graph) -> Iterator[Node]:
    """The nodes that an output depends on, the last first; those that only compute constants included."""
    needed = set(graph.outputs)
    for node in reversed(graph.nodes):
        if not needed.isdisjoint(node.writes):
            needed.update(node.reads)
            yield node
