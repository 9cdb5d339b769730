"""What stands in sequences and optional values, where that follows from the model: the type and sizes of each tensor.

ONNX's inference knows one type for all elements of a sequence, and so no size in which two of them differ. Exporters
write a split into parts of sizes that they do not know as SplitToSequence, with a SequenceAt for each part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alexnet_bench.core.graph import Tensor

if TYPE_CHECKING:
    from onnx import NodeProto

    from alexnet_bench.graph.known_tensors import KnownTensors

Elements = tuple[Tensor, ...]
"""Of a sequence, without names; one of which nothing is known has no type either."""


@dataclass(frozen=True, slots=True)
class Wrapped:
    """What an optional value holds; one that holds nothing is not followed."""

    inside: Tensor | Elements


Held = Elements | Wrapped

MAX_LENGTH = 4096
"""Longer sequences are not followed."""

MAX_KEPT = 1 << 22
"""Elements of all sequences of a graph together: a long chain of insertions would take gigabytes."""


def follow(node: NodeProto, known: KnownTensors) -> Held | Tensor | int | None:
    """What a node makes: a sequence or an optional value, a tensor that comes out of one, or the length of a sequence.

    Args:
        node: of any operator.
        known: what is known before it.

    Returns:
        None where that is not known, or has nothing to do with either.
    """
    rule = None if node.domain else _RULES.get(node.op_type)
    return None if rule is None else rule(node, known)


def _empty(node: NodeProto, known: KnownTensors) -> Elements:  # noqa: ARG001 - the same for every node
    return ()


def _constructed(node: NodeProto, known: KnownTensors) -> Elements | None:
    return tuple(_element(known, name) for name in node.input) if len(node.input) <= MAX_LENGTH else None


def _split(node: NodeProto, known: KnownTensors) -> Elements | None:
    """The parts of a tensor along an axis, which goes where no sizes are given and `keepdims` is 0."""
    whole, axis = _element(known, _input(node, 0)), _attribute(node, "axis", 0)
    sizes = whole.sizes
    if sizes is None or not -len(sizes) <= axis < len(sizes):
        return None
    axis %= len(sizes)
    parts = _parts(node, known, sizes[axis])
    if parts is None:
        return None
    goes = not _input(node, 1) and not _attribute(node, "keepdims", 1)
    made = {part: (*sizes[:axis], *(() if goes else (part,)), *sizes[axis + 1 :]) for part in set(parts)}
    types = {part: Tensor("", whole.dtype, shape) for part, shape in made.items()}
    return tuple(types[part] for part in parts)


def _parts(node: NodeProto, known: KnownTensors, size: int) -> Sequence[int] | None:
    """The sizes along the axis that is split: as given, of one number as many of that as fit and a rest, or of 1.

    With one number ONNX Runtime does not ignore `keepdims`, as ONNX says, and takes the axis away or fails.
    """
    name = _input(node, 1)
    value = known.value(name)
    if not name:
        return [1] * size if size <= MAX_LENGTH else None
    if value is None or value.dtype.kind not in "iu" or value.ndim > 1:
        return None
    if value.ndim:
        parts = [int(part) for part in value]
        return parts if sum(parts) == size and min(parts, default=0) >= 0 else None
    part = int(value)
    if part < 1 or size > part * MAX_LENGTH or not _attribute(node, "keepdims", 1):
        return None
    return [part] * (size // part) + [size % part] * (size % part > 0)


def _inserted(node: NodeProto, known: KnownTensors) -> Elements | None:
    """One more, at the end unless a place is given."""
    before, new = _sequence(node, known), _element(known, _input(node, 1))
    if before is None or len(before) >= MAX_LENGTH:
        return None
    at = known.number(_input(node, 2)) if _input(node, 2) else len(before)
    if at is None:
        return _in_any_order((*before, new))
    return (*before[:at], new, *before[at:]) if -len(before) <= at <= len(before) else None


def _erased(node: NodeProto, known: KnownTensors) -> Elements | None:
    """One less, the last unless a place is given."""
    before = _sequence(node, known)
    at = known.number(_input(node, 1)) if _input(node, 1) else -1
    if not before:
        return None
    if at is None:
        return _in_any_order(before)[1:]
    at += len(before) * (at < 0)
    return (*before[:at], *before[at + 1 :]) if 0 <= at < len(before) else None


def _taken(node: NodeProto, known: KnownTensors) -> Tensor | None:
    """The element of a place; of one that is not known, what all are like."""
    elements, at = _sequence(node, known), known.number(_input(node, 1))
    if not elements:
        return None
    if at is None:
        return _common(elements)
    return _sized(elements[at]) if -len(elements) <= at < len(elements) else None


def _joined(node: NodeProto, known: KnownTensors) -> Tensor | None:
    """All elements along an axis, or along a new one; beside it they have to be alike."""
    elements = _sequence(node, known) or ()
    shapes = [element.sizes for element in elements if element.sizes is not None]
    if not shapes or len(shapes) < len(elements) or len(set(map(len, shapes))) > 1:
        return None
    is_new = bool(_attribute(node, "new_axis", 0))
    rank = len(shapes[0]) + is_new
    axis = _attribute(node, "axis", rank)  # it cannot be left out
    if not -rank <= axis < rank:
        return None
    axis %= rank
    if is_new:
        shapes = [(*shape[:axis], 1, *shape[axis:]) for shape in shapes]
    before, behind = shapes[0][:axis], shapes[0][axis + 1 :]
    if any((shape[:axis], shape[axis + 1 :]) != (before, behind) for shape in shapes):
        return None
    return Tensor("", elements[0].dtype, (*before, sum(shape[axis] for shape in shapes), *behind))


def _length(node: NodeProto, known: KnownTensors) -> int | None:
    elements = _sequence(node, known)
    return None if elements is None else len(elements)


def _wrapped(node: NodeProto, known: KnownTensors) -> Wrapped | None:
    inside = _sequence(node, known)
    if inside is not None:
        return Wrapped(inside)
    tensor = _sized(_element(known, _input(node, 0)))
    return None if tensor is None else Wrapped(tensor)


def _unwrapped(node: NodeProto, known: KnownTensors) -> Tensor | Elements | None:
    """What an optional value holds; what is none stays as it is."""
    held = known.held(_input(node, 0))
    return held.inside if isinstance(held, Wrapped) else held


def _same(node: NodeProto, known: KnownTensors) -> Held | None:
    return known.held(_input(node, 0))


_RULES: dict[str, Callable[[NodeProto, KnownTensors], Held | Tensor | int | None]] = {
    "ConcatFromSequence": _joined,
    "Identity": _same,
    "Optional": _wrapped,
    "OptionalGetElement": _unwrapped,
    "SequenceAt": _taken,
    "SequenceConstruct": _constructed,
    "SequenceEmpty": _empty,
    "SequenceErase": _erased,
    "SequenceInsert": _inserted,
    "SequenceLength": _length,
    "SplitToSequence": _split,
}


def _sequence(node: NodeProto, known: KnownTensors) -> Elements | None:
    """What stands in the sequence that a node reads first."""
    held = known.held(_input(node, 0))
    return held if isinstance(held, tuple) else None


def _element(known: KnownTensors, name: str) -> Tensor:
    """A tensor as it stands in a sequence."""
    return Tensor("", known.tensors[name].dtype, known.sizes(name)) if known.sizes(name) is not None else Tensor("")


def _common(elements: Elements) -> Tensor | None:
    """What all elements are like, if they are; there has to be one."""
    return _sized(elements[0]) if elements.count(elements[0]) == len(elements) else None


def _in_any_order(elements: Elements) -> Elements:
    """As many, of which only that is known that holds for each of them."""
    return (_common(elements) or Tensor(""),) * len(elements)


def _sized(element: Tensor) -> Tensor | None:
    return None if element.sizes is None else element


def _input(node: NodeProto, index: int) -> str:
    """The name of an input, "" for one that is left out."""
    return str(node.input[index]) if index < len(node.input) else ""


def _attribute(node: NodeProto, name: str, default: int) -> int:
    return next((int(item.i) for item in node.attribute if item.name == name), default)
