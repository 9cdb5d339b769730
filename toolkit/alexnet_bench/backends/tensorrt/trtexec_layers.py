"""The layers that trtexec timed, put together with what it says of them, and the nodes that they stand for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from alexnet_bench.backends.tensorrt.layer_profiles import profile_of
from alexnet_bench.backends.tensorrt.layers import named_layers
from alexnet_bench.backends.tensorrt.plan_tensors import LayerInfo, PlanLayer
from alexnet_bench.backends.tensorrt.trtexec_files import LayerRun
from alexnet_bench.core.engine_layers import NamedLayer
from alexnet_bench.core.graph import Graph


@dataclass(frozen=True, slots=True)
class TimedInfo:
    """A layer of the engine.

    Attributes:
        key: its name, numbered where several have the same.
        info: what is known of it.
        time_s: typical time, None when it was not timed.
    """

    key: str
    info: PlanLayer
    time_s: float | None


def timed_infos(run: LayerRun | None, info: LayerInfo | None) -> tuple[TimedInfo, ...]:
    """The layers in the order in which they were timed; those that were not, and stand for nodes, come last.

    A layer of the profile and one of the layer info are the same when they are the n-th of their name.
    """
    layers, rows = info.layers if info else (), run.rows if run else ()
    described = dict(zip(_occurrences(layer.name for layer in layers), layers, strict=True))
    timed: dict[tuple[str, int], tuple[PlanLayer, float | None]] = {
        key: (described.get(key, PlanLayer(row.name)), row.time_s)
        for key, row in zip(_occurrences(row.name for row in rows), rows, strict=True)
    }
    ran = {profile_of(row.name) for row in rows} or {None}
    for key, layer in described.items():
        if key not in timed and profile_of(layer.name) in ran and (run is None or layer.nodes):
            timed[key] = layer, None
    keys = _unique(name for name, _ in timed)
    return tuple(TimedInfo(key, layer, time_s) for key, (layer, time_s) in zip(keys, timed.values(), strict=True))


def name_nodes(layers: Sequence[TimedInfo], graph: Graph | None) -> list[NamedLayer]:
    """The layers by their keys, with the nodes that they stand for.

    Args:
        layers: as `timed_infos` gives them.
        graph: of the model; None when there is none, and so no name of a node is known.
    """
    named = named_layers([layer.info for layer in layers], tf32=False, graph=graph)
    return [replace(item, layer=replace(item.layer, name=layer.key)) for item, layer in zip(named, layers, strict=True)]


def _occurrences(names: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Each name with how many of it came before."""
    seen: Counter[str] = Counter()
    for name in names:
        yield name, seen[name]
        seen[name] += 1


def _unique(names: Iterable[str]) -> list[str]:
    keys: dict[str, None] = {}
    for name, before in _occurrences(names):
        key, number = f"{name}#{before + 1}" if before else name, before + 1
        while key in keys:
            number += 1
            key = f"{name}#{number}"
        keys[key] = None
    return list(keys)
