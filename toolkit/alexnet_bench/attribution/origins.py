"""Layers of a built engine in terms of the user's graph, of which the engine's own graph was made by passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alexnet_bench.attribution.join import Attribution, Owned
from alexnet_bench.attribution.layers import layer_names
from alexnet_bench.core.cost import CostTable
from alexnet_bench.core.passport import EngineLayerInfo
from alexnet_bench.core.profile import SharedNode


@dataclass(frozen=True, slots=True)
class UserLayers:
    """An engine's layers, and how much of the user's arithmetic they account for.

    Attributes:
        layers: in execution order.
        macs_attributed_fraction: share of the user's multiply-adds counted in nodes that a layer was found for, None
            where none were.
        unattributed: the user's live nodes that no layer stands for, in graph order.
    """

    layers: tuple[EngineLayerInfo, ...]
    macs_attributed_fraction: float | None
    unattributed: tuple[str, ...]


def user_layers(
    costs: CostTable, engine_costs: CostTable, attribution: Attribution, origins: Mapping[str, Sequence[str]]
) -> UserLayers:
    """Every layer with the user's nodes that it computes.

    A node of the user that several layers compute parts of is shared between them: by the multiply-adds of the parts
    where the node has some (what casts the result of a product has none of it), else in equal parts.

    Args:
        costs: of the user's graph, for the shapes of the case.
        engine_costs: of the engine's graph, likewise.
        attribution: of the engine's layers to the engine's graph.
        origins: for each node of the engine's graph, the user's nodes that it stands for; a node that is not there
            stands for the user's node of its own name.
    """
    parts = [_parts(costs, engine_costs, origins, owned) for owned in attribution.owned]
    owners: dict[str, list[float]] = {}
    for part in parts:
        for node, macs in part.items():
            owners.setdefault(node, []).append(macs)
    given: dict[str, float] = {}
    layers = tuple(
        _layer(name, owned, part, owners, costs, given)
        for name, owned, part in zip(layer_names(attribution), attribution.owned, parts, strict=True)
    )
    lost = tuple(row.name for row in costs.rows if row.name not in owners)
    lost_macs = sum(costs.by_name[name].macs or 0 for name in lost)
    return UserLayers(layers, 1 - lost_macs / costs.macs if costs.macs else None, lost)


def _parts(
    costs: CostTable, engine_costs: CostTable, origins: Mapping[str, Sequence[str]], owned: Owned
) -> dict[str, float]:
    """The user's live nodes behind a layer, in graph order, each with the multiply-adds of the engine's part of it."""
    macs: dict[str, float] = {}
    for name, share in (*((name, 1.0) for name in owned.nodes), *owned.shared):
        row = engine_costs.by_name.get(name)
        for origin in origins.get(name, (name,)):
            macs[origin] = macs.get(origin, 0.0) + (row.macs or 0 if row else 0) * share
    return {row.name: macs[row.name] for row in costs.rows if row.name in macs} if macs else {}


def _layer(
    name: str,
    owned: Owned,
    part: Mapping[str, float],
    owners: Mapping[str, Sequence[float]],
    costs: CostTable,
    given: dict[str, float],
) -> EngineLayerInfo:
    """A layer; what was given of each shared node to the layers before it is kept up to date."""
    alone = tuple(node for node in part if len(owners[node]) == 1)
    shared = tuple(
        SharedNode(node, _share(macs, owners[node], has_macs=bool(costs.by_name[node].macs)))
        for node, macs in part.items()
        if len(owners[node]) > 1
    )
    return EngineLayerInfo(
        name=name,
        onnx_nodes=alone,
        shared_nodes=shared,
        compute_dtype=owned.layer.compute_dtype,
        input_dtypes=owned.layer.input_dtypes,
        output_dtypes=owned.layer.output_dtypes,
        macs=None if owned.layer.is_unmatched else _macs(costs, alone, shared, given),
        tactic=owned.layer.tactic,
        moved_bytes=owned.layer.moved_bytes,
    )


def _share(macs: float, of_all: Sequence[float], *, has_macs: bool) -> float:
    total = sum(of_all)
    return macs / total if has_macs and total else 1 / len(of_all)


def _macs(costs: CostTable, alone: Sequence[str], shared: Sequence[SharedNode], given: dict[str, float]) -> int | None:
    """Multiply-adds of the user's nodes, None when those of one are not known.

    Shares are rounded so that those of a node add up to its multiply-adds.
    """
    whole = [costs.by_name[name].macs for name in alone]
    for node in shared:
        before = given.get(node.name, 0.0)
        given[node.name] = before + node.share
        macs = costs.by_name[node.name].macs
        whole.append(None if macs is None else round(macs * given[node.name]) - round(macs * before))
    return None if None in whole else sum(macs or 0 for macs in whole)
