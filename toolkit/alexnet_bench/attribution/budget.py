"""The theoretical budget: what some number of devices could do with a model, and whether it fits their memory.

Everything here is predicted from published peaks; nothing is measured. The work of every layer is divided evenly over
the devices, but for layers that the original placed whole on one of them; the transfers between them are left out.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from alexnet_bench.attribution.roofline import roof_time_s
from alexnet_bench.core.cost import CostTable
from alexnet_bench.core.devices import Budget
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.graph import Graph
from alexnet_bench.core.profile import BudgetLine

DTYPE_OF_BUDGET = "fp32"
"""The type whose published peak the budget uses."""

TRAINING_BATCH = 128
"""Images per step in the original training (Krizhevsky et al. 2012, section 5)."""
_IN_PLACE = frozenset({"Relu", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout"})
"""Operators whose output needs no memory of its own in training: what they overwrite is not read again."""


@dataclass(frozen=True, slots=True)
class TrainingMemory:
    """What one card holds while training, in bytes.

    Attributes:
        weights_and_momentum: the parameters and one buffer of the same size.
        weight_gradients: of the same size as the parameters.
        activations: every layer's output and the input, kept for the backward pass.
        activation_gradients: upper bound, all of them at once.
        norm_denominators: one value per element of an LRN's output, kept for its backward pass.
    """

    weights_and_momentum: int
    weight_gradients: int
    activations: int
    activation_gradients: int
    norm_denominators: int

    @property
    def total(self) -> int:
        """All of them."""
        return (
            self.weights_and_momentum
            + self.weight_gradients
            + self.activations
            + self.activation_gradients
            + self.norm_denominators
        )


def budget_line(
    graph: Graph,
    costs: CostTable,
    budget: Budget,
    *,
    batch: int,
    throughput_per_s: float | None,
    whole_on_one_card: Collection[str] = (),
) -> BudgetLine:
    """The budget of one kind of device.

    Args:
        graph: with the shapes of the case.
        costs: of that graph.
        budget: the device and how many of them.
        batch: images of one forward pass of the graph.
        throughput_per_s: images per second measured here, None when nothing was run.
        whole_on_one_card: nodes whose weights are not split over the cards.

    Raises:
        UsageError: no fp32 peak is published for the device.
    """
    device, count = budget.device, budget.count
    peak = device.peak_flop_per_s(DTYPE_OF_BUDGET)
    if peak is None:
        raise UsageError(
            f"no {DTYPE_OF_BUDGET} peak is known for {device.name}", "add a [[peak]] of that dtype to its file"
        )
    seconds = sum(
        roof_time_s(
            flop=row.flop or 0,
            moved_bytes=row.bytes or 0,
            flop_per_s=cards(row.name, count, whole_on_one_card) * peak,
            bytes_per_s=cards(row.name, count, whole_on_one_card) * device.memory.bytes_per_s,
        )
        for row in costs.rows
    )
    by_flop = batch * count * peak / (2 * costs.macs) if costs.macs else None
    training = training_memory(graph, costs, batch=batch, count=count, whole_on_one_card=whole_on_one_card)
    inference = _weights_per_card(costs, count, whole_on_one_card) + costs.activation_peak_bytes // count
    return BudgetLine(
        device=device.name,
        count=count,
        peak_flop_per_s=peak,
        bytes_per_s=device.memory.bytes_per_s,
        memory_bytes=device.memory.bytes,
        forward_per_s_by_flop=by_flop,
        forward_per_s_by_roofline=batch / seconds if seconds and costs.macs and not costs.why_no_bytes else None,
        inference_bytes=None if costs.unsized else inference,
        training_bytes=None if costs.unsized else training.total,
        training_batch=TRAINING_BATCH,
        achieved_fraction=throughput_per_s / by_flop if throughput_per_s is not None and by_flop else None,
        kind="predicted",
    )


def training_memory(
    graph: Graph, costs: CostTable, *, batch: int, count: int, whole_on_one_card: Collection[str] = ()
) -> TrainingMemory:
    """Bytes per card of training at `TRAINING_BATCH` in the types of the graph, on the fullest of `count` cards.

    The input is whole on every card; every other activation is split. Scratch space and the CUDA context come on top.
    """
    weights = _weights_per_card(costs, count, whole_on_one_card)
    inputs = sum(graph.tensor(name).size_bytes or 0 for name in graph.inputs)
    outputs = _output_bytes(graph, exclude=_IN_PLACE)
    denominators = sum(
        graph.tensor(node.writes[0]).size_bytes or 0 for node in graph.live_nodes if node.op_type == "LRN"
    )
    return TrainingMemory(
        weights_and_momentum=2 * weights,
        weight_gradients=weights,
        activations=(inputs + outputs // count) * TRAINING_BATCH // batch,
        activation_gradients=outputs // count * TRAINING_BATCH // batch,
        norm_denominators=denominators // count * TRAINING_BATCH // batch,
    )


def cards(node: str, count: int, whole_on_one_card: Collection[str]) -> int:
    """How many cards work on a node."""
    return 1 if node in whole_on_one_card else count


def _weights_per_card(costs: CostTable, count: int, whole_on_one_card: Collection[str]) -> int:
    whole = sum(costs.by_name[name].weight_bytes for name in whole_on_one_card if name in costs.by_name)
    return (costs.param_bytes - whole) // count + whole


def _output_bytes(graph: Graph, exclude: frozenset[str]) -> int:
    return sum(
        graph.tensor(name).size_bytes or 0
        for node in graph.live_nodes
        if node.op_type not in exclude
        for name in node.writes
    )
