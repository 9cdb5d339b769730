"""What every tensor of a model is in a run of ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx
import onnxruntime
from numpy.typing import NDArray

Array = NDArray[Any]


def run(model: onnx.ModelProto, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Every tensor that a node of the main graph makes; sequences are left out."""
    every = onnx.ModelProto()
    every.CopyFrom(model)
    outputs = {info.name for info in model.graph.output}
    inner = [name for node in model.graph.node for name in node.output if name and name not in outputs]
    every.graph.output.extend(onnx.ValueInfoProto(name=name) for name in inner)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(every.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [info.name for info in session.get_outputs()]
    made = zip(names, session.run(names, feeds), strict=True)
    return {name: value for name, value in made if not isinstance(value, list)}
