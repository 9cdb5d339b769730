"""Why another counter's figure for a single operator is not ours, exactly: each reason predicts the figure.

Figures are multiply-adds, or what a counter adds up as if it were some. Names are those of `benchmarks.single_ops`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

REASONS = {
    "elementwise": "elementwise work is in the same sum, at prices of its own",
    "bias": "a bias is in the same sum, one per output",
    "zero": "it has no formula for this operator, and takes it for nothing without saying so",
    "module": "it knows classes of modules; functions and other modules are nothing, without a word",
    "outputs": "a transposed convolution is counted as if every output saw the whole kernel",
    "broadcast": "what is broadcast along the batch is counted once",
    "half": "a product that adds nothing up is counted as half",
    "folded": "the exporter removed the product with the first state, which is zero",
    "error": "it raises an error",
}
"""By code, for people."""


@dataclass(frozen=True)
class Difference:
    """What a counter says instead of our multiply-adds.

    Attributes:
        codes: reasons.
        adds: to our multiply-adds; None where the figure has nothing to do with them.
        gives: the figure itself likewise.
        raises: the class of the error, "" where there is a figure.
    """

    codes: tuple[str, ...]
    adds: int | None = None
    gives: int | None = None
    raises: str = ""

    def explains(self, macs: int, found: float | str) -> bool:
        """Whether this is exactly what was found."""
        if isinstance(found, str):
            return bool(self.raises) and found.startswith(f"{self.raises}:")
        return found == (self.gives if self.adds is None else macs + self.adds)


def _adds(figure: int, *codes: str) -> Difference:
    return Difference(codes, adds=figure)


def _gives(figure: int, *codes: str) -> Difference:
    return Difference(codes, gives=figure)


def _raises(error: str) -> Difference:
    return Difference(("error",), raises=error)


_IMAGE = 2 * 6 * 13 * 11
_POOLED = 2 * 6 * 6 * 5
_TOKENS, _ROWS = 2 * 7 * 32, 2 * 7
_STEPS, _UNITS = 2 * 7, 12
_SCORES = 2 * 4 * 7 * 7
_ZERO_STATE = 2 * _UNITS * _UNITS
_TRANSPOSED = 2 * 8 * 27 * 23
_HEADS = 2 * _SCORES * 8
"""The two products of the attention in `attention-with-projections`."""

_FLOP_COUNTER_MODE = {
    "matmul-vector": _gives(0, "zero"),
    "matmul-vectors": _gives(0, "zero"),
    "einsum-outer": _gives(0, "zero"),
    "lstm": _gives(0, "zero"),
    "attention-of-heads": _gives(0, "zero"),
    "attention-with-projections": _gives(0, "zero"),
    "transformer-layer": _gives(0, "zero"),
    "rnn": _adds(_ZERO_STATE, "folded"),
}

_FVCORE = {
    "conv-and-batch-norm": _adds(2 * 2 * 8 * 11 * 9, "elementwise"),
    "batch-norm": _adds(2 * _IMAGE, "elementwise"),
    "instance-norm": _adds(5 * _IMAGE, "elementwise"),
    "group-norm": _adds(5 * _IMAGE, "elementwise"),
    "layer-norm": _adds(5 * _TOKENS, "elementwise"),
    "adaptive-average-pool": _adds(_IMAGE, "elementwise"),
    "upsample-nearest": _adds(4 * _IMAGE, "elementwise"),
    "upsample-bilinear": _adds(4 * 4 * _IMAGE, "elementwise"),
    "matmul-broadcast-batch": _gives(2 * 5 * 7 * 11, "broadcast"),
    "matmul-vector": _raises("IndexError"),
    "matmul-vectors": _raises("IndexError"),
    "einsum-outer": _gives(2 * 5 * 7 // 2, "half"),
    "rnn": _gives(0, "zero"),
    "lstm": _gives(0, "zero"),
    "gru-bidirectional": _gives(0, "zero"),
    "attention-of-heads": _gives(0, "zero"),
    "attention-with-projections": _adds(-_HEADS, "zero"),
    "transformer-layer": _adds(2 * 5 * _TOKENS - _HEADS, "elementwise", "zero"),
}

_THOP = {
    "conv-functional": _gives(0, "module"),
    "conv-and-batch-norm": _adds(4 * 2 * 8 * 11 * 9, "elementwise"),
    "conv-transpose-grouped": _gives(_TRANSPOSED * (6 // 2) * 9, "outputs"),
    "matmul-batched": _gives(0, "module"),
    "matmul-broadcast": _gives(0, "module"),
    "matmul-broadcast-batch": _gives(0, "module"),
    "matmul-vector": _gives(0, "module"),
    "matmul-vectors": _gives(0, "module"),
    "einsum": _gives(0, "module"),
    "einsum-outer": _gives(0, "module"),
    "batch-norm": _adds(4 * _IMAGE, "elementwise"),
    "instance-norm": _adds(4 * _IMAGE, "elementwise"),
    "layer-norm": _adds(4 * _TOKENS, "elementwise"),
    "average-pool": _adds(_POOLED, "elementwise"),
    "adaptive-average-pool": _adds(2 * 6 * (13 * 11 + 1), "elementwise"),
    "softmax": _adds(3 * _TOKENS - _ROWS, "elementwise"),
    "prelu": _adds(_IMAGE, "elementwise"),
    "upsample-nearest": _adds(4 * _IMAGE, "elementwise"),
    "upsample-bilinear": _adds(11 * 4 * _IMAGE, "elementwise"),
    # Per step and unit: 3 for the sum and the biases of each gate, and what joins the gates.
    "rnn": _adds(_ZERO_STATE + _STEPS * _UNITS * 3, "folded", "bias", "elementwise"),
    "lstm": _adds(_STEPS * _UNITS * (4 * 3 + 4), "bias", "elementwise"),
    "gru-bidirectional": _adds(2 * _STEPS * _UNITS * (3 * 3 + 4), "bias", "elementwise"),
    "attention-of-heads": _gives(0, "module"),
    "attention-with-projections": _gives(0, "module"),
    "transformer-layer": _gives(2 * _ROWS * 32 * 48 + 2 * 4 * _TOKENS, "module", "elementwise"),
}

# Prices of onnx-tool: 32 for exp and power, 36 for softmax, 38 for a tanh inside a cell and 76 for one alone, 24 for a
# root, 4 for a division; a bias is an addition.
_LAYER_NORM = 7 * _TOKENS + 29 * _ROWS
_ATTENTION = 36 * _SCORES + 2 * _TOKENS + 3 * _TOKENS
"""Softmax, scaling of queries and keys, and the bias of the three projections."""

_ONNX_TOOL = {
    "conv": _adds(2 * 8 * 13 * 11, "bias"),
    "conv-grouped": _adds(2 * 8 * 11 * 9, "bias"),
    "conv-depthwise": _adds(2 * 6 * 13 * 11, "bias"),
    "conv-dilated": _adds(2 * 8 * 9 * 7, "bias"),
    "conv-strided": _adds(2 * 8 * 7 * 6, "bias"),
    "conv-1d": _adds(2 * 8 * 25, "bias"),
    "conv-3d": _adds(2 * 8 * 3 * 5 * 9, "bias"),
    "conv-transpose-grouped": _gives(_TRANSPOSED * (8 // 2 * 9 + 1), "outputs", "bias"),
    "linear": _adds(2 * 23, "bias"),
    "linear-of-tokens": _adds(2 * 7 * 23, "bias"),
    "matmul-broadcast-batch": _gives(3 * 5 * 7 * 11, "broadcast"),
    "matmul-vector": _raises("RuntimeError"),
    "matmul-vectors": _raises("RuntimeError"),
    "batch-norm": _adds(31 * _IMAGE, "elementwise"),
    "layer-norm": _adds(_LAYER_NORM, "elementwise"),
    "group-norm": _adds((7 + 2) * _IMAGE, "elementwise"),
    "instance-norm": _adds(7 * _IMAGE, "elementwise"),
    "rms-norm": _adds((32 + 3) * _TOKENS + 29 * _ROWS, "elementwise"),
    "local-response-norm": _adds((1 + 5 + 1 + 1 + 32 + 4) * _IMAGE, "elementwise"),
    "max-pool": _adds(9 * _POOLED, "elementwise"),
    "average-pool": _adds(9 * _POOLED, "elementwise"),
    "adaptive-average-pool": _adds(_IMAGE, "elementwise"),
    "softmax": _adds(36 * _TOKENS, "elementwise"),
    "relu": _adds(_IMAGE, "elementwise"),
    "prelu": _adds(2 * _IMAGE, "elementwise"),
    "sigmoid": _adds(32 * _IMAGE, "elementwise"),
    "gelu": _adds(34 * _TOKENS, "elementwise"),
    "silu": _adds(33 * _IMAGE, "elementwise"),
    "hardswish": _adds(5 * _IMAGE, "elementwise"),
    "add": _adds(_IMAGE, "elementwise"),
    "mean": _adds(_IMAGE, "elementwise"),
    "upsample-bilinear": _adds(4 * 4 * _IMAGE, "elementwise"),
    # The first step has no product of the state to add a bias to.
    "rnn": _adds(_STEPS * _UNITS * (76 + 1 + 2) - 2 * _UNITS, "bias", "elementwise"),
    "lstm": _adds(_STEPS * _UNITS * (8 + 4 + 3 * 32 + 2 * 38 + 4), "bias", "elementwise"),
    # The biases of both directions, and the rest of one.
    "gru-bidirectional": _adds(_STEPS * _UNITS * (2 * 6 + 3 + 2 * 32 + 38 + 5), "bias", "elementwise"),
    "attention-of-heads": _adds(36 * 2 * 4 * 7 * 9 + 2 * 4 * (7 + 9) * 8, "elementwise"),
    "attention-with-projections": _adds(_ATTENTION, "bias", "elementwise"),
    "transformer-layer": _adds(
        _ATTENTION + 2 * _LAYER_NORM + 2 * _TOKENS + 2 * _ROWS * 48 + _TOKENS, "bias", "elementwise"
    ),
}

DIFFERENCES: Mapping[str, Mapping[str, Difference]] = {
    "flop-counter-mode": _FLOP_COUNTER_MODE,
    "fvcore": _FVCORE,
    "thop": _THOP,
    "onnx-tool": _ONNX_TOOL,
}
"""By counter and case; a case that is not here must be equal."""
