"""Values computed while a pass works: by whoever calls it, else by ONNX's reference.

No runtime is imported here. One that dies, hangs or writes files does that in a process of its own, which is the
caller's to start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from alexnet_bench.core.errors import BackendRefusal
from alexnet_bench.core.text import printable
from alexnet_bench.graph.passes.reads import reads
from alexnet_bench.graph.passes.region import between
from alexnet_bench.graph.passes.result import Array, Feeds

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

    from alexnet_bench.graph.passes.draft import Draft


class Evaluator(Protocol):
    """Computes tensors of a model, which stays as it is, without optimisations."""

    def value(self, model: ModelProto, feeds: Mapping[str, Array]) -> Array:
        """The one output of a model.

        Raises:
            BackendRefusal: the model or the inputs are not taken.
            BackendCrash: the runtime died or hung.
        """
        ...

    def peaks(self, model: ModelProto, names: Sequence[str], feeds: Feeds) -> list[dict[str, float]]:
        """The largest magnitudes in tensors that nodes make, for each of the inputs; NaN where there is one.

        What is empty or of no float type has none.

        Raises:
            BackendRefusal: the model or the inputs are not taken.
            BackendCrash: the runtime died or hung.
        """
        ...


class ByReference:
    """ONNX's reference; too slow for all that a model computes."""

    def value(self, model: ModelProto, feeds: Mapping[str, Array]) -> Array:
        """The one output of a model. Raises BackendRefusal where it fails."""
        from onnx.reference import ReferenceEvaluator

        try:
            return np.asarray(next(iter(ReferenceEvaluator(model).run(None, dict(feeds)))))
        except Exception as error:  # noqa: BLE001 - a malformed node raises whatever Python and numpy raise on the way
            raise BackendRefusal(f"onnx's reference does not run the model: {printable(str(error), 200)}") from None

    def peaks(self, model: ModelProto, names: Sequence[str], feeds: Feeds) -> list[dict[str, float]]:
        """Raises BackendRefusal."""
        del model, names, feeds
        raise BackendRefusal("onnxruntime is not installed (the extra cpu)")


def region_values(draft: Draft, last: NodeProto, feeds: Mapping[str, Array], evaluator: Evaluator) -> Array | None:
    """What a node makes when those tensors are fed; None where other inputs are needed, or a node fails.

    Raises:
        BackendCrash: the evaluator's runtime died or hung.
    """
    region = between(draft, feeds.keys(), last)
    if region is None:
        return None
    from onnx import helper

    names = dict.fromkeys(name for node in region for name in reads(node) if name in draft.constants)
    graph = helper.make_graph(
        region,
        "region",
        [helper.make_tensor_value_info(name, 1, value.shape) for name, value in feeds.items()],
        [helper.make_empty_tensor_value_info(last.output[0])],
        [draft.constants[name] for name in names],
    )
    model = helper.make_model(graph, opset_imports=list(draft.model.opset_import), ir_version=8)
    try:
        return evaluator.value(model, feeds)
    except BackendRefusal:  # no proof
        return None
