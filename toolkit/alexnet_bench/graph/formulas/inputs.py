"""What the inputs of operators are, said once for each: where its formula is registered."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from alexnet_bench.core.graph import Node, Tensor
    from alexnet_bench.graph.formulas.registry import Operation

Unpacked = Callable[["Operation"], Mapping[int, int]]
"""Elements of the weights of a node that may hold several in each byte, by input; 0 where that is not known."""


class Inputs(msgspec.Struct, frozen=True):
    """Inputs of an operator, by index.

    Attributes:
        values: the work, or a check of it, follows from their values, so that shape inference has to follow these.
        settings: no parameters even as constant floats with an axis: numbers that steer the operator, tables that a
            formula makes (windows, angles), scales of a cache, and states before the first step, which exporters write
            as zeros of the batch's size.
        weights: of an operator on quantised data the weights and biases, of whatever type; its other constants are
            scales and zero points. None where every constant float that is no setting is a weight.
        tables: weights in bytes too: rows are picked, and dequantised behind.
        statistics: weights that training does not learn.
        unpacked: the elements of packed weights.
        types: of these only the type is looked at, which is known before anything runs.
    """

    values: Collection[int] = ()
    settings: Collection[int] = ()
    weights: Collection[int] | None = None
    tables: Collection[int] = ()
    statistics: Collection[int] = ()
    unpacked: Unpacked | None = None
    types: Collection[int] = ()


_PLAIN = Inputs()
_INPUTS: dict[tuple[str, str], Inputs] = {}


def elements_in_bytes(stored: Tensor, bits: int) -> int:
    """Elements of so many bits of a tensor of bytes, which hold several each; 0 where that is not known."""
    if stored.dtype != "uint8" or not 0 < bits <= 8:
        return 0
    return (stored.elements or 0) * (8 // bits)


def say(domain: str, op_type: str, inputs: Inputs) -> None:
    """Registers what the inputs of an operator are, unless there is nothing to say; refused a second time."""
    if inputs == _PLAIN:
        return
    if (domain, op_type) in _INPUTS:
        raise ValueError(f"what the inputs of {op_type} are is said already")
    _INPUTS[domain, op_type] = inputs


def inputs_of(domain: str, op_type: str) -> Inputs:
    """What the inputs of an operator are."""
    return _INPUTS.get((domain, op_type), _PLAIN)


def values_read(node: Node) -> tuple[str, ...]:
    """The tensors that a node reads, without those that give it a type and no value."""
    types = inputs_of(node.domain, node.op_type).types
    if not types:
        return node.reads
    return tuple(name for index, name in enumerate(node.inputs) if name and index not in types)
