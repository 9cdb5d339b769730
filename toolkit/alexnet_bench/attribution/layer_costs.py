"""What an engine layer costs: its nodes together, without what stays inside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from alexnet_bench.attribution.as_run import as_run
from alexnet_bench.attribution.layer_bytes import activation_bytes, moved_bytes, weight_bytes
from alexnet_bench.core.cost import CostTable
from alexnet_bench.core.graph import Graph
from alexnet_bench.graph import weights
from alexnet_bench.graph.counting import Held

if TYPE_CHECKING:
    from alexnet_bench.attribution.join import Owned
    from alexnet_bench.core.engine_layers import EngineLayer


@dataclass(frozen=True, slots=True)
class LayerCost:
    """What a layer costs: its nodes together, without what stays inside it."""

    macs: int | None
    flop: int | None
    bytes: int | None
    params: int
    weight_bytes: int
    activation_bytes: int | None
    live_bytes: int | None
    output_shapes: tuple[tuple[int, ...] | None, ...]
    is_assumed: bool


class Rounding:
    """Whole counts of layers that share nodes: what one loses the next one gets, so that their sums stay right."""

    def __init__(self) -> None:
        self._lost: dict[str, Fraction] = {}

    def whole(self, count: str, exact: Fraction | None) -> int | None:
        """The count of one layer, less than one from what it is exactly.

        Args:
            count: which of them.
            exact: with its parts of nodes; None when unknown.
        """
        if exact is None or exact.denominator == 1:
            return None if exact is None else int(exact)
        exact += self._lost.get(count, 0)
        self._lost[count] = exact - round(exact)
        return round(exact)


def layer_cost(
    graph: Graph, costs: CostTable, owned: Owned, stored: Held | None = None, rounding: Rounding | None = None
) -> LayerCost:
    """The cost of what a layer computes. A fused layer reads its inputs and weights and writes its outputs, no more.

    Parameters are those of all nodes that it owns, computed or equal to others. Bytes are at the types that the layer
    has its tensors in, where the backend tells them, else at those of the file. Of a node that it computes in part, it
    has its share of the work and of the constants.

    Args:
        graph: of the user.
        costs: of that graph.
        owned: the layer and its nodes.
        stored: `weights.stored` of the graph, for callers that ask for many layers.
        rounding: of the layers before, for callers that ask for all layers.
    """
    stored = weights.stored(graph) if stored is None else stored
    rounding = rounding or Rounding()
    params = rounding.whole("params", _total(costs, owned, "params"))
    owned = _computed(owned)
    live_bytes = _most([costs.by_name[name].live_bytes for name in owned.parts])
    seen = as_run(graph, costs, owned, stored)
    graph, costs, owned, stored = seen.graph, seen.costs, seen.owned, seen.stored
    rows = [costs.by_name[name] for name in owned.parts]
    layer = owned.layer
    return LayerCost(
        macs=None if layer.is_unmatched else rounding.whole("macs", _total(costs, owned, "macs")),
        flop=None if layer.is_unmatched else rounding.whole("flop", _total(costs, owned, "flop")),
        bytes=_whole(moved_bytes(graph, costs, owned, stored)),
        params=params or 0,
        weight_bytes=rounding.whole("weight_bytes", weight_bytes(graph, owned, stored)) or 0,
        activation_bytes=_whole(activation_bytes(graph, owned)),
        live_bytes=live_bytes,
        output_shapes=_output_shapes(graph, layer),
        is_assumed=any(row.assumed for row in rows),
    )


def _output_shapes(graph: Graph, layer: EngineLayer) -> tuple[tuple[int, ...] | None, ...]:
    if layer.step_sizes is not None:
        return (layer.step_sizes,)
    return tuple(graph.tensor(name).sizes for name in layer.makes)


def _computed(owned: Owned) -> Owned:
    """What the layer owns and computes: without the nodes that the runtime found equal to others."""
    alone = tuple(name for name in owned.nodes if name not in owned.merged)
    return replace(owned, nodes=alone, shared=tuple(part for part in owned.shared if part[0] not in owned.merged))


def _total(costs: CostTable, owned: Owned, count: Literal["macs", "flop", "params"]) -> Fraction | None:
    """A count of all nodes of a layer, of each its part of it; None when any is unknown."""
    counts: dict[str, int | None] = {name: getattr(costs.by_name[name], count) for name in owned.parts}
    if None in counts.values():
        return None
    return sum((part * (counts[name] or 0) for name, part in owned.parts.items()), Fraction(0))


def _most(values: Sequence[int | None]) -> int | None:
    """The largest, None when one is unknown; 0 of none."""
    return None if None in values else max((value or 0 for value in values), default=0)


def _whole(exact: Fraction | None) -> int | None:
    return None if exact is None else round(exact)
