"""Times of the layers of an engine, as TensorRT's profiler told them in the layer run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from alexnet_bench.backends.run_record import check_runs, read_record
from alexnet_bench.backends.tensorrt.layers import named_layers
from alexnet_bench.backends.tensorrt.plan_log import read_description
from alexnet_bench.core.engine_layers import EngineLayer, LayerTimes, NamedLayer
from alexnet_bench.core.graph import Graph

FILE = "tensorrt.json"

Key = tuple[str, int]
"""A layer's name, and how many of that name come before it."""


class Record(msgspec.Struct):
    """What a layer run leaves.

    Attributes:
        layers: TensorRT's description of the engine.
        tf32: whether products of float32 may round.
        runs: for each run the layers in the order told, with seconds.
        run_s: seconds of each run on the device, without the copies.
    """

    layers: str
    tf32: bool
    runs: list[list[tuple[str, float]]] = []
    run_s: list[float] = []


def read_layers(folder: Path, graph: Graph, *, timed_runs: int, wall_s: tuple[float, ...]) -> LayerTimes:
    """Layers in terms of the user's nodes and tensors, with the times of the last `timed_runs` runs.

    A layer and a time belong together that are the n-th of their name; where a name is told more often than there are
    layers of it (the body of a loop), the last layer has the sum. What is told and not described stays without owner.
    Described layers that were never told have no time, and are left out: their nodes have no layer then.

    Args:
        folder: where the run left its record.
        graph: of the engine.
        timed_runs: how many runs at the end count; the ones before warmed up.
        wall_s: wall time of all runs as the caller saw it.

    Raises:
        BackendCrash: the record is not there, damaged, or lacks runs.
    """
    record = read_record(folder / FILE, Record, "TensorRT")
    check_runs(min(len(record.runs), len(record.run_s)), timed_runs, "TensorRT")
    layers = read_description(record.layers).layers
    described = dict(_numbered(named_layers(layers, tf32=record.tf32, graph=graph)))
    runs = [_times(run, described) for run in record.runs[len(record.runs) - timed_runs :]]
    told = dict.fromkeys(key for run in runs for key in run)
    keys = [key for key in described if key in told] + [key for key in told if key not in described]
    named = [_in_tensors(graph, described.get(key) or _unknown(key[0])) for key in keys]
    found = [
        replace(item, layer=replace(item.layer, name=name)) for item, name in zip(named, _unique(keys), strict=True)
    ]
    return LayerTimes(
        layers=tuple(item.layer for item in found),
        samples_s={
            item.layer.name: tuple(run.get(key, 0.0) for run in runs) for item, key in zip(found, keys, strict=True)
        },
        run_s=tuple(record.run_s[len(record.run_s) - timed_runs :]),
        wall_s=wall_s[len(wall_s) - timed_runs :],
        named=tuple(found),
    )


def _numbered(layers: Iterable[NamedLayer]) -> Iterator[tuple[Key, NamedLayer]]:
    seen: Counter[str] = Counter()
    for item in layers:
        name = item.layer.name
        yield (name, seen[name]), item
        seen[name] += 1


def _times(run: Sequence[tuple[str, float]], described: Mapping[Key, NamedLayer]) -> dict[Key, float]:
    """Seconds of one run by layer."""
    found: dict[Key, float] = {}
    seen: Counter[str] = Counter()
    for name, time_s in run:
        key = (name, seen[name])
        if key in described:
            seen[name] += 1
        else:
            key = (name, max(0, seen[name] - 1))
        found[key] = found.get(key, 0.0) + time_s
    return found


def _unknown(name: str) -> NamedLayer:
    return NamedLayer(EngineLayer(name, "", (), (), is_unmatched=True), (), multiplies=False)


def _in_tensors(graph: Graph, item: NamedLayer) -> NamedLayer:
    """The layer with what its nodes read and make."""
    wanted = set(item.nodes)
    members = [node for node in graph.nodes if node.name in wanted]
    made = dict.fromkeys(name for node in members for name in node.writes)
    reads = dict.fromkeys(name for node in members for name in node.reads if name not in made)
    return replace(item, layer=replace(item.layer, reads=tuple(reads), makes=tuple(made)))


def _unique(keys: Sequence[Key]) -> list[str]:
    """A name for each: the layer's own, numbered from its second occurrence on."""
    taken = {name for name, before in keys if not before}
    names = []
    for name, before in keys:
        unique, number = name, before + 1
        while before and unique in taken:
            unique, number = f"{name}#{number}", number + 1
        taken.add(unique)
        names.append(unique)
    return names
