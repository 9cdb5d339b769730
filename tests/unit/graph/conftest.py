"""Models written as text (onnx.parser's syntax), or made message by message, and read back from a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import onnx
import onnx.parser
import pytest

from alexnet_bench.core.graph import Graph
from alexnet_bench.graph.onnx_io import build_graph, open_model

HEADER = '<ir_version: 8, opset_import: ["" : 17, "com.example" : 1]>\n'


class Read(Protocol):
    """Reads a model for one case."""

    def __call__(
        self,
        model: str | onnx.ModelProto,
        *,
        batch: int | None = None,
        shapes: Mapping[str, Sequence[int]] | None = None,
    ) -> Graph: ...


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """A text or a message -> file -> Graph. A text without a header of its own gets opset 17.

    A value that is declared and that no node makes, `<float[4,4] w>`, becomes a weight without data.
    """

    def through_a_file(
        model: str | onnx.ModelProto, *, batch: int | None = None, shapes: Mapping[str, Sequence[int]] | None = None
    ) -> Graph:
        if isinstance(model, str):
            model = onnx.parser.parse_model(model if model.lstrip().startswith("<") else HEADER + model)
            _add_weights(model.graph)
        path = tmp_path / "model.onnx"
        path.write_bytes(model.SerializeToString())
        return build_graph(open_model(path), name="model", batch=batch, given_shapes=shapes)

    return through_a_file


def _add_weights(graph: onnx.GraphProto) -> None:
    made = {name for node in graph.node for name in node.output}
    for info in [info for info in graph.value_info if info.name not in made]:
        tensor_type = info.type.tensor_type
        dims = [dim.dim_value for dim in tensor_type.shape.dim]
        graph.initializer.add(name=info.name, data_type=tensor_type.elem_type, dims=dims)
        graph.value_info.remove(info)
