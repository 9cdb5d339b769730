"""Whether weights and real activations fit into a float type of 16 bits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from alexnet_bench.core.errors import BackendRefusal
from alexnet_bench.graph.passes.coordinates import MOVING
from alexnet_bench.graph.passes.draft import Draft
from alexnet_bench.graph.passes.evaluate import ByReference
from alexnet_bench.graph.passes.low_types import FLOAT16
from alexnet_bench.graph.passes.result import Feeds

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

    from alexnet_bench.graph.passes.evaluate import Evaluator
    from alexnet_bench.graph.passes.inferred import Types
    from alexnet_bench.graph.passes.low_types import LowType

_PART = 1 << 16
_NOT_CHECKED = "activations were not checked against the range"


@dataclass(frozen=True)
class Ranges:
    """What was found.

    Attributes:
        kept: nodes that read or make numbers beyond the range, with the tensor and how far it reaches; and those in
            which a number becomes zero.
        notes: what is worth knowing of the rest.
        unchecked: why activations were not looked at, though inputs were given.
    """

    kept: Mapping[str, str]
    notes: tuple[str, ...]
    unchecked: str = ""


def check(
    model: ModelProto,
    draft: Draft,
    types: Types,
    nodes: Sequence[NodeProto],
    low: LowType,
    feeds: Feeds,
    evaluator: Evaluator | None,
) -> Ranges:
    """The nodes that cannot be of the low type because of their numbers.

    Args:
        model: as it was given.
        draft: the same.
        types: of its tensors.
        nodes: that are to change.
        low: type to change to.
        feeds: real inputs; without any only weights are looked at.
        evaluator: computes activations.

    Raises:
        BackendCrash: its runtime died or hung.
    """
    unchecked = ""
    kept = _where_numbers_vanish(draft, types, nodes, low)
    nodes = [node for node in nodes if node.name not in kept]
    largest, notes = _weights(draft, types, nodes, low)
    if low is FLOAT16:
        names = {
            name
            for node in nodes
            for name in (*node.input, *node.output)
            if types.dtype(name) == "float32" and name not in draft.constants
        }
        try:
            seen = _largest_activations(model, draft, names, feeds, evaluator or ByReference())
            notes += _spoken(seen, low, len(feeds))
            largest |= seen
        except BackendRefusal as refusal:  # as an operator may be one of the runtime alone that it is built for
            unchecked = f"{_NOT_CHECKED}: {refusal.message}"
            notes.append(unchecked)
    for node in nodes:
        beyond = next((name for name in (*node.input, *node.output) if not largest.get(name, 0.0) <= low.largest), None)
        if beyond is not None:
            kept[node.name] = f"{beyond} reaches {largest[beyond]:.3g}, {low.name} ends at {low.largest:.6g}"
    return Ranges(kept, tuple(notes), unchecked)


def _weights(
    draft: Draft, types: Types, nodes: Sequence[NodeProto], low: LowType
) -> tuple[dict[str, float], list[str]]:
    """The largest magnitude of each weight, and which of them hold numbers too small for the type."""
    largest: dict[str, float] = {}
    notes = []
    for name in dict.fromkeys(name for node in nodes for name in node.input if types.dtype(name) == "float32"):
        value = draft.value(name)
        if value is None or not value.size:
            continue
        largest[name], lost, coarse = _spread(value.reshape(-1), low)
        if lost:
            notes.append(f"{name}: {lost:,} of {value.size:,} weights become zero in {low.name}")
        if coarse * 100 > value.size:
            notes.append(f"{name}: {coarse:,} of {value.size:,} weights are subnormal in {low.name}, and lose bits")
    return largest, notes


def _where_numbers_vanish(draft: Draft, types: Types, nodes: Sequence[NodeProto], low: LowType) -> dict[str, str]:
    """Nodes with a number that becomes zero, as what keeps a division from one by zero; and what computes with theirs.

    Their results may be that number: a node that the next to compute with it reads as zero would be kept in vain.
    """
    found: dict[str, str] = {}
    lowered = {node.name for node in nodes}
    for node in nodes:
        name = next((name for name, values in _numbers(draft, types, node) if _vanish(values, low)), None)
        pending = [] if name is None else [node]
        seen = set()
        while pending:
            reached = pending.pop()
            if reached.name in lowered:
                found.setdefault(reached.name, f"{name} becomes zero in {low.name}")
            if reached.name not in seen and (reached is node or reached.op_type in MOVING):
                pending += [reader for output in reached.output for reader in draft.wiring.readers(output)]
            seen.add(reached.name)
    return found


def _numbers(draft: Draft, types: Types, node: NodeProto) -> Iterator[tuple[str, np.ndarray]]:
    """The constants that a node reads, and its attributes that are floats; each 1-D."""
    for name in node.input:
        if types.dtype(name) == "float32" and (value := draft.value(name)) is not None:
            yield name, value.reshape(-1)
    for item in node.attribute:
        if item.type == item.FLOAT:
            yield f"{node.name}'s {item.name}", np.array([item.f])


def _vanish(values: np.ndarray, low: LowType) -> bool:
    """Whether all that is not zero becomes zero in the type; the first part of nearly all weights says that it is not.

    Args:
        values: 1-D.
        low: the type.
    """
    is_any = False
    for begin in range(0, values.size, _PART):
        magnitude = np.abs(values[begin : begin + _PART])
        if not (magnitude <= low.smallest / 2).all():
            return False
        is_any = is_any or bool(magnitude.any())
    return is_any


def _spread(values: np.ndarray, low: LowType) -> tuple[float, int, int]:
    """The largest magnitude, and how many become zero and subnormal in the type; a part at a time, as caches are small.

    Args:
        values: 1-D, at least one.
        low: the type.
    """
    top, lost, coarse = 0.0, 0, 0
    for begin in range(0, values.size, _PART):
        magnitude = np.abs(values[begin : begin + _PART])
        top = _higher(top, float(magnitude.max()))
        small = magnitude[magnitude < low.smallest_normal]
        if small.size:
            lost += int(np.count_nonzero((small <= low.smallest / 2) & (small > 0)))
            coarse += int(np.count_nonzero(small > low.smallest / 2))
    return top, lost, coarse


def _largest_activations(
    model: ModelProto, draft: Draft, names: set[str], feeds: Feeds, evaluator: Evaluator
) -> dict[str, float]:
    largest: dict[str, float] = {}
    for inputs in feeds:
        given = {name: value for name, value in inputs.items() if name in names and value.size}
        _raise_to(largest, {name: float(np.max(np.abs(value))) for name, value in given.items()})
    if not feeds:
        return largest
    wanted = sorted(name for name in names if draft.wiring.producer(name) is not None)
    for made in evaluator.peaks(model, wanted, feeds):
        _raise_to(largest, made)
    return largest


def _raise_to(largest: dict[str, float], peaks: Mapping[str, float]) -> None:
    for name, peak in peaks.items():
        largest[name] = _higher(largest.get(name, 0.0), peak)


def _higher(left: float, right: float) -> float:
    """NaN stays NaN, and is beyond every range."""
    return float(np.maximum(left, right))


def _spoken(seen: Mapping[str, float], low: LowType, count: int) -> list[str]:
    if not count:
        return [f"{_NOT_CHECKED}: no inputs were given"]
    inside = {name: top for name, top in seen.items() if top <= low.largest}
    if not inside:
        return []
    name = max(inside, key=lambda item: inside[item])
    runs = "1 input" if count == 1 else f"{count} inputs"
    return [f"largest activation within the range: {inside[name]:.4g}, {name}, on {runs}"]
