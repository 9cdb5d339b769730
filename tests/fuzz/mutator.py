"""Mutations of decoded models.

Most flipped bytes never decode, and test protobuf alone. Here the decoded message is changed, field by field, and
written again: what comes out is always a protobuf, and seldom a sensible model.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from onnx import ModelProto

from alexnet_bench.graph.walk import all_graphs_and_nodes

MAX_DEPTH = 12
_LARGE_INTEGERS = (0, 1, -1, 2, 3, 7, 10**18, -(10**18), 2**63 - 1, -(2**63))
_SMALL_INTEGERS = (0, 1, -1, 7, 13, 2**31 - 1, -(2**31))
_FLOATS = (0.0, -1.0, 1e38, float("nan"), float("inf"))
_BYTES = (
    b"", b"abc", b"\xff" * 9, b"x" * 5000, b"SAME_UPPER", b"VALID", b"NOTSET", b"linear", b"cubic", b"sizes", b"add",
    b"bidirectional", b"Tanh", b"ij,jk->ik", b"...i,i->...", b"b->" + b"b" * 60, b"tf_crop_and_resize", b"none",
)  # fmt: skip
_NAMES = (
    "", "x", "y", "a", "N", "\x1b[2J", "é", "ai.onnx", "ai.onnx.ml", "com.microsoft", "axes", "kernel_shape", "pads",
    "n" * 5000,
    "location", "offset", "length", "../up", "/etc/passwd", "9" * 19, "-4", "mode", "equation", "value", "axis",
    "num_heads", "body", "then_branch", "hidden_size", "direction", "auto_pad", "strides", "num_scan_inputs", "group",
)  # fmt: skip
_NUMBERS = {
    FieldDescriptor.CPPTYPE_INT64: (*_LARGE_INTEGERS, *range(4, 100, 5)),
    FieldDescriptor.CPPTYPE_INT32: (*_SMALL_INTEGERS, *range(2, 30)),
    FieldDescriptor.CPPTYPE_UINT64: (0, 1, 2**64 - 1),
    FieldDescriptor.CPPTYPE_FLOAT: _FLOATS,
    FieldDescriptor.CPPTYPE_DOUBLE: _FLOATS,
}


def _inner_messages(model: ModelProto) -> list[Message]:
    """Every node and constant, those of subgraphs and functions included, and these themselves."""
    graphs, nodes = all_graphs_and_nodes(model)
    tensors = [tensor for graph in graphs for tensor in graph.initializer]
    return [*nodes, *tensors, *graphs[1:], *model.functions]


class Mutator:
    """Changes models at random, from a seed.

    Args:
        seed: the same seed makes the same mutants of the same models.
        operators: names that strings are sometimes replaced by.
    """

    def __init__(self, seed: int, operators: Sequence[str]) -> None:
        self._random = random.Random(seed)  # noqa: S311 - mutants, not secrets
        self._operators = list(operators)

    def choose(self, bases: Sequence[ModelProto]) -> ModelProto:
        """A copy of one of the models."""
        copy = ModelProto()
        copy.CopyFrom(self._random.choice(bases))
        return copy

    def mutate(self, model: ModelProto) -> None:
        """Changes a model in place: once or several times, two thirds of the times somewhere deep inside."""
        for _ in range(self._random.choice((1, 2, 5, 20))):
            inner = _inner_messages(model) if self._random.random() < 0.66 else []
            self._change(self._random.choice(inner or [model]), 0)

    def _change(self, message: Message, depth: int) -> None:
        chosen = self._random
        present = [field for field, _ in message.ListFields()]
        fields = present if present and chosen.random() < 0.85 else list(message.DESCRIPTOR.fields)
        field = chosen.choice(fields)
        if field.is_repeated:
            self._change_list(message, field, depth)
        elif field.message_type and chosen.random() < 0.9 and depth < MAX_DEPTH:
            self._change(getattr(message, field.name), depth + 1)
        elif field.message_type or chosen.random() < 0.15:
            message.ClearField(field.name)
        else:
            setattr(message, field.name, self._value(field))

    def _change_list(self, message: Message, field: FieldDescriptor, depth: int) -> None:
        items, draw = getattr(message, field.name), self._random.random()
        if not len(items):
            items.add() if field.message_type else items.append(self._value(field))
        elif field.message_type and draw < 0.7 and depth < MAX_DEPTH:
            self._change(self._random.choice(list(items)), depth + 1)
        elif draw < 0.8:
            del items[self._random.randrange(len(items))]
        elif field.message_type:
            items.append(self._random.choice(list(items)))
        elif draw < 0.9:
            items.extend(self._value(field) for _ in range(self._random.choice((1, 3, 2000))))
        else:
            items[self._random.randrange(len(items))] = self._value(field)

    def _value(self, field: FieldDescriptor) -> object:
        choose = self._random.choice
        if field.cpp_type in _NUMBERS:
            return choose(_NUMBERS[field.cpp_type])
        if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
            return choose([value.number for value in field.enum_type.values])
        if field.type == FieldDescriptor.TYPE_BYTES:
            return choose(_BYTES)
        return choose((*_NAMES, *self._random.sample(self._operators, 4)))
