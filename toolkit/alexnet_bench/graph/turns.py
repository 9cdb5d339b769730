"""How many turns a Loop makes, where that follows from the model and is no data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from alexnet_bench.graph import small_values
from alexnet_bench.graph.reference import run_function

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import FunctionProto, GraphProto, NodeProto

    from alexnet_bench.graph.known_tensors import KnownTensors

    Array = NDArray[np.generic]

MAX_STEPS = 20_000
"""Nodes that are run, over all turns, to find the turn that ends a loop; this many take half a second."""


@dataclass(frozen=True, slots=True)
class _State:
    """A number that a turn hands to the next one.

    Attributes:
        name: inside the body.
        after: name of what it becomes at the end of a turn.
        start: what it is before the first turn, as bytes; its type and its sizes follow.
    """

    name: str
    after: str
    start: bytes
    dtype: str
    sizes: tuple[int, ...]

    def first(self) -> Array:
        return np.frombuffer(self.start, self.dtype).reshape(self.sizes)

    def fits(self, value: Array) -> bool:
        return value.dtype.name == self.dtype and value.shape == self.sizes


def of_loop(node: NodeProto, body: GraphProto, around: KnownTensors, inside: KnownTensors) -> tuple[int | None, bool]:
    """The most turns of a Loop, None where that is not known, and whether it cannot end earlier.

    Args:
        node: the Loop.
        body: its graph.
        around: what is known outside.
        inside: what is known in every turn alike.
    """
    begins = around.number(node.input[1]) if len(node.input) > 1 and node.input[1] else 1
    if begins == 0:
        return 0, True
    limit = node.input[0] if node.input else ""
    most = around.number(limit)
    if most is not None and most <= 0:
        return 0, True
    again = begins if _keeps_condition(body) else inside.number(body.output[0].name if body.output else "")
    if again:
        return most, begins is not None
    ended = 1 if again == 0 else _simulated(node, body, around, inside, most)
    if ended is None:
        return most, False
    if most is None:
        return ended, begins is not None and not limit
    return min(most, ended), begins is not None


def _keeps_condition(body: GraphProto) -> bool:
    """Whether the body of a Loop hands on its condition as it is."""
    if len(body.input) < 2 or not body.output:
        return False
    sources = {
        node.output[0]: node.input[0]
        for node in body.node
        if node.op_type == "Identity" and not node.domain and node.input and node.output
    }
    name = body.output[0].name
    for _ in sources:
        name = sources.get(name, name)
    return bool(name == body.input[1].name)


def _simulated(
    node: NodeProto, body: GraphProto, around: KnownTensors, inside: KnownTensors, most: int | None
) -> int | None:
    """Which turn ends a loop, where that is counted in numbers that are no data; `most` if none does before."""
    states = _states(node, body, around)
    turn = _slice(body, states, inside)
    if turn is None:
        return None
    used = tuple(states[name] for name in turn.input[1:])
    return _ending_turn(turn.SerializeToString(deterministic=True), used, most)


def _states(node: NodeProto, body: GraphProto, around: KnownTensors) -> dict[str, _State]:
    """Of what a turn hands to the next one, the single whole numbers and truths that are known before the first."""
    pairs = zip(node.input[1:], body.input[1:], body.output, strict=False)
    found = {}
    for position, (before, info, after) in enumerate(pairs):
        value = np.array(True) if not before and position == 0 else around.value(before)
        if value is not None and value.size == 1 and value.dtype.name in small_values.WHOLE:
            found[info.name] = _State(info.name, after.name, value.tobytes(), value.dtype.name, value.shape)
    return found


def _slice(body: GraphProto, states: Mapping[str, _State], inside: KnownTensors) -> FunctionProto | None:
    """The part of a body that its condition needs, as a function of the turn's number and some of the states.

    Returns:
        None where that reads anything else, or does more than arithmetic of few numbers. The first output is the
        condition, the others are the states after the turn.
    """
    from onnx import FunctionProto, helper

    if not body.output or not body.input:
        return None
    makers = {name: position for position, item in enumerate(body.node) for name in item.output if name}
    given = {info.name for info in body.input}
    counter, condition = body.input[0].name, body.output[0].name
    wanted, positions, constants = {condition: None}, set[int](), []
    for name in (queue := [condition]):  # grows while it is walked
        more: list[str] = []
        if name in states:
            more = [states[name].after]
        elif name in given:
            if name != counter:
                return None
        elif (value := inside.value(name)) is not None:
            constants.append(helper.make_node("Constant", [], [name], value=small_values.to_proto(name, value)))
        elif name in makers and _is_counting(body.node[makers[name]], inside):
            positions.add(makers[name])
            more = [item for item in body.node[makers[name]].input if item]
        else:
            return None
        queue += [item for item in dict.fromkeys(more) if item not in wanted]
        wanted |= dict.fromkeys(more)
    used = [name for name in wanted if name in states]
    return FunctionProto(
        name="turn",
        domain="turn",
        input=[counter, *used],
        output=[condition, *(states[name].after for name in used)],
        node=[*constants, *(body.node[position] for position in sorted(positions))],
        opset_import=[helper.make_opsetid("", inside.opsets.get("", 1))],
    )


def _is_counting(node: NodeProto, inside: KnownTensors) -> bool:
    """Whether a node makes few numbers of few."""
    if node.domain or node.op_type in small_values.GROWING or not small_values.is_followed(node):
        return False
    made = (inside.tensors.get(name) for name in node.output if name)
    return all(tensor is not None and tensor.elements in range(small_values.MAX_ELEMENTS + 1) for tensor in made)


@lru_cache(maxsize=256)
def _ending_turn(turn: bytes, states: tuple[_State, ...], most: int | None) -> int | None:
    """How many turns a loop makes; None where none of those that are tried ends it. Sizes seldom change the answer.

    Args:
        turn: a function as `_slice` makes it.
        states: in its order.
        most: turns that the loop has at most.
    """
    from onnx import FunctionProto

    function = FunctionProto.FromString(turn)
    run = run_function(function)
    values = [state.first() for state in states]
    for number in range(MAX_STEPS // max(1, len(function.node))):
        if number == most:
            return number
        feeds = zip(function.input, (np.array(number), *values), strict=True)
        try:
            with np.errstate(divide="raise", invalid="raise", over="raise"):
                again, *values = run(dict(feeds))
        except Exception:  # noqa: BLE001 - the reference raises whatever numpy raises on contradictory models
            return None
        if again.size != 1 or not all(state.fits(value) for state, value in zip(states, values, strict=True)):
            return None
        if not again.reshape(-1)[0]:
            return number + 1
    return None
