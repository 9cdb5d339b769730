"""Graphs made to be counted: `python -m benchmarks.synthetic BLOCKS WIDTH FILE` writes a chain of residual blocks.

A block is MatMul, Add of a bias, Relu, Add of the block's input: four nodes, which every counter knows.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

NODES_PER_BLOCK = 4
_OPSET, _IR_VERSION = 17, 8


@dataclass(frozen=True)
class Chain:
    """A chain of blocks, each with one square weight of float32."""

    blocks: int
    width: int


MANY_NODES = Chain(blocks=2250, width=16)
"""9,000 nodes."""
MANY_BYTES = Chain(blocks=300, width=747)
"""1,200 nodes with 671 MB of weights in the file itself."""


def command(chain: Chain, path: Path) -> list[str]:
    """What writes a chain in a process of its own, which gives its memory back."""
    return [sys.executable, "-m", "benchmarks.synthetic", str(chain.blocks), str(chain.width), str(path)]


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


def main() -> None:
    """Writes the chain of the command line."""
    blocks, width, path = sys.argv[1:]
    Path(path).write_bytes(build(Chain(int(blocks), int(width))).SerializeToString())


if __name__ == "__main__":
    main()
