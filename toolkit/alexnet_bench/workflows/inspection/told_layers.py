"""Layers of an engine as something else than a run tells them, and the model that they are counted by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from alexnet_bench.backends.protocol import EngineInput
from alexnet_bench.backends.tensorrt.plan_tensors import LayerInfo, PlanTensor
from alexnet_bench.core.errors import ShapeError
from alexnet_bench.core.text import printable
from alexnet_bench.graph.binding import can_be, declared_shapes, written
from alexnet_bench.graph.onnx_io import ModelFile, open_model
from alexnet_bench.workflows.counted import Counted, count_case
from alexnet_bench.workflows.engines.plan_sizes import sizes_to_run
from alexnet_bench.workflows.resolve import resolve


@dataclass(frozen=True, slots=True)
class Sizes:
    """The inputs of the engine.

    Attributes:
        tensors: as the layers tell them, with sizes in place of those that they leave open; empty when they do not.
        told: sizes by input, where the layers tell all of them or only what was asked for was open.
        asked: sizes by input that the user gave.
        asked_batch: that the user gave.
    """

    tensors: tuple[PlanTensor, ...]
    told: Mapping[str, tuple[int, ...]]
    asked: Mapping[str, tuple[int, ...]]
    asked_batch: int | None

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """Sizes by input, where they are known."""
        return {**self.told, **self.asked}

    @property
    def batch(self) -> int | None:
        """None when it is not told."""
        first = next(iter(self.inputs.values()), ())
        return self.asked_batch or (first[0] if first and first[0] > 0 else None)


def sizes_of(info: LayerInfo | None, given: Mapping[str, Sequence[int]] | None, batch: int | None) -> Sizes:
    """The inputs by what is told of the layers; what these leave open is as given, else as the engine is made for.

    Raises:
        ShapeError: what is given contradicts what is told, or no optimisation profile takes it.
    """
    info = info or LayerInfo(())
    asked = {name: tuple(sizes) for name, sizes in (given or {}).items()}
    tensors = tuple(_inputs(info))
    ends = [_end(item, info) for item in tensors if item.sizes is not None]
    known = asked.keys() if info.inputs and len(ends) == len(tensors) else {item.name for item in ends}
    sizes = sizes_to_run(ends, {name: size for name, size in asked.items() if name in known}, batch) if ends else {}
    told = {name: size for name, size in sizes.items() if min(size, default=0) >= 0}
    return Sizes(tuple(replace(item, sizes=sizes.get(item.name)) for item in tensors), told, asked, batch)


def _inputs(info: LayerInfo) -> Sequence[PlanTensor]:
    """The inputs of an engine: as they are told, else what its layers read and do not make."""
    made = {tensor.name for layer in info.layers for tensor in layer.outputs}
    read = {tensor.name: tensor for layer in info.layers for tensor in reversed(layer.inputs)}
    return info.inputs or [read[name] for name in info.bindings if name in read and name not in made]


def _end(tensor: PlanTensor, info: LayerInfo) -> EngineInput:
    sizes = tensor.sizes or ()
    ranges = info.ranges.get(tensor.name, ()) if -1 in sizes else ()
    fit = all(len(ends) == len(sizes) for bounds in ranges for ends in (bounds.min, bounds.opt, bounds.max))
    return EngineInput(tensor.name, tensor.dtype, sizes, ranges if fit else ())


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
    told = _of_model(sizes, file, resolved.name)
    is_of_all = all(size[:1] in ((), (sizes.asked_batch,)) for size in told.values())
    case = count_case(file, resolved, sizes.asked_batch if is_of_all else None, {**sizes.asked, **told})
    return case, sizes.asked_batch is not None or bool(told or sizes.asked) or _is_fixed(file)


def _of_model(sizes: Sizes, file: ModelFile, model: str) -> dict[str, tuple[int, ...]]:
    """The sizes that the engine tells of inputs of a model. Raises ShapeError for some that an input cannot have."""
    declared = {name: shape for name, shape in declared_shapes(file.proto.graph).items() if name in sizes.told}
    for name, shape in declared.items():
        if name not in sizes.asked and not can_be(shape, size := sizes.told[name]):
            raise ShapeError(
                f"input {printable(name)} is {written(size)} in the engine, by its layers, and {written(shape or ())} "
                f"in the model {printable(model, 200)}: it seems to be another model",
                "give --model the one that the engine was built from",
            )
    return {name: sizes.told[name] for name in declared}


def _is_fixed(file: ModelFile) -> bool:
    """Whether the model itself says how large the first axis of its inputs is."""
    shapes = (item.type.tensor_type.shape for item in file.proto.graph.input)
    return all(shape.dim[0].dim_value > 0 for shape in shapes if shape.dim)
