"""The models behind the recorded files of tests/data/trtexec, rebuilt without their weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper


class _Net:
    """A chain of nodes, each named as its exporter named it."""

    def __init__(self, tensor: str) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self.tensor = tensor

    def add(self, op: str, name: str, *more: str, **attributes: Any) -> str:
        """A node on the newest tensor, and further ones."""
        self.nodes.append(helper.make_node(op, [self.tensor, *more], [f"{name}_out"], name, **attributes))
        self.tensor = f"{name}_out"
        return self.tensor

    def weights(self, name: str, *shape: int) -> str:
        """Zeros, made by a node so that the file stays small."""
        self.constants.append(numpy_helper.from_array(np.array(shape, np.int64), f"{name}_shape"))
        self.nodes.append(helper.make_node("ConstantOfShape", [f"{name}_shape"], [name], f"{name}_fill"))
        return name

    def conv(self, name: str, into: int, out: int, kernel: int, stride: int = 1) -> str:
        """A convolution with padding for its kernel, and a bias."""
        held = self.weights(f"{name}_w", out, into, kernel, kernel), self.weights(f"{name}_b", out)
        pads = [kernel // 2] * 4
        return self.add("Conv", name, *held, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=pads)

    def write(self, path: Path, name: str, shape: list[int | str], outputs: dict[str, int]) -> Path:
        """The model file."""
        graph = helper.make_graph(
            self.nodes,
            path.stem,
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(output, kind, None) for output, kind in outputs.items()],
            self.constants,
        )
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
        return path


def resnet18(path: Path, batch: int | str = "N") -> Path:
    """ResNet-18 with the names of torch's exporter of 2022: Conv_0, Relu_1, MaxPool_2, ..."""
    net, number = _Net("input.1"), 0

    def name(op: str) -> str:
        nonlocal number
        number += 1
        return f"{op}_{number - 1}"

    net.conv(name("Conv"), 3, 64, 7, 2)
    net.add("Relu", name("Relu"))
    net.add("MaxPool", name("MaxPool"), kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    width = 64
    for out in (64, 64, 128, 128, 256, 256, 512, 512):
        start, stride = net.tensor, 1 if out == width else 2
        net.conv(name("Conv"), width, out, 3, stride)
        net.add("Relu", name("Relu"))
        branch = net.conv(name("Conv"), out, out, 3)
        net.tensor = start
        if stride == 2:
            net.conv(name("Conv"), width, out, 1, 2)
        net.add("Add", name("Add"), branch)
        net.add("Relu", name("Relu"))
        width = out
    net.add("GlobalAveragePool", name("GlobalAveragePool"))
    net.add("Flatten", name("Flatten"))
    head = name("Gemm")
    net.add("Gemm", head, net.weights("fc_w", 1000, 512), net.weights("fc_b", 1000), transB=1)
    return net.write(path, "input.1", [batch, 3, 224, 224], {net.tensor: TensorProto.FLOAT})


def mnist(path: Path) -> Path:
    """The network of the cookbook, which ends in Softmax and ArgMax."""
    net = _Net("x")
    for index, (into, out) in enumerate(((1, 32), (32, 64))):
        end = f"_{index}" if index else ""
        net.conv(f"node_conv2d{end}", into, out, 5)
        net.add("Relu", f"node_relu{end}")
        net.add("MaxPool", f"node_max_pool2d{end}", kernel_shape=[2, 2], strides=[2, 2])
    net.add("Flatten", "node_view")
    net.add("Gemm", "node_linear", net.weights("w1", 1024, 3136), net.weights("b1", 1024), transB=1)
    net.add("Relu", "node_relu_2")
    net.add("Gemm", "node_linear_1", net.weights("w2", 10, 1024), net.weights("b2", 10), transB=1)
    logits = net.add("Softmax", "node_softmax", axis=1)
    found = net.add("ArgMax", "node_argmax", axis=1, keepdims=0)
    return net.write(path, "x", [1, 1, 28, 28], {logits: TensorProto.FLOAT, found: TensorProto.INT64})
