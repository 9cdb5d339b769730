"""Transformers that ONNX Runtime optimised, at opsets where ONNX has no operator for what it fuses."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import onnx
import onnxruntime
import pytest
import torch
from onnxruntime.transformers import optimizer
from torch import Tensor, nn

from alexnet_bench import symbolic_counts
from alexnet_bench.core.cost import CostTable
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.onnx_io import build_graph, open_model
from tests.unit.graph.conftest import Read

LENGTH, WIDTH, HEADS = 6, 16, 2
LEVELS = {
    "basic": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
}


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        q, k, v = (
            layer(x).view(batch, length, HEADS, width // HEADS).transpose(1, 2) for layer in (self.q, self.k, self.v)
        )
        weights = torch.softmax(q @ k.transpose(-1, -2) / 8**0.5, -1)
        return cast(Tensor, self.out((weights @ v).transpose(1, 2).reshape(batch, length, width)))


class RMSNorm(nn.Module):
    """Written out, as torch has no exporter for its own at these opsets."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.rand(WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        scaled: Tensor = self.scale * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))
        return scaled


class Encoder(nn.Module):
    """An embedding and a layer of a transformer: each of the normalisations and activations that get fused."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(20, WIDTH), nn.Parameter(torch.randn(1, LENGTH, WIDTH))
        self.attention, self.first, self.second = Attention(), nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.wide, self.narrow, self.last = nn.Linear(WIDTH, 64), nn.Linear(64, WIDTH), RMSNorm()

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.first(self.words(tokens) + self.places)
        x = self.second(x + self.attention(x))
        x = x + self.narrow(nn.functional.gelu(self.wide(x)))
        x = self.last(x)
        quick: Tensor = x * torch.sigmoid(1.702 * x)
        return quick + nn.functional.gelu(x, approximate="tanh")


def exported(folder: Path, opset: int) -> Path:
    path = folder / "model.onnx"
    torch.manual_seed(0)
    tokens = torch.zeros(2, LENGTH, dtype=torch.int64)
    torch.onnx.export(
        Encoder().eval(), (tokens,), path, dynamo=False, opset_version=opset,
        input_names=["tokens"], output_names=["y"], dynamic_axes={"tokens": {0: "N"}},
    )  # fmt: skip
    return path


def optimised(path: Path, way: str) -> Path:
    """The file as ONNX Runtime saves it: at one of its levels, or by its optimiser of transformers."""
    made = path.with_name(f"{way}.onnx")
    if way == "bert":
        fused = optimizer.optimize_model(str(path), "bert", num_heads=HEADS, hidden_size=WIDTH, opt_level=0)
        fused.save_model_to_file(str(made))
        return made
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = LEVELS[way]
    options.optimized_model_filepath = str(made)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return made


def counted(path: Path) -> CostTable:
    return count(build_graph(open_model(path), name="", given_shapes={"tokens": (3, LENGTH)}))


@pytest.mark.filterwarnings("ignore")  # torch warns of the age of this exporter
@pytest.mark.parametrize("way", [*LEVELS, "bert"])
@pytest.mark.parametrize("opset", [11, 14, 16, 18])
def test_files_that_onnx_runtime_wrote_are_counted_fully(tmp_path: Path, opset: int, way: str) -> None:
    path = exported(tmp_path, opset)
    written = optimised(path, way)
    before, after = counted(path), counted(written)
    assert [row.why_unknown for row in (*before.rows, *after.rows) if not row.counted] == []
    assert after.macs == before.macs
    assert after.params == before.params
    if way != "basic":
        operators = {node.op_type for node in onnx.load(written).graph.node}
        assert operators & {"LayerNormalization", "SkipLayerNormalization"}
    formulas = symbolic_counts(written)
    assert [node.name for node in formulas.nodes if node.work is None or node.moved is None] == []
    assert formulas.totals.work is not None
    assert formulas.totals.work.macs.at({"N": 3}) == after.macs


def test_copies_to_a_device_and_back_move_their_bytes(read: Read) -> None:
    """As files have them that ONNX Runtime saved for CUDA, at each opset."""
    table = count(
        read(
            """<ir_version: 8, opset_import: ["" : 14]> g (float[2,3] x) => (y) {
                a = MemcpyFromHost(x)  b = Relu(a)  y = MemcpyToHost(b)
            }"""
        )
    )
    assert [(row.flop, row.bytes_read, row.bytes_written) for row in table.rows] == [
        (0, 24, 24),
        (6, 24, 24),
        (0, 24, 24),
    ]
