"""Graphs made to be counted: `python -m benchmarks.synthetic BLOCKS WIDTH FILE [absent]` writes a chain of blocks.

A block is MatMul, Add of a bias, Relu, Add of the block's input: four nodes, which every counter knows. With `absent`
the weights are said to be in a second file, which is not written.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnx.external_data_helper import set_external_data

NODES_PER_BLOCK = 4
_OPSET, _IR_VERSION = 17, 8
_ABSENT = "absent"


@dataclass(frozen=True)
class Chain:
    """A chain of blocks, each with one square weight of float32."""

    blocks: int
    width: int

    @property
    def macs(self) -> int:
        """Multiply-adds of one forward pass."""
        return self.blocks * self.width**2


MANY_NODES = Chain(blocks=2250, width=16)
"""9,000 nodes."""
MANY_BYTES = Chain(blocks=300, width=747)
"""1,200 nodes with 671 MB of weights in the file itself."""


def command(chain: Chain, path: Path, *, absent: bool = False) -> list[str]:
    """What writes a chain in a process of its own, which gives its memory back."""
    arguments = [str(chain.blocks), str(chain.width), str(path), *([_ABSENT] if absent else [])]
    return [sys.executable, "-m", "benchmarks.synthetic", *arguments]


def build(chain: Chain) -> ModelProto:
    """The model; weights are zeros, whose values no counter needs."""
    weight, bias = np.zeros((chain.width, chain.width), np.float32), np.zeros(chain.width, np.float32)
    nodes, initialisers, entry = [], [], "input"
    for index in range(chain.blocks):
        name = f"block{index}"
        initialisers += [
            numpy_helper.from_array(weight, f"{name}.weight"),
            numpy_helper.from_array(bias, f"{name}.bias"),
        ]
        nodes += [
            helper.make_node("MatMul", [entry, f"{name}.weight"], [f"{name}.product"], f"{name}.MatMul"),
            helper.make_node("Add", [f"{name}.product", f"{name}.bias"], [f"{name}.sum"], f"{name}.Add"),
            helper.make_node("Relu", [f"{name}.sum"], [f"{name}.relu"], f"{name}.Relu"),
            helper.make_node("Add", [f"{name}.relu", entry], [f"{name}.output"], f"{name}.Residual"),
        ]
        entry = f"{name}.output"
    shape = [1, chain.width]
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(entry, TensorProto.FLOAT, shape)],
        initialisers,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)


def move_out(model: ModelProto) -> None:
    """Says of every weight that it is in a second file."""
    offset = 0
    for tensor in model.graph.initializer:
        length = len(tensor.raw_data)
        set_external_data(tensor, "absent.bin", offset=offset, length=length)
        tensor.ClearField("raw_data")
        offset += length


def main() -> None:
    """Writes the chain of the command line."""
    blocks, width, path, *options = sys.argv[1:]
    model = build(Chain(int(blocks), int(width)))
    if _ABSENT in options:
        move_out(model)
    Path(path).write_bytes(model.SerializeToString())


if __name__ == "__main__":
    main()
