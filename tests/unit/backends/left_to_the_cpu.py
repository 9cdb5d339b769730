"""A model whose one product of floats no provider on a GPU takes: MaxRoiPool has a kernel for processors alone."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto, helper

NODE = "pool"
REFUSED = rf"onnxruntime runs \d+ layers? on the CPU.*, not on .*{NODE} \(MaxRoiPool\)"
"""What is said of it."""
_CHANNELS, _SIDE, _REGIONS = 16, 8, 4


def write(path: Path) -> None:
    """Writes it; what it makes is floats, more than a few, which ONNX Runtime does not keep on the CPU by itself."""
    regions = [number for _ in range(_REGIONS) for number in (0.0, 0.0, 0.0, _SIDE - 1.0, _SIDE - 1.0)]
    graph = helper.make_graph(
        [
            helper.make_node("Relu", ["x"], ["r"], "relu"),
            helper.make_node("MaxRoiPool", ["r", "regions"], ["y"], NODE, pooled_shape=[2, 2]),
        ],
        "pooled",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, _CHANNELS, _SIDE, _SIDE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [_REGIONS, _CHANNELS, 2, 2])],
        [helper.make_tensor("regions", TensorProto.FLOAT, [_REGIONS, 5], regions)],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
