"""BatchNormalization folded into the weights of the convolution or product before it.

ONNX (BatchNormalization): y = (x - mean) / sqrt(var + epsilon) * scale + shift, per channel, which is linear in x.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from alexnet_bench.graph.passes.draft import Draft
from alexnet_bench.graph.passes.reads import malformed_left_alone
from alexnet_bench.graph.passes.result import Feeds, PassResult

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

    from alexnet_bench.graph.passes.evaluate import Evaluator

    Array = np.ndarray[Any, Any]

_FIRST_OPSET = 7
"""Before it, BatchNormalization and Gemm took other inputs."""

_DEFAULT_EPSILON = 1e-5


def fold_batchnorm(model: ModelProto, *, feeds: Feeds = (), evaluator: Evaluator | None = None) -> PassResult:
    """Conv, ConvTranspose or Gemm with the BatchNormalization behind it as one node with other weights.

    The sums are done in float64. Weights that others read, or that are outputs of the graph, stay as they are: the new
    ones are new initialisers. A node whose output is read by others too is left alone, and so are weights that are no
    constants.
    """
    del feeds, evaluator
    draft = Draft(model)
    for norm in list(draft.nodes) if draft.opset >= _FIRST_OPSET else ():
        with malformed_left_alone:
            before = _linear_before(draft, norm)
            if before is not None and draft.is_live(norm):
                _fold(draft, before, norm)
    return draft.finished()


def _linear_before(draft: Draft, norm: NodeProto) -> NodeProto | None:
    if norm.op_type != "BatchNormalization" or norm.domain or any(norm.output[1:]) or _is_training(norm):
        return None
    before = draft.wiring.producer(norm.input[0])
    if before is None or before.op_type not in _SCALED or before.domain or draft.wiring.uses(norm.input[0]) != 1:
        return None
    return before


def _is_training(norm: NodeProto) -> bool:
    """In training mode, or with statistics for every element (opset 7 and 8)."""
    settings = {item.name: item.i for item in norm.attribute}
    return bool(settings.get("training_mode", 0)) or settings.get("spatial", 1) == 0


def _fold(draft: Draft, before: NodeProto, norm: NodeProto) -> None:
    from onnx import NodeProto

    has_bias = len(before.input) > 2 and before.input[2]
    needed = [before.input[1], *([before.input[2]] if has_bias else []), *norm.input[1:5]]
    values = [draft.value(name) for name in needed]
    if any(value is None or value.dtype != np.float32 for value in values):
        return
    weights, *bias, scale, shift, mean, variance = [value for value in values if value is not None]
    if len({value.shape for value in (scale, shift, mean, variance)}) > 1:
        return
    epsilon = next((item.f for item in norm.attribute if item.name == "epsilon"), _DEFAULT_EPSILON)
    factor = scale.astype(np.float64) / np.sqrt(variance.astype(np.float64) + epsilon)
    offset = _bias(before, bias[0] if bias else np.zeros(1, np.float32), len(factor))
    scaled = _SCALED[before.op_type](weights.astype(np.float64), factor, before)
    if offset is None or scaled is None:
        return
    folded = NodeProto()
    folded.CopyFrom(before)
    folded.name = draft.fresh(f"{before.name}/folded")
    del folded.input[:]
    folded.input.extend(
        [
            before.input[0],
            draft.add_constant(f"{before.name}/weight", scaled.astype(np.float32)),
            draft.add_constant(f"{before.name}/bias", ((offset - mean) * factor + shift).astype(np.float32)),
        ]
    )
    folded.output[0] = norm.output[0]
    kept = [item for item in before.attribute if item.name != "beta"]
    del folded.attribute[:]
    folded.attribute.extend(kept)
    draft.replace([before, norm], [folded])
    draft.changes.append(f"{norm.name}: folded into the weights of {before.name}")


def _bias(before: NodeProto, bias: Array, channels: int) -> Array | None:
    """float64 [channels]; Gemm adds `beta` times its third input, which may be of any shape that broadcasts."""
    if bias.size not in (1, channels) or (bias.size > 1 and bias.shape[-1] != channels):
        return None
    beta = next((item.f for item in before.attribute if item.name == "beta"), 1.0)
    return np.asarray(np.broadcast_to(bias.astype(np.float64).ravel() * beta, (channels,)))


def _scaled_convolution(weights: Array, factor: Array, _: NodeProto) -> Array | None:
    """Weights are [out, in / groups, ...]."""
    if len(weights) != len(factor):
        return None
    return weights * factor.reshape(-1, *[1] * (weights.ndim - 1))


def _scaled_transposed_convolution(weights: Array, factor: Array, node: NodeProto) -> Array | None:
    """Weights are [in, out / groups, ...]; the outputs of a group are adjacent, and so are its inputs."""
    groups = next((item.i for item in node.attribute if item.name == "group"), 1)
    if weights.shape[1] * groups != len(factor) or weights.shape[0] % groups:
        return None
    per_input = np.repeat(factor.reshape(groups, -1), weights.shape[0] // groups, axis=0)
    return np.asarray(weights * per_input.reshape(*per_input.shape, *[1] * (weights.ndim - 2)))


def _scaled_product(weights: Array, factor: Array, node: NodeProto) -> Array | None:
    """Weights are [in, out], or [out, in] with transB."""
    transposed = next((item.i for item in node.attribute if item.name == "transB"), 0)
    if weights.shape[0 if transposed else 1] != len(factor):
        return None
    return np.asarray(weights * (factor[:, None] if transposed else factor[None, :]))


_SCALED = {
    "Conv": _scaled_convolution,
    "ConvTranspose": _scaled_transposed_convolution,
    "Gemm": _scaled_product,
}
