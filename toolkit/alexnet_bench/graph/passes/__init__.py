"""Passes over ONNX models: each gives a model, what changed, and what every new node stands for.

A pass changes the main graph alone. Weights must be loaded. A node without a name of its own gets the one that the
command line knows it by (`graph.naming`), and origins speak of it so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.text import printable
from alexnet_bench.graph.passes.batchnorm import fold_batchnorm
from alexnet_bench.graph.passes.constants import fold_constants
from alexnet_bench.graph.passes.draft import Draft
from alexnet_bench.graph.passes.forms import gemm_forms
from alexnet_bench.graph.passes.lrn import lower_lrn, lower_lrn_that_is_not_portable
from alexnet_bench.graph.passes.precision import to_bfloat16, to_float16
from alexnet_bench.graph.passes.recompose import recompose, recompose_for_onnxruntime
from alexnet_bench.graph.passes.result import Feeds, Pass, PassResult, composed

if TYPE_CHECKING:
    from onnx import ModelProto

    from alexnet_bench.graph.passes.evaluate import Evaluator

_ALL = (
    Pass("fold-constants", "compute what depends on constants alone, and take Identity nodes out", fold_constants),
    Pass("recompose", "put LRN, LayerNormalization and Gelu together where exporters wrote them out", recompose),
    Pass("recompose-ort", "the same, with ONNX Runtime's own Gelu below opset 20", recompose_for_onnxruntime),
    Pass("fold-batchnorm", "fold BatchNormalization into the weights before it", fold_batchnorm),
    Pass("portable-lrn", "lower-lrn for LRN that runtimes compute differently", lower_lrn_that_is_not_portable),
    Pass("lower-lrn", "LRN as squares, a banded 1x1 convolution and square roots", lower_lrn),
    Pass("gemm-forms", "products of matrices in the form that CPUs run faster", gemm_forms),
    Pass("fp16", "float16, with what overflows or loses too much kept in float32", to_float16),
    Pass("bf16", "bfloat16, with what loses too much kept in float32", to_bfloat16),
)

PASSES: Mapping[str, Pass] = MappingProxyType({item.name: item for item in _ALL})
"""Every pass by name, in the order in which they go well together."""


def check_names(names: Sequence[str]) -> None:
    """Raises UsageError for the first name that no pass has."""
    unknown = next((name for name in names if name not in PASSES), None)
    if unknown is not None:
        raise UsageError(f"there is no pass named {printable(unknown)}", f"the passes are {', '.join(PASSES)}")


def apply(
    model: ModelProto, names: Sequence[str], *, feeds: Feeds = (), evaluator: Evaluator | None = None
) -> PassResult:
    """Runs passes one after the other.

    Args:
        model: with its weights loaded; it stays as it is.
        names: of passes, in the order to run them.
        feeds: real inputs by name, for passes that look at activations.
        evaluator: for passes that compute with the model; by default ONNX's reference, which looks at no activations.

    Returns:
        the last model (the given one, where no pass finds anything to do), all changes prefixed by the name of their
        pass, and origins in terms of the given model.

    Raises:
        UsageError: there is no pass of that name, or the model is not one in memory.
        BackendCrash: the evaluator's runtime died or hung.
    """
    from onnx import ModelProto

    if not isinstance(model, ModelProto):
        raise UsageError(f"passes take an onnx.ModelProto, not a {type(model).__name__}", "load it with onnx.load")
    check_names(names)
    result = Draft(model).finished()
    for name in names:
        after = PASSES[name].run(result.model, feeds=feeds, evaluator=evaluator)
        changes = (*result.changes, *(f"{name}: {change}" for change in after.changes))
        kept = after if after.kept_fp32 else result
        origins = composed(result.origins, after.origins)
        unchecked = after.unchecked or result.unchecked
        result = PassResult(after.model, changes, origins, kept.kept_fp32, kept.unable, unchecked)
    return result


__all__ = ["PASSES", "Feeds", "Pass", "PassResult", "apply", "check_names"]
