"""Types and shapes of a model that a pass works on, with dimensions that no input fixes left open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alexnet_bench.core.graph import Dim, Tensor
from alexnet_bench.graph import contrib
from alexnet_bench.graph.convert import tensors_of
from alexnet_bench.graph.passes.reads import SMALL, elements

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto


@dataclass(frozen=True)
class Types:
    """What is known of the tensors of the main graph."""

    tensors: Mapping[str, Tensor]

    def tensor(self, name: str) -> Tensor:
        """Type and shape; one of which nothing is known when there is none of that name."""
        return self.tensors.get(name) or Tensor(name)

    def dtype(self, name: str) -> str:
        """The name that numpy has for the element type, "" when unknown."""
        return self.tensor(name).dtype

    def shape(self, name: str) -> tuple[Dim, ...] | None:
        """Sizes by axis; names or None where they are open, None when even the rank is."""
        return self.tensor(name).shape

    def sizes(self, name: str) -> tuple[int, ...] | None:
        """The shape when every axis is a number, else None."""
        return self.tensor(name).sizes

    def sizes_behind_first(self, name: str) -> tuple[int, ...] | None:
        """The sizes of all axes but the first; None unless each is a number."""
        shape = self.shape(name)
        if not shape:
            return None
        sizes = tuple(dim for dim in shape[1:] if isinstance(dim, int))
        return sizes if len(sizes) == len(shape) - 1 else None


def inferred_types(model: ModelProto) -> Types:
    """ONNX's shape inference on a model without its weights; declared types alone where that fails."""
    from onnx.checker import ValidationError
    from onnx.shape_inference import InferenceError

    declared = tensors_of(model.graph)
    try:
        found = contrib.infer_shapes(model, follow_values=True)
    except (InferenceError, ValidationError, ValueError, RuntimeError, LookupError, MemoryError):
        return Types(declared)
    return Types(declared | tensors_of(found.graph))


def without_data(tensor: TensorProto) -> TensorProto:
    """A tensor as shape inference needs it: whole when it is small, else its name, type and sizes."""
    from onnx import TensorProto

    if elements(tensor) <= SMALL:
        return tensor
    return TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
