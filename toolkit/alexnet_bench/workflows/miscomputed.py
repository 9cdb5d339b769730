"""What a runtime is known to compute wrongly, said before somebody trusts its outputs."""

from __future__ import annotations

from collections.abc import Iterator

from alexnet_bench.core.graph import Graph, Node
from alexnet_bench.core.profile import Caution
from alexnet_bench.core.text import listed, printable
from alexnet_bench.graph.lrn_settings import not_portable

_MOST_NAMED = 3


def of_graph(backend: str, graph: Graph) -> Iterator[Caution]:
    """Operators of a graph that a backend computes wrongly: its outputs are not the model's.

    Args:
        backend: that runs the graph.
        graph: as the backend is given it.
    """
    nodes = [node for node in graph.live_nodes if node.op_type == "LRN" and not node.domain]
    found = [f"{printable(node.name)} ({setting})" for node in nodes if (setting := _not_portable(node))]
    if backend == "openvino" and found:
        yield Caution(
            "miscomputed",
            "outputs are not the model's: OpenVINO computes LRN wrongly whose bias is no whole number or whose size is "
            f"even, as {listed(found, _MOST_NAMED)}",
            "the pass portable-lrn, of the recipes of build-engine, makes other operators of it",
        )


def in_words(backend: str, graph: Graph) -> tuple[str, ...]:
    """The same as sentences."""
    return tuple(f"{caution.message}; {caution.hint}" for caution in of_graph(backend, graph))


def _not_portable(node: Node) -> str:
    size, bias = node.attributes.get("size"), node.attributes.get("bias", 1.0)
    return not_portable(size, bias) if isinstance(size, int) and isinstance(bias, float) else ""
