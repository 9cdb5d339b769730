"""How many images one forward pass takes."""

from __future__ import annotations

from alexnet_bench.core.graph import Graph


def images_of(graph: Graph, batch: int | None) -> int:
    """The batch that was asked for, else the first dimension of the first input, else 1."""
    sizes = graph.tensor(graph.inputs[0]).sizes if graph.inputs else None
    return batch or (sizes[0] if sizes and sizes[0] > 0 else 1)
