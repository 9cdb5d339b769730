"""Sizes of pooling and ConvTranspose where ONNX's own inference says others than what runtimes make."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from zlib import crc32

import numpy as np
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, helper, parser

from alexnet_bench.graph.counting import count
from tests.unit.graph.conftest import Read

Attributes = dict[str, Any]


def _pools(op: str, opset: int) -> Iterator[tuple[list[int], Attributes]]:
    """Images and attributes, drawn anew but always the same."""
    drawn = np.random.default_rng(crc32(f"{op} {opset}".encode()))

    def draw(least: int, most: int) -> int:
        return int(drawn.integers(least, most, endpoint=True))

    for _ in range(60):
        kernel = [draw(1, 4), draw(1, 4)]
        pads = [draw(0, (size - 1) // 2) for size in (*kernel, *kernel)]
        image = [size + draw(0, 6) for size in kernel]
        yield image, {"kernel_shape": kernel, "strides": [draw(1, 4), draw(1, 4)], "pads": pads, "ceil_mode": 1}


def _model(op: str, opset: int, image: list[int], attributes: Attributes, outputs: list[str]) -> ModelProto:
    node = helper.make_node(op, ["x"], outputs, **attributes)
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3, *image])
    made = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    made += [helper.make_tensor_value_info(name, TensorProto.INT64, None) for name in outputs[1:]]
    graph = helper.make_graph([node], "g", [value], made)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def _made(model: ModelProto, **feeds: tuple[int, ...]) -> list[tuple[int, ...]]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return [value.shape for value in session.run(None, {k: np.ones(v, np.float32) for k, v in feeds.items()})]


@pytest.mark.parametrize(("op", "opset"), [("MaxPool", 10), ("MaxPool", 22), ("AveragePool", 11), ("LpPool", 18)])
def test_no_window_starts_in_the_padding_behind_the_image(read: Read, op: str, opset: int) -> None:
    outputs = ["y", "i"] if op == "MaxPool" else ["y"]
    for image, attributes in _pools(op, opset):
        model = _model(op, opset, image, attributes, outputs)
        graph = read(model)
        found = [graph.tensor(name).shape for name in outputs]
        assert found == _made(model, x=(2, 3, *image)), (image, attributes)
    assert [graph.tensor(name).dtype for name in outputs] == ["float32", "int64"][: len(outputs)]


def test_what_follows_a_pool_that_is_rounded_up_is_no_contradiction(read: Read) -> None:
    """As torch exports it: the Reshape has the sizes that are made."""
    model = parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 18]> g (float[2,8,5,5] x) => (float[2,72] y) <int64[2] s = {2, 72}> {
            p = MaxPool <kernel_shape = [2, 2], strides = [2, 2], pads = [1, 1, 1, 1], ceil_mode = 1> (x)
            y = Reshape (p, s)
        }"""
    )
    assert read(model).tensor("p").shape == (2, 8, 3, 3)
    assert _made(model, x=(2, 8, 5, 5)) == [(2, 72)]


@pytest.mark.parametrize(("named", "strides"), [([9, 2], [3, 1]), ([4, 5], [2, 2]), ([2, 3], [1, 1])])
def test_a_transposed_convolution_may_make_less_than_goes_in(read: Read, named: list[int], strides: list[int]) -> None:
    model = parser.parse_model(
        f"""<ir_version: 8, opset_import: ["" : 17]> g (float[1,4,2,3] x, float[4,3,4,1] w) => (y)
        {{ y = ConvTranspose <output_shape = {named}, strides = {strides}, group = 2> (x, w) }}"""
    )
    graph = read(model)
    assert graph.tensor("y").shape == (1, 6, *named)
    assert [(1, 6, *named)] == _made(model, x=(1, 4, 2, 3), w=(4, 3, 4, 1))
    assert count(graph).rows[0].bytes_written == 4 * 6 * named[0] * named[1]


@pytest.mark.parametrize("opset", [1, 11, 22])
@pytest.mark.parametrize("same", ["SAME_UPPER", "SAME_LOWER"])
def test_what_same_makes_of_a_transposed_convolution_is_not_padded_further(read: Read, same: str, opset: int) -> None:
    """The image times the strides, or as far as the windows reach; ONNX's own inference adds the padding again."""
    drawn = np.random.default_rng(opset)
    for _ in range(40):
        image, kernel, strides = (drawn.integers(1, 5, 2).tolist() for _ in range(3))
        more = [int(drawn.integers(0, stride)) for stride in strides]
        settings = f'auto_pad = "{same}", strides = {strides}, output_padding = {more}'
        ends = f"(float[1,2,{image[0]},{image[1]}] x, float[2,3,{kernel[0]},{kernel[1]}] w) => (y)"
        model = parser.parse_model(
            f'<ir_version: 8, opset_import: ["" : {opset}]> g {ends} {{ y = ConvTranspose <{settings}> (x, w) }}'
        )
        assert [read(model).tensor("y").shape] == _made(model, x=(1, 2, *image), w=(2, 3, *kernel)), (ends, settings)
