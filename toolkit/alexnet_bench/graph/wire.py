"""Reading an ONNX file without the data of its tensors, by walking the protobuf wire format.

`onnx.load` of a 671 MB file holds twice that in memory; hopping from length to length reads a few pages.
Field numbers are those of onnx.proto; the wire format is protobuf's "Encoding" specification.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from alexnet_bench.graph.file_bytes import Bytes

KEEP_BYTES = 4096
"""Tensor data up to this size is kept: shapes, axes, scales. Messages up to this size are copied without a look."""

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES = 10
_MAX_DEPTH = 100
"""Nested messages beyond this depth are refused by protobuf itself."""
_MODEL_GRAPH, _GRAPH_NODE, _NODE_NAME = 7, 1, 3

# Message type -> field number -> message type of that field; the types are named by their letters in onnx.proto.
_CHILDREN: dict[str, dict[int, str]] = {
    "Model": {6: "Dropped", 7: "Graph", 20: "Dropped", 25: "Function"},
    "Graph": {1: "Node", 5: "Tensor", 10: "Dropped", 15: "SparseTensor"},
    "Function": {7: "Node", 8: "Dropped", 11: "Attribute"},
    "Node": {5: "Attribute", 6: "Dropped"},
    # 4 is a string: nodes that hold a compiled engine keep megabytes there.
    "Attribute": {
        4: "Data",
        5: "Tensor",
        6: "Graph",
        10: "Tensor",
        11: "Graph",
        13: "Dropped",
        22: "SparseTensor",
        23: "SparseTensor",
    },
    "SparseTensor": {1: "Tensor", 2: "Tensor"},
    # float_data, int32_data, string_data, int64_data, raw_data, double_data, uint64_data; doc_string
    "Tensor": {4: "Data", 5: "Data", 6: "Data", 7: "Data", 9: "Data", 10: "Data", 11: "Data", 12: "Dropped"},
}


class WireError(ValueError):
    """The bytes are not a protobuf message, or it is cut short."""


@dataclass
class Stripped:
    """A message without the data of its large tensors.

    Attributes:
        content: the message, still a valid protobuf of the same type.
        data_spans: (start, end) of each piece of tensor data left out, in file order.
    """

    content: bytes = b""
    data_spans: list[tuple[int, int]] = field(default_factory=list)


def strip_tensor_data(buffer: Bytes) -> Stripped:
    """A ModelProto without tensor data above `KEEP_BYTES`, and without long doc strings.

    Raises:
        WireError: the bytes cannot be a ModelProto.
    """
    result = Stripped()
    result.content = _strip(buffer, 0, len(buffer), "Model", result.data_spans)
    return result


def _strip(buffer: Bytes, start: int, end: int, kind: str, spans: list[tuple[int, int]], depth: int = 0) -> bytes:
    if depth > _MAX_DEPTH:
        raise WireError(f"messages nested more than {_MAX_DEPTH} deep at byte {start}")
    children = _CHILDREN[kind]
    pieces: list[bytes] = []
    copied_to = start
    for number, wire_type, tag_at, payload_at, next_at in _fields(buffer, start, end):
        child = children.get(number) if wire_type == _LENGTH else None
        if child is None or next_at - payload_at <= KEEP_BYTES:
            continue
        pieces.append(bytes(buffer[copied_to:tag_at]))
        copied_to = next_at
        if child == "Data":
            spans.append((payload_at, next_at))
        elif child != "Dropped":
            content = _strip(buffer, payload_at, next_at, child, spans, depth + 1)
            pieces += [*_length_prefix(number, len(content)), content]
    pieces.append(bytes(buffer[copied_to:end]))
    return b"".join(pieces)


def _fields(buffer: Bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int, int]]:
    """Each field as (number, wire type, start of its tag, start of its payload, start of the next field)."""
    at = start
    while at < end:
        tag_at = at
        tag, at = read_varint(buffer, at, end)
        number, wire_type = tag >> 3, tag & 7
        if number == 0:
            raise WireError(f"field number 0 at byte {tag_at}")
        if wire_type == _LENGTH:
            length, at = read_varint(buffer, at, end)
            following = at + length
        elif wire_type == _VARINT:
            following = read_varint(buffer, at, end)[1]
        elif wire_type in (_FIXED64, _FIXED32):
            following = at + (8 if wire_type == _FIXED64 else 4)
        else:
            raise WireError(f"unknown wire type {wire_type} at byte {tag_at}")
        if following > end:
            raise WireError(
                f"cut short: a field at byte {tag_at} needs {following - at:,} bytes, {end - at:,} are left"
            )
        yield number, wire_type, tag_at, at, following
        at = following


def read_varint(buffer: Bytes, at: int, end: int) -> tuple[int, int]:
    """A base-128 integer and the position behind it."""
    if at < end and (first := buffer[at]) < 0x80:  # as nearly all are
        return first, at + 1
    value = 0
    for index in range(_MAX_VARINT_BYTES):
        if at + index >= end:
            raise WireError(f"cut short at byte {end}")
        byte = buffer[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, at + index + 1
    raise WireError(f"a number of more than {_MAX_VARINT_BYTES} bytes at byte {at}")


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def rename_nodes(buffer: memoryview, names: list[str]) -> bytes:
    """The model with the nodes of its main graph named, in file order, everything else copied as it stands.

    Raises:
        WireError: the bytes cannot be a ModelProto, or hold another number of nodes than there are names.
    """
    remaining = iter(names)
    pieces: list[bytes | memoryview] = []
    for number, wire_type, tag_at, payload_at, next_at in _fields(buffer, 0, len(buffer)):
        if (number, wire_type) == (_MODEL_GRAPH, _LENGTH):
            graph = _rename_in_graph(buffer, payload_at, next_at, remaining)
            pieces += [*_length_prefix(_MODEL_GRAPH, sum(map(len, graph))), *graph]
        else:
            pieces.append(buffer[tag_at:next_at])
    if next(remaining, None) is not None:
        raise WireError("fewer nodes than names")
    return b"".join(pieces)


def _rename_in_graph(buffer: memoryview, start: int, end: int, names: Iterator[str]) -> list[bytes | memoryview]:
    pieces: list[bytes | memoryview] = []
    for number, wire_type, tag_at, payload_at, next_at in _fields(buffer, start, end):
        if (number, wire_type) != (_GRAPH_NODE, _LENGTH):
            pieces.append(buffer[tag_at:next_at])
            continue
        name = next(names, None)
        if name is None:
            raise WireError("more nodes than names")
        kept = [
            buffer[at:after] for field, _, at, _, after in _fields(buffer, payload_at, next_at) if field != _NODE_NAME
        ]
        encoded = name.encode()
        kept_bytes = sum(map(len, kept)) + len(encoded)
        head = _length_prefix(_NODE_NAME, len(encoded))
        pieces += [*_length_prefix(_GRAPH_NODE, kept_bytes + sum(map(len, head))), *head, encoded, *kept]
    return pieces


def _length_prefix(number: int, length: int) -> list[bytes]:
    return [_varint(number << 3 | _LENGTH), _varint(length)]
