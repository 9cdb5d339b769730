"""Models that people bring, made in torch: exported by either exporter, quantised, or in half precision."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import ModelProto, version_converter
from torch import Tensor, nn
from torch.nn import functional

Array = np.ndarray[Any, Any]


class TransformerBlock(nn.Module):
    """Attention by torch's own function, and two linear layers; LayerNorm before each, or behind."""

    def __init__(self, width: int = 64, heads: int = 4, *, norm_first: bool = True) -> None:
        super().__init__()
        self.heads, self.norm_first = heads, norm_first
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def attention(self, x: Tensor) -> Tensor:
        batch, steps, width = x.shape
        q, k, v = self.qkv(x).view(batch, steps, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2)
        return self.out(mixed.reshape(batch, steps, width))  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        if self.norm_first:
            x = x + self.attention(self.norm1(x))
            return x + self.down(functional.gelu(self.up(self.norm2(x))))  # type: ignore[no-any-return]
        x = self.norm1(x + self.attention(x))
        return self.norm2(x + self.down(functional.gelu(self.up(x))))  # type: ignore[no-any-return]


class Recurrent(nn.Module):
    """An embedding, two bidirectional recurrent layers, and a linear one."""

    def __init__(self, kind: Callable[..., nn.RNNBase]) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, 32)
        self.recurrent = kind(32, 48, 2, bidirectional=True, batch_first=True)
        self.linear = nn.Linear(96, 10)

    def forward(self, ids: Tensor) -> Tensor:
        return self.linear(self.recurrent(self.embedding(ids))[0])  # type: ignore[no-any-return]


class MixFeedForward(nn.Module):
    """Two linear layers with a depthwise convolution between them, as SegFormer and PVT v2 have it."""

    def __init__(self, width: int = 16, side: int = 8) -> None:
        super().__init__()
        wide, self.side = 4 * width, side
        self.norm, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, wide), nn.Linear(wide, width)
        self.depthwise = nn.Conv2d(wide, wide, 3, padding=1, groups=wide)

    def forward(self, x: Tensor) -> Tensor:
        y = self.up(self.norm(x)).transpose(1, 2)
        y = self.depthwise(y.view(*y.shape[:2], self.side, self.side))
        return x + self.down(functional.gelu(y.flatten(2).transpose(1, 2)))  # type: ignore[no-any-return]


class LowRank(nn.Module):
    """Two linear layers with few features between them and nothing that runs, as factorised weights and adapters have.

    Behind them are a LayerNorm and another linear layer.
    """

    def __init__(self, width: int = 64, rank: int = 8) -> None:
        super().__init__()
        self.down, self.dropout, self.up = nn.Linear(width, rank), nn.Dropout(0.1), nn.Linear(rank, width)
        self.norm, self.last = nn.LayerNorm(width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.norm(x + self.up(self.dropout(self.down(x)))))  # type: ignore[no-any-return]


class InvertedResidual(nn.Module):
    """Depthwise convolution with squeeze and excitation, as EfficientNet and MobileNetV3 have it."""

    def __init__(self, channels: int = 32, activation: type[nn.Module] = nn.SiLU) -> None:
        super().__init__()
        wide = 4 * channels
        self.expand = nn.Sequential(
            *(nn.Conv2d(channels, wide, 1, bias=False), nn.BatchNorm2d(wide), activation()),
            *(nn.Conv2d(wide, wide, 3, padding=1, groups=wide, bias=False), nn.BatchNorm2d(wide), activation()),
        )
        self.squeeze, self.excite = nn.Conv2d(wide, 8, 1), nn.Conv2d(8, wide, 1)
        self.project = nn.Sequential(nn.Conv2d(wide, channels, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        y = self.expand(x)
        gate = self.excite(functional.silu(self.squeeze(y.mean((2, 3), keepdim=True))))
        return x + self.project(y * torch.sigmoid(gate))  # type: ignore[no-any-return]


def exported(module: nn.Module, example: Tensor, path: Path, *, dynamo: bool) -> Path:
    """A module as one of torch's two exporters writes it.

    Args:
        module: with its initial weights.
        example: its only input.
        path: the file to write.
        dynamo: the exporter that captures the program, which needs onnxscript; else the one that traces it.
    """
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the tracing exporter says that it is the older one
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        options = {"verbose": False} if dynamo else {}
        torch.onnx.export(module.eval(), (example,), path, dynamo=dynamo, external_data=False, **options)  # type: ignore[arg-type]
    return path


def quantised(model: ModelProto, feeds: Mapping[str, Array], folder: Path, **options: Any) -> Path:
    """A model in 8 bits with its ranges taken from one set of inputs, by ONNX Runtime's own quantiser.

    Args:
        model: in float32.
        feeds: inputs by name.
        folder: for the files.
        options: of `onnxruntime.quantization.quantize_static`.
    """
    from onnxruntime.quantization import CalibrationDataReader, quantize_static

    class OneSet(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.sets: Iterator[Mapping[str, Array]] = iter([feeds])

        def get_next(self) -> Mapping[str, Array] | None:
            return next(self.sets, None)

    weights = {item.name for item in model.graph.initializer}
    for item in [item for item in model.graph.input if item.name in weights]:
        model.graph.input.remove(item)
    if model.opset_import[0].version < 13:
        model = version_converter.convert_version(model, 13)
    onnx.save(model, folder / "float.onnx")
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            quantize_static(folder / "float.onnx", folder / "quantised.onnx", OneSet(), **options)
    finally:
        logging.disable(logging.NOTSET)
    (folder / "float.onnx").unlink()
    return folder / "quantised.onnx"


def half(path: Path) -> ModelProto:
    """A model in float16 with inputs and outputs in float32, by ONNX Runtime's own converter."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    return convert_float_to_float16(onnx.load(path), keep_io_types=True)  # type: ignore[no-any-return]
