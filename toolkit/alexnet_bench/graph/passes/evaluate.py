"""Values computed while a pass works: by ONNX Runtime where it is installed, else by ONNX's reference."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alexnet_bench.core.errors import BackendRefusal, MissingRuntimeError
from alexnet_bench.core.packages import import_package
from alexnet_bench.core.text import printable
from alexnet_bench.graph.passes.reads import reads
from alexnet_bench.graph.passes.region import between

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

    from alexnet_bench.graph.passes.draft import Draft

    Array = np.ndarray[Any, Any]

_MAX_BYTES = 2**31 - 2**20
"""Of one protobuf message."""


def region_values(draft: Draft, last: NodeProto, feeds: Mapping[str, Array]) -> Array | None:
    """What a node makes when those tensors are fed; None where other inputs are needed, or a node fails."""
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
        return next(_runs(model, [last.output[0]], [feeds]))[last.output[0]]
    except Exception:  # noqa: BLE001 - whatever a runtime raises, this is no proof
        return None


def _runs(model: ModelProto, wanted: Sequence[str], feeds: Sequence[Mapping[str, Array]]) -> Iterator[dict[str, Array]]:
    try:
        import_package("onnxruntime", "InferenceSession", "cpu")
    except MissingRuntimeError:
        from onnx.reference import ReferenceEvaluator

        session = ReferenceEvaluator(model)
        for inputs in feeds:
            yield _named(wanted, session.run(list(wanted), dict(inputs)))
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield from activations(model, wanted, feeds, Path(folder))


def activations(
    model: ModelProto, wanted: Sequence[str], feeds: Sequence[Mapping[str, Array]], folder: Path
) -> Iterator[dict[str, Array]]:
    """Tensors of a model for each of the inputs, computed by ONNX Runtime without its optimisations.

    Args:
        model: it stays as it is.
        wanted: names of tensors that nodes make.
        feeds: inputs by name, one mapping for each run.
        folder: for the weights of a model that is too large for one message.

    Raises:
        MissingRuntimeError: ONNX Runtime is not installed.
        BackendRefusal: it does not take the model or the inputs; the message is its own.
    """
    import_package("onnxruntime", "InferenceSession", "cpu")
    import onnxruntime as ort
    from onnx import GraphProto, helper

    ort.disable_telemetry_events()
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    declared = {info.name for info in model.graph.output}
    added = GraphProto(output=[helper.make_empty_tensor_value_info(name) for name in wanted if name not in declared])
    try:
        session = ort.InferenceSession(_source(model, added, folder), options, providers=["CPUExecutionProvider"])
        for inputs in feeds:
            yield _named(wanted, session.run(list(wanted), dict(inputs)))
    except Exception as error:  # noqa: BLE001 - the runtime's exception classes have no common base of their own
        raise BackendRefusal(f"onnxruntime does not run the model: {printable(str(error), 200)}") from None


def _named(wanted: Sequence[str], values: Any) -> dict[str, Array]:
    return dict(zip(wanted, values, strict=True))


def _source(model: ModelProto, added: GraphProto, folder: Path) -> str | bytes:
    """The model with outputs added; messages that follow each other are merged, and lists in them joined."""
    import onnx

    if model.ByteSize() < _MAX_BYTES:
        return bytes(model.SerializeToString() + onnx.ModelProto(graph=added).SerializeToString())
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.graph.output.extend(added.output)
    path = folder / "activations.onnx"
    onnx.save(copy, path, save_as_external_data=True, location="activations.data")
    return str(path)
