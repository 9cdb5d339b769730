"""One node of ONNX Runtime with its inputs: what the tests of shape rules run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from tests.unit.graph.formula_case import MICROSOFT

Array = NDArray[Any]
Declared = Sequence[tuple[int, Sequence[int | None]]]
"""Element types, by ONNX's numbers, and shapes of outputs."""


@dataclass(frozen=True)
class Real:
    """A node with its inputs; one is fed, the others are constants."""

    op: str
    inputs: Sequence[Array | None]
    outputs: int = 1
    attributes: Mapping[str, Any] = field(default_factory=dict)
    domain: str = MICROSOFT
    fed: int = 0
    version: int = 1
    """Of its domain, where that is neither ONNX's nor com.microsoft."""
    opset: int = 17

    def __str__(self) -> str:
        shapes = [None if value is None else value.shape for value in self.inputs]
        return f"{self.op}-{shapes}-{dict(self.attributes)}".replace(" ", "")

    @property
    def model(self) -> onnx.ModelProto:
        return self.declaring([])

    def declaring(self, declared: Declared) -> onnx.ModelProto:
        """The model, with what is said about its outputs."""
        names = ["" if value is None else f"x{index}" for index, value in enumerate(self.inputs)]
        outputs = [f"y{index}" for index in range(self.outputs)]
        infos = [helper.make_tensor_value_info(f"y{at}", dtype, shape) for at, (dtype, shape) in enumerate(declared)]
        given = {name: value for name, value in zip(names, self.inputs, strict=True) if value is not None}
        name = f"x{self.fed}"
        fed = given[name]
        graph = helper.make_graph(
            [helper.make_node(self.op, names, outputs, "node", domain=self.domain, **dict(self.attributes))],
            "g",
            [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(fed.dtype), fed.shape)],
            infos or [onnx.ValueInfoProto(name=output) for output in outputs],
            [numpy_helper.from_array(value, key) for key, value in given.items() if key != name],
        )
        versions = {self.domain: self.version, "": self.opset, MICROSOFT: 1}
        imports = [helper.make_opsetid(domain, version) for domain, version in versions.items()]
        return helper.make_model(graph, opset_imports=imports, ir_version=8)

    def session(self, declared: Declared = ()) -> onnxruntime.InferenceSession:
        """What ONNX Runtime makes of it; an error if its own inference contradicts what is declared."""
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.add_session_config_entry("session.strict_shape_type_inference", "1" if declared else "0")
        model = self.declaring(declared).SerializeToString()
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def run(self) -> list[Array]:
        made: list[Array] = self.session().run(None, {f"x{self.fed}": self.inputs[self.fed]})
        return made


def real(*shape: int) -> Array:
    return np.full(shape, 0.5, np.float32)


def half(*shape: int) -> Array:
    return np.full(shape, 0.5, np.float16)


def small(*shape: int, dtype: str = "uint8") -> Array:
    return np.ones(shape, dtype)


def whole(*values: int, dtype: str = "int64") -> Array:
    return np.array(values, dtype)


def number(value: int, dtype: str = "int32") -> Array:
    return np.array(value, dtype)


SCALE, ZERO, SIGNED = real(), small(), small(dtype="int8")
QUANTISED_BY = (SCALE, ZERO)
ROW = real(3, 5)
BYTES = small(3, 5)
