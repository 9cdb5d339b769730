"""The wire-level reader against protobuf itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import (
    AttributeProto,
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    helper,
    numpy_helper,
)

from alexnet_bench.graph import wire
from alexnet_bench.graph.naming import identities

DATA_FIELDS = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data", "raw_data")
LONG = wire.KEEP_BYTES + 1

texts = st.text(max_size=4)
docs = st.sampled_from(["", "short", "d" * LONG])


@st.composite
def tensors(draw: st.DrawFn) -> TensorProto:
    """A tensor with data in one of the fields that there are, on either side of the limit."""
    size = draw(st.sampled_from([0, 1, 7, 511, 512, 600, 1100, 5000]))
    tensor = TensorProto(name=draw(texts), dims=[size], doc_string=draw(docs))
    kind = draw(st.sampled_from(DATA_FIELDS))
    if kind == "raw_data":
        tensor.raw_data = draw(st.binary(min_size=1, max_size=1)) * size
    elif kind == "string_data":
        tensor.string_data.extend([b"s" * size, b"t"])
    else:
        getattr(tensor, kind).extend([draw(st.integers(0, 100))] * size)
    return tensor


@st.composite
def nodes(draw: st.DrawFn, depth: int = 0) -> NodeProto:
    """A node with tensors, strings and graphs in its attributes."""
    node = NodeProto(op_type=draw(texts), name=draw(texts), input=draw(st.lists(texts, max_size=2)))
    node.output.extend(draw(st.lists(texts, max_size=2)))
    node.doc_string = draw(docs)
    for tensor in draw(st.lists(tensors(), max_size=2)):
        node.attribute.append(AttributeProto(name="value", type=AttributeProto.TENSOR, t=tensor))
    if draw(st.booleans()):
        node.attribute.append(AttributeProto(name="many", type=AttributeProto.TENSORS, tensors=[draw(tensors())]))
        node.attribute.append(
            AttributeProto(name="engine", type=AttributeProto.STRING, s=b"e" * draw(st.sampled_from([3, LONG])))
        )
        node.attribute.append(
            AttributeProto(name="ints", type=AttributeProto.INTS, ints=range(draw(st.integers(0, 3000))))
        )
    if depth < 2 and draw(st.booleans()):
        body = draw(graphs(depth=depth + 1))
        node.attribute.append(AttributeProto(name="body", type=AttributeProto.GRAPH, g=body))
        node.attribute.append(AttributeProto(name="bodies", type=AttributeProto.GRAPHS, graphs=[body]))
    return node


@st.composite
def graphs(draw: st.DrawFn, depth: int = 0) -> GraphProto:
    """A graph with dense and sparse initialisers."""
    graph = GraphProto(name=draw(texts), doc_string=draw(docs))
    graph.node.extend(draw(st.lists(nodes(depth=depth), max_size=3 - depth)))
    graph.initializer.extend(draw(st.lists(tensors(), max_size=3)))
    if draw(st.booleans()):
        sparse = graph.sparse_initializer.add(dims=[9])
        sparse.values.CopyFrom(draw(tensors()))
        sparse.indices.CopyFrom(draw(tensors()))
    graph.output.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3]))
    return graph


@st.composite
def models(draw: st.DrawFn) -> tuple[ModelProto, bytes]:
    """A model and its bytes, to which a field of a version to come may have been added."""
    model = ModelProto(ir_version=8, producer_name=draw(texts), doc_string=draw(docs))
    model.graph.CopyFrom(draw(graphs()))
    if draw(st.booleans()):
        model.functions.append(FunctionProto(name="f", doc_string=draw(docs), node=draw(st.lists(nodes(), max_size=2))))
    unknown = draw(st.sampled_from([b"", b"\xc0\x3e\x05", b"\xc2\x3e\x03abc", b"\xc5\x3e\x01\x02\x03\x04"]))
    return model, model.SerializeToString() + unknown


def strip_by_protobuf(message: Any, removed: list[bytes]) -> None:
    """What `strip_tensor_data` promises, done on the decoded message."""
    small = len(message.SerializeToString()) <= wire.KEEP_BYTES
    for field, value in message.ListFields():
        name, kind = field.name, type(message).__name__
        is_data = (kind == "TensorProto" and name in DATA_FIELDS) or (kind == "AttributeProto" and name == "s")
        if small and kind != "ModelProto":
            continue
        if name == "doc_string" and len(value.encode()) > wire.KEEP_BYTES:
            message.ClearField(name)
        elif is_data and name == "string_data":
            kept = [item for item in value if len(item) <= wire.KEEP_BYTES]
            removed.extend(item for item in value if len(item) > wire.KEEP_BYTES)
            del value[:]
            value.extend(kept)
        elif is_data:
            _drop_long(message, name, value, removed)
        elif field.message_type is not None:
            for child in value if hasattr(value, "append") else [value]:
                strip_by_protobuf(child, removed)


def _drop_long(message: Any, name: str, value: Any, removed: list[bytes]) -> None:
    if isinstance(value, bytes):
        encoded = value
    else:  # a packed field: the message of that field alone, without its tag and length
        alone = TensorProto()
        getattr(alone, name).extend(value)
        content = alone.SerializeToString()
        _, start = wire.read_varint(memoryview(content), 1, len(content))
        encoded = content[start:]
    if len(encoded) > wire.KEEP_BYTES:
        removed.append(encoded)
        message.ClearField(name)


@settings(deadline=None, max_examples=60)
@given(models())
def test_all_but_long_data_is_kept(drawn: tuple[ModelProto, bytes]) -> None:
    _, content = drawn
    stripped = wire.strip_tensor_data(memoryview(content))
    expected = ModelProto.FromString(content)
    removed: list[bytes] = []
    strip_by_protobuf(expected, removed)
    assert ModelProto.FromString(stripped.content) == expected
    spans = [content[start:end] for start, end in stripped.data_spans]
    assert sorted(spans) == sorted(removed)
    assert stripped.data_spans == sorted(stripped.data_spans)
    assert wire.strip_tensor_data(memoryview(stripped.content)).content == stripped.content


@settings(deadline=None, max_examples=60)
@given(models(), st.data())
def test_renaming_is_what_protobuf_would_do(drawn: tuple[ModelProto, bytes], data: st.DataObject) -> None:
    model, content = drawn
    count = len(model.graph.node)
    names = data.draw(st.lists(st.text(max_size=200), min_size=count, max_size=count))
    renamed = wire.rename_nodes(memoryview(content), names)
    expected = ModelProto.FromString(content)
    for node, name in zip(expected.graph.node, names, strict=True):
        node.name = name
    assert ModelProto.FromString(renamed) == expected
    for tensor in model.graph.initializer:
        assert tensor.SerializeToString() in renamed


def small_model() -> ModelProto:
    weights = numpy_helper.from_array(np.arange(4096, dtype=np.float32), "w")
    body = GraphProto(name="b", node=[NodeProto(op_type="Relu", input=["x"], output=["z"])])
    graph = helper.make_graph(
        [
            helper.make_node("Add", ["x", "w"], ["s"], "add"),
            NodeProto(
                op_type="If",
                output=["y"],
                attribute=[AttributeProto(name="then_branch", type=AttributeProto.GRAPH, g=body)],
            ),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4096])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [weights],
    )
    return helper.make_model(graph)


def test_the_spans_are_the_data() -> None:
    content = small_model().SerializeToString()
    ((start, end),) = wire.strip_tensor_data(memoryview(content)).data_spans
    assert content[start:end] == np.arange(4096, dtype=np.float32).tobytes()


def test_cut_anywhere_it_is_refused_or_shorter() -> None:
    content = small_model().SerializeToString()
    whole = len(wire.strip_tensor_data(memoryview(content)).content)
    refused = 0
    for length in range(len(content)):
        try:
            assert len(wire.strip_tensor_data(memoryview(content)[:length]).content) < whole
        except wire.WireError:
            refused += 1
        try:
            wire.rename_nodes(memoryview(content)[:length], ["a", "b"])
        except wire.WireError:
            refused += 1
    assert refused > 1.9 * len(content)


@given(st.binary(max_size=200))
def test_garbage_is_refused_or_read(content: bytes) -> None:
    for read in (wire.strip_tensor_data, lambda buffer: wire.rename_nodes(buffer, ["a"])):
        try:
            read(memoryview(content))
        except wire.WireError as error:
            assert str(error)  # noqa: PT017 - whether it is raised is up to the bytes


@settings(deadline=None)
@given(st.integers(0, 17_000), st.integers(0, 255))
def test_a_changed_byte_is_refused_or_read(at: int, value: int) -> None:
    content = bytearray(small_model().SerializeToString())
    content[at % len(content)] = value
    try:
        stripped = wire.strip_tensor_data(memoryview(content))
    except wire.WireError:
        return
    assert all(0 <= start <= end <= len(content) for start, end in stripped.data_spans)


def length_prefixed(number: int, content: bytes) -> bytes:
    return b"".join([bytes([number << 3 | 2]), *_varint(len(content)), content])


def _varint(value: int) -> list[bytes]:
    digits = []
    while value >= 0x80:
        digits.append(bytes([value & 0x7F | 0x80]))
        value >>= 7
    return [*digits, bytes([value])]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x00\x01", "field number 0"),
        (b"\x0b", "wire type 3"),
        (b"\x08" + b"\xff" * 12, "more than 10 bytes"),
        (b"\x3a\xff\xff\xff\xff\x0f", "cut short"),
        (b"\x3a", "cut short"),
        (b"\x0d\x01", "cut short"),
        (b"\x09\x01", "cut short"),
        (b"\x12\x05abcd", "needs 5 bytes, 4 are left"),
    ],
)
def test_what_is_no_protobuf_is_named(content: bytes, message: str) -> None:
    with pytest.raises(wire.WireError, match=message):
        wire.strip_tensor_data(memoryview(content))


def test_nesting_beyond_what_protobuf_reads_is_refused() -> None:
    graph = length_prefixed(10, b"d" * (2 * LONG))
    for _ in range(400):
        graph = length_prefixed(1, length_prefixed(5, length_prefixed(6, graph)))
    with pytest.raises(wire.WireError, match="nested"):
        wire.strip_tensor_data(memoryview(length_prefixed(7, graph)))


def test_a_graph_in_two_parts_is_one_graph() -> None:
    """Protobuf merges a message that occurs twice."""
    part = length_prefixed(1, b"") + length_prefixed(5, TensorProto(name="w", raw_data=b"r" * LONG).SerializeToString())
    content = length_prefixed(7, part) * 2
    stripped = wire.strip_tensor_data(memoryview(content))
    assert [tensor.name for tensor in ModelProto.FromString(stripped.content).graph.initializer] == ["w", "w"]
    assert len(stripped.data_spans) == 2
    renamed = ModelProto.FromString(wire.rename_nodes(memoryview(content), ["a", "b"]))
    assert [node.name for node in renamed.graph.node] == ["a", "b"]


def test_a_node_named_twice_in_its_bytes_keeps_only_the_new_name() -> None:
    node = length_prefixed(3, b"old") + length_prefixed(4, b"Relu") + length_prefixed(3, b"older")
    content = length_prefixed(7, length_prefixed(1, node))
    (renamed,) = ModelProto.FromString(wire.rename_nodes(memoryview(content), ["new"])).graph.node
    assert (renamed.name, renamed.op_type) == ("new", "Relu")


@pytest.mark.parametrize(("names", "message"), [(["a"], "more nodes"), (["a", "b", "c"], "fewer nodes")])
def test_another_number_of_names_is_refused(names: list[str], message: str) -> None:
    with pytest.raises(wire.WireError, match=message):
        wire.rename_nodes(memoryview(small_model().SerializeToString()), names)


@pytest.mark.parametrize("given_names", [("a", "b"), ("", ""), ("same", "same"), ("é ✓", ""), ("n" * 300, "n")])
def test_identities_become_names(given_names: tuple[str, str]) -> None:
    model = small_model()
    for node, name in zip(model.graph.node, given_names, strict=True):
        node.name = name
    renamed = ModelProto.FromString(wire.rename_nodes(memoryview(model.SerializeToString()), identities(model.graph)))
    assert [node.name for node in renamed.graph.node] == identities(model.graph)


def test_external_data_stays_where_it_was() -> None:
    tensor = TensorProto(name="w", data_type=1, dims=[4], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="weights.bin")
    model = small_model()
    model.graph.initializer.append(tensor)
    model.graph.value_info.append(ValueInfoProto(name="s"))
    renamed = ModelProto.FromString(wire.rename_nodes(memoryview(model.SerializeToString()), ["a", "b"]))
    assert renamed.graph.initializer[1] == tensor
    assert renamed.graph.value_info == model.graph.value_info
