"""Layers of an engine as something else than a run tells them, and the model that they are counted by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from alexnet_bench.backends.tensorrt.plan_tensors import LayerInfo, PlanTensor
from alexnet_bench.graph.onnx_io import ModelFile, open_model
from alexnet_bench.workflows.counted import Counted, count_case
from alexnet_bench.workflows.resolve import resolve


@dataclass(frozen=True, slots=True)
class Sizes:
    """The inputs of the engine.

    Attributes:
        tensors: as the layers tell them; empty when they do not.
        given: sizes to count a model with, by input.
        batch: None when it is not told.
        is_asked: whether sizes and batch are the user's own, and not those that the layers tell.
    """

    tensors: tuple[PlanTensor, ...]
    given: Mapping[str, Sequence[int]]
    batch: int | None
    is_asked: bool = False

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """Sizes by input, where all of them are told."""
        return {tensor.name: tensor.sizes for tensor in self.tensors if tensor.sizes and min(tensor.sizes) >= 0}


def sizes_of(info: LayerInfo | None, given: Mapping[str, Sequence[int]] | None, batch: int | None) -> Sizes:
    """The inputs by what is told of the layers, which what was given on the command line goes before."""
    inputs = () if info is None else tuple(_settled(item, info.usual.get(item.name)) for item in _inputs(info))
    told = Sizes(inputs, {}, None).inputs
    if batch is not None or given:
        return Sizes(inputs, dict(given or {}), batch, is_asked=True)
    first = next(iter(told.values()), ())
    return Sizes(inputs, told, first[0] if first and first[0] > 0 else None)


def _inputs(info: LayerInfo) -> Sequence[PlanTensor]:
    """The inputs of an engine: as they are told, else what its layers read and do not make."""
    made = {tensor.name for layer in info.layers for tensor in layer.outputs}
    read = {tensor.name: tensor for layer in info.layers for tensor in reversed(layer.inputs)}
    return info.inputs or [read[name] for name in info.bindings if name in read and name not in made]


def _settled(tensor: PlanTensor, usual: tuple[int, ...] | None) -> PlanTensor:
    """An input with the sizes that the engine is made for, where it leaves some open."""
    if usual is None or tensor.sizes is None or len(usual) != len(tensor.sizes):
        return tensor
    fits = all(size in (-1, made_for) for size, made_for in zip(tensor.sizes, usual, strict=True))
    return replace(tensor, sizes=usual) if fits else tensor


def count_told(model: str, sizes: Sizes) -> tuple[Counted, bool]:
    """A model counted at the sizes of an engine, and whether these tell the batch.

    Args:
        model: that the engine was built from.
        sizes: of its inputs; of those that are told, not asked for, ones that the model lacks are left out.

    Raises:
        AlexnetBenchError: its subclass says what is wrong with the model or the sizes.
    """
    resolved = resolve(model)
    file = open_model(resolved.path)
    names = {item.name for item in file.proto.graph.input}
    told = sizes.given if sizes.is_asked else {name: size for name, size in sizes.given.items() if name in names}
    batch = sizes.batch if sizes.is_asked else None
    case = count_case(file, resolved, batch, told)
    return case, batch is not None or bool(told) or _is_fixed(file)


def _is_fixed(file: ModelFile) -> bool:
    """Whether the model itself says how large the first axis of its inputs is."""
    shapes = (item.type.tensor_type.shape for item in file.proto.graph.input)
    return all(shape.dim[0].dim_value > 0 for shape in shapes if shape.dim)
