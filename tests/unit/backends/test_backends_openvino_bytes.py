"""Bytes of OpenVINO's kernels: from a record, and of a real run."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

pytest.importorskip("openvino", reason="openvino is not installed")

from alexnet_bench.backends.openvino.bytes import Moved, moved_bytes
from alexnet_bench.backends.openvino.record import Kernel, Record
from tests.unit.backends.openvino_runs import profiled


def _kernel(kind: str, inputs: list[tuple[int, int]], dtype: str, *sizes: list[int] | None) -> Kernel:
    return Kernel(kind, kind, "", "", [], inputs, [dtype] * len(sizes), list(sizes))


def _moved(kernel: Kernel) -> Moved:
    data, weight = _kernel("Input", [], "f32", [2, 8]), _kernel("Const", [], "u8", [8, 4])
    return moved_bytes(Record([], [data, weight, kernel], [], []), [False, True, False])[2]


def test_each_tensor_is_moved_once_at_its_type() -> None:
    assert _moved(_kernel("Convolution", [(0, 0), (1, 0), (0, 0)], "f32", [2, 4])) == Moved(64 + 32 + 32, 32, 32)
    assert _moved(_kernel("Subgraph", [(0, 0)], "u8", [2, 8], [3])) == Moved(64 + 16 + 3, 0, 16 + 3)


def test_what_only_shows_memory_moves_nothing() -> None:
    assert _moved(_kernel("Reshape", [(0, 0)], "f32", [16])) == Moved(0)


def test_parts_of_tensors_open_sizes_and_bodies_are_not_known() -> None:
    for kind in ("Gather", "GatherND", "StridedSlice", "If", "TensorIterator"):
        assert _moved(_kernel(kind, [(0, 0)], "f32", [2])) == Moved(made=8)
    assert _moved(_kernel("Eltwise", [(0, 0)], "f32", None)).total is None
    assert _moved(_kernel("Eltwise", [(0, 0)], "odd", [2])).total is None
    assert _moved(Kernel("old", "Eltwise", "", "", [], [(0, 0)], ["f32"])).total is None


def test_rows_have_the_bytes_of_their_kernels_and_of_what_was_fused() -> None:
    """The bias is in no list of OpenVINO's; the Reshape in front of the output shows the same memory."""
    stored = {
        "w": np.ones((16, 8, 3, 3), np.float32),
        "b": np.arange(16, dtype=np.float32),
        "s": np.array([1, 16, 256]),
    }
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "w", "b"], ["c"], "conv", pads=[1] * 4),
            helper.make_node("Softmax", ["c"], ["m"], "softmax", axis=1),
            helper.make_node("Reshape", ["m", "s"], ["y"], "show"),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8, 16, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 16, 256])],
        [numpy_helper.from_array(value, name) for name, value in stored.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    found = {layer.name: layer.bytes for layer in profiled(model).layers}
    assert found["conv"] == 4 * (8 * 256 + 16 * 8 * 9 + 16 + 16 * 256)
    assert found["softmax"] == 4 * 2 * 16 * 256
    assert found.get("show", 0) == 0
