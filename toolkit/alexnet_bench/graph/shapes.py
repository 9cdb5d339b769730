"""Shapes for one case: the inputs' sizes bound, then ONNX's own shape inference on the model without its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from alexnet_bench.core.errors import ModelError, ShapeError
from alexnet_bench.core.text import printable
from alexnet_bench.graph.convert import required_inputs, tensor_from_info

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, ValueInfoProto


def infer(model: ModelProto, *, batch: int | None, given: Mapping[str, Sequence[int]]) -> ModelProto:
    """A copy of the model with the sizes bound and every shape inferred that ONNX can infer.

    Args:
        model: without the data of large tensors; not changed.
        batch: size of a lone symbolic first dimension; None takes 1, and also leaves fixed batches alone.
        given: sizes by input name.

    Raises:
        ShapeError: a size is needed and not known, or one given does not fit the model.
        ModelError: shape inference finds the model contradictory.
    """
    import onnx

    bound = onnx.ModelProto()
    bound.CopyFrom(model)
    bind(bound.graph, batch=batch, given=given)
    try:
        return onnx.shape_inference.infer_shapes(bound, check_type=False, strict_mode=False, data_prop=True)
    except (onnx.shape_inference.InferenceError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"shape inference fails: {printable(str(error), 400)}", "check the model with onnx.checker"
        ) from None


def bind(graph: GraphProto, *, batch: int | None, given: Mapping[str, Sequence[int]]) -> None:
    """Replaces symbolic sizes by numbers, in place, throughout the graph.

    Raises:
        ShapeError: as `infer`.
    """
    initialisers = frozenset(item.name for item in graph.initializer)
    names = required_inputs(graph, initialisers)
    infos = {info.name: info for info in graph.input if info.name in names}
    for name in given:
        if name not in infos:
            raise ShapeError(
                f"the model has no input named {printable(name)}; it has {', '.join(map(printable, infos)) or 'none'}",
                "write --shape INPUT=1x3x224x224 with one of these names",
            )
    sizes: dict[str, int] = {}
    for name, info in infos.items():
        _bind_input(info, batch, given.get(name), sizes)
    for info in (*graph.value_info, *graph.output):
        _substitute(info, sizes)


def _bind_input(info: ValueInfoProto, batch: int | None, given: Sequence[int] | None, sizes: dict[str, int]) -> None:
    shape = tensor_from_info(info).shape
    if given is not None:
        _bind_given(info, shape, given, sizes)
        return
    if shape is None:
        if info.type.HasField("tensor_type"):
            raise ShapeError(
                f"input {printable(info.name)} has no shape", f"write --shape {printable(info.name)}=1x3x224x224"
            )
        return
    wanted = [sizes.get(dim) if isinstance(dim, str) else dim for dim in shape]
    if wanted and wanted[0] is None and None not in wanted[1:]:
        wanted[0] = batch or 1
    if None in wanted:
        raise _unknown_size(info.name, shape)
    if batch is not None and wanted and wanted[0] != batch and isinstance(shape[0], int):
        raise ShapeError(
            f"input {printable(info.name)} is fixed at batch {shape[0]}, {batch} was asked for",
            "export the model with a dynamic batch, or leave --batch out",
        )
    _bind_given(info, shape, [size for size in wanted if size is not None], sizes)


def _bind_given(
    info: ValueInfoProto, shape: tuple[int | str | None, ...] | None, given: Sequence[int], sizes: dict[str, int]
) -> None:
    if shape is not None and len(given) != len(shape):
        raise ShapeError(
            f"input {printable(info.name)} has {len(shape)} dimensions, the shape given has {len(given)}",
            f"its declared shape is {_written(shape)}",
        )
    for declared, size in zip(shape or (None,) * len(given), given, strict=True):
        fixed = sizes.get(declared) if isinstance(declared, str) else declared
        if size < 0 or (fixed is not None and fixed != size):
            raise ShapeError(
                f"{_written(tuple(given))} does not fit input {printable(info.name)}, which is {_written(shape or ())}",
                "sizes of one symbolic name must be the same everywhere",
            )
        if isinstance(declared, str):
            sizes[declared] = size
    del info.type.tensor_type.shape.dim[:]
    for size in given:
        info.type.tensor_type.shape.dim.add().dim_value = size


def _substitute(info: ValueInfoProto, sizes: Mapping[str, int]) -> None:
    if not info.type.HasField("tensor_type"):
        return
    for dim in info.type.tensor_type.shape.dim:
        if dim.HasField("dim_param") and dim.dim_param in sizes:
            dim.dim_value = sizes[dim.dim_param]


def _unknown_size(name: str, shape: tuple[int | str | None, ...]) -> ShapeError:
    guess = "x".join(str(dim) if isinstance(dim, int) else "1" for dim in shape)
    return ShapeError(
        f"input {printable(name)} has dynamic dimensions: {_written(shape)}",
        f"write their sizes, for example --shape {printable(name)}={guess}",
    )


def _written(shape: tuple[int | str | None, ...]) -> str:
    return "x".join("?" if dim is None else printable(str(dim)) for dim in shape) or "a scalar"
