"""Layers of several builds of one engine, held against each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from alexnet_bench.core.builds import DifferingLayer
from alexnet_bench.core.passport import EngineLayerInfo

Layers = Sequence[EngineLayerInfo]
_Key = tuple[str, ...]
_NAMELESS = ""
"""What the keys of layers begin with that stand for no node; no node is called so."""


def differing_layers(builds: Sequence[Layers]) -> tuple[DifferingLayer, ...]:
    """The layers that are not the same in all builds: other kernels, another type, or fused otherwise.

    Layers are the same layer when they stand for the same nodes of the user; what stands for none goes by its name.
    Their names are left out of the comparison: runtimes number them.

    Args:
        builds: the layers of each, in execution order.
    """
    found = [_by_nodes(layers) for layers in builds]
    keys = list(dict.fromkeys(key for layers in found for key in layers))
    differing = []
    for key in keys:
        told = tuple(_told(layers[key]) if key in layers else None for layers in found)
        if len(set(told)) > 1:
            name = next(layers[key][0].name for layers in found if key in layers)
            differing.append(DifferingLayer(name, () if key[0] == _NAMELESS else key, told))
    return tuple(differing)


def _by_nodes(layers: Layers) -> dict[_Key, list[EngineLayerInfo]]:
    found: dict[_Key, list[EngineLayerInfo]] = defaultdict(list)
    for layer in layers:
        nodes = (*layer.onnx_nodes, *(shared.name for shared in layer.shared_nodes))
        found[nodes or (_NAMELESS, layer.name)].append(layer)
    return dict(found)


def _told(layers: Layers) -> str:
    return " + ".join(
        f"{layer.tactic or 'no kernel told'} ({layer.compute_dtype or 'type not told'})" for layer in layers
    )
