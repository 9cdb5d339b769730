"""Operators one at a time, as torch modules: `python -m benchmarks.single_ops FOLDER` writes each as an ONNX file.

It prints their names as JSON, in order. Sizes are small and uneven, so that two ways of counting are hardly ever equal
by chance.
"""

from __future__ import annotations

import contextlib
import json
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Case:
    """One operator.

    Attributes:
        name: also of the file.
        module: makes it, on one sample input of each of `shapes`.
        shapes: of the inputs, all of float32 unless `integers`.
        integers: whether the inputs are indices.
    """

    name: str
    module: Callable[[], nn.Module]
    shapes: tuple[tuple[int, ...], ...]
    integers: bool = False

    def inputs(self) -> tuple[Tensor, ...]:
        """What to call the module with; values do not matter to any counter."""
        if self.integers:
            return tuple(torch.zeros(shape, dtype=torch.int64) for shape in self.shapes)
        return tuple(torch.zeros(shape) for shape in self.shapes)


class Function(nn.Module):
    """A function without parameters as a module: what is called by name and is no module of its own."""

    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self._function = function

    def forward(self, *inputs: Tensor) -> Tensor:
        """The function of the inputs."""
        return self._function(*inputs)


class FunctionalConv(nn.Module):
    """A convolution that is called as a function, with weights of the module's own."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(8, 6, 3, 3))

    def forward(self, image: Tensor) -> Tensor:
        """N x 6 x H x W to N x 8 x H x W."""
        return functional.conv2d(image, self.weight, padding=1)


class Attention(nn.Module):
    """Self-attention of 4 heads, with its projections, without the averaged weights."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(32, 4, batch_first=True)

    def forward(self, tokens: Tensor) -> Tensor:
        """N x T x 32 to the same."""
        attended, _ = self.attention(tokens, tokens, tokens, need_weights=False)
        return attended  # type: ignore[no-any-return]  # torch types the call of a module as Any


_IMAGE = ((2, 6, 13, 11),)
_TOKENS = ((2, 7, 32),)
_HEADS = ((2, 4, 7, 8), (2, 4, 9, 8), (2, 4, 9, 8))

CASES = (
    Case("conv", lambda: nn.Conv2d(6, 8, 3, padding=1), _IMAGE),
    Case("conv-without-bias", lambda: nn.Conv2d(6, 8, 3, padding=1, bias=False), _IMAGE),
    Case("conv-grouped", lambda: nn.Conv2d(6, 8, 3, groups=2), _IMAGE),
    Case("conv-depthwise", lambda: nn.Conv2d(6, 6, 5, groups=6, padding=2), _IMAGE),
    Case("conv-dilated", lambda: nn.Conv2d(6, 8, 3, dilation=2), _IMAGE),
    Case("conv-strided", lambda: nn.Conv2d(6, 8, 3, stride=2, padding=1), _IMAGE),
    Case("conv-1d", lambda: nn.Conv1d(6, 8, 5), ((2, 6, 29),)),
    Case("conv-3d", lambda: nn.Conv3d(6, 8, 3), ((2, 6, 5, 7, 11),)),
    Case("conv-functional", FunctionalConv, _IMAGE),
    Case("conv-and-batch-norm", lambda: nn.Sequential(nn.Conv2d(6, 8, 3, bias=False), nn.BatchNorm2d(8)), _IMAGE),
    Case("conv-transpose-grouped", lambda: nn.ConvTranspose2d(6, 8, 3, stride=2, groups=2), _IMAGE),
    Case("linear", lambda: nn.Linear(19, 23), ((2, 19),)),
    Case("linear-without-bias", lambda: nn.Linear(19, 23, bias=False), ((2, 19),)),
    Case("linear-of-tokens", lambda: nn.Linear(32, 23), _TOKENS),
    Case("matmul-batched", lambda: Function(torch.matmul), ((2, 3, 5, 7), (2, 3, 7, 11))),
    Case("matmul-broadcast", lambda: Function(torch.matmul), ((2, 3, 5, 7), (7, 11))),
    Case("matmul-broadcast-batch", lambda: Function(torch.matmul), ((2, 1, 5, 7), (3, 7, 11))),
    Case("matmul-vector", lambda: Function(torch.matmul), ((5, 7), (7,))),
    Case("matmul-vectors", lambda: Function(torch.matmul), ((7,), (7,))),
    Case("einsum", lambda: Function(lambda q, k: torch.einsum("bhid,bhjd->bhij", q, k)), _HEADS[:2]),
    Case("einsum-outer", lambda: Function(lambda a, b: torch.einsum("bi,bj->bij", a, b)), ((2, 5), (2, 7))),
    Case("batch-norm", lambda: nn.BatchNorm2d(6), _IMAGE),
    Case("layer-norm", lambda: nn.LayerNorm(32), _TOKENS),
    Case("group-norm", lambda: nn.GroupNorm(3, 6), _IMAGE),
    Case("instance-norm", lambda: nn.InstanceNorm2d(6, affine=True), _IMAGE),
    Case("rms-norm", lambda: nn.RMSNorm(32), _TOKENS),
    Case("local-response-norm", lambda: nn.LocalResponseNorm(5), _IMAGE),
    Case("max-pool", lambda: nn.MaxPool2d(3, 2), _IMAGE),
    Case("average-pool", lambda: nn.AvgPool2d(3, 2), _IMAGE),
    Case("adaptive-average-pool", lambda: nn.AdaptiveAvgPool2d(1), _IMAGE),
    Case("softmax", lambda: nn.Softmax(-1), _TOKENS),
    Case("relu", nn.ReLU, _IMAGE),
    Case("prelu", lambda: nn.PReLU(6), _IMAGE),
    Case("sigmoid", nn.Sigmoid, _IMAGE),
    Case("gelu", nn.GELU, _TOKENS),
    Case("silu", nn.SiLU, _IMAGE),
    Case("hardswish", nn.Hardswish, _IMAGE),
    Case("add", lambda: Function(torch.add), _IMAGE * 2),
    Case("mean", lambda: Function(lambda image: image.mean((2, 3))), _IMAGE),
    Case("embedding", lambda: nn.Embedding(50, 32), ((2, 7),), integers=True),
    Case("upsample-nearest", lambda: nn.Upsample(scale_factor=2), _IMAGE),
    Case("upsample-bilinear", lambda: nn.Upsample(scale_factor=2, mode="bilinear"), _IMAGE),
    Case("rnn", lambda: nn.RNN(32, 12, batch_first=True), _TOKENS),
    Case("lstm", lambda: nn.LSTM(32, 12, batch_first=True), _TOKENS),
    Case("gru-bidirectional", lambda: nn.GRU(32, 12, batch_first=True, bidirectional=True), _TOKENS),
    Case("attention-of-heads", lambda: Function(functional.scaled_dot_product_attention), _HEADS),
    Case("attention-with-projections", Attention, _TOKENS),
    Case("transformer-layer", lambda: nn.TransformerEncoderLayer(32, 4, 48, batch_first=True), _TOKENS),
)


def main() -> None:
    """Writes the cases into the folder of the command line, by the exporter that torch uses unless told otherwise."""
    warnings.simplefilter("ignore")
    folder = Path(sys.argv[1])
    with contextlib.redirect_stdout(sys.stderr):
        for case in CASES:
            torch.onnx.export(case.module().eval(), case.inputs(), folder / f"{case.name}.onnx", verbose=False)
    print(json.dumps([case.name for case in CASES]))


if __name__ == "__main__":
    main()
