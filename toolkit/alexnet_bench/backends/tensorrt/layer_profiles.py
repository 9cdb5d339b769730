"""Which optimisation profile a layer is of: an engine with several has the layers of each, one after the other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from alexnet_bench.backends.tensorrt.plan_tensors import PlanLayer

_OF_PROFILE = re.compile(r"\[profile (\d+)\]")
"""In the names of most layers and tensors of each profile but the first."""
_OF_GRAPH = re.compile(r"_(myl\d+)_\d+$")
"""What TensorRT's compiler adds to the names of the layers that it makes of one part of the network, in one profile."""


def profile_of(name: str) -> str | None:
    """The number of the optimisation profile that a name tells; None in names of the first, and in some of others."""
    match = _OF_PROFILE.search(name)
    return match[1] if match else None


def of_first_profile(layers: Sequence[PlanLayer]) -> tuple[PlanLayer, ...]:
    """The layers of the optimisation profile that comes first; of an engine without any, all.

    A layer is of another profile when its name or that of a tensor says so, or that of a layer of the same graph.
    """
    later = {_graph(layer) for layer in layers if any(map(profile_of, _names(layer)))}
    return tuple(layer for layer in layers if _graph(layer) not in later)


def _graph(layer: PlanLayer) -> str:
    """The graph of the compiler that a layer is of; for all others the name of the layer itself."""
    match = _OF_GRAPH.search(layer.name)
    return match[1] if match else layer.name


def _names(layer: PlanLayer) -> Iterator[str]:
    yield layer.name
    for tensor in (*layer.inputs, *layer.outputs):
        yield tensor.name
