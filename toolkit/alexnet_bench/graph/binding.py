"""The sizes of a model's inputs for one case: given, fixed, or a lone symbolic batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from math import prod
from numbers import Integral
from typing import TYPE_CHECKING

from alexnet_bench.core.errors import ShapeError
from alexnet_bench.core.graph import Dim, Tensor
from alexnet_bench.core.text import printable
from alexnet_bench.graph.convert import MAX_ELEMENTS, MAX_RANK, required_inputs, tensor_from_info

if TYPE_CHECKING:
    from onnx import GraphProto, ValueInfoProto

Shape = Sequence[Dim]

_PICTURE_SIZE, _PICTURE_AXES, _CHANNELS = 224, 4, (1, 3, 4)
"""For an example that a network of pictures can run at: most make them smaller by 32."""
_FOR_EXAMPLE = 'for example {"input": (1, 3, 224, 224)}'


def bind_inputs(graph: GraphProto, *, batch: int | None, given: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """Writes numbers into the shapes of the graph's inputs, in place.

    Sizes that were given come first, since they may name symbols of other inputs; what is then left open must be an
    input's first dimension, the batch. A batch that is asked for takes the place of a 1 that is the first size given
    for an input whose first dimension is symbolic, or that batch: one shape serves several batches. Any other size
    there contradicts it.

    Returns:
        the size of each symbolic dimension.

    Raises:
        ShapeError: a size is needed and not known, or one given does not fit the model.
    """
    required = set(required_inputs(graph))
    infos = {info.name: info for info in graph.input if info.name in required}
    _check_given(given, infos)
    sizes: dict[str, int] = {}
    for name, shape in given.items():
        _bind(infos[name], _at_batch(infos[name], shape, batch, sizes), sizes)
    pending = [info for info in infos.values() if info.name not in given and info.type.HasField("tensor_type")]
    while waiting := [info for info in pending if not _bind_known(info, batch, sizes)]:
        if len(waiting) == len(pending):
            raise _unknown_size(waiting[0], batch, sizes)
        pending = waiting
    _check_batch(batch, list(infos.values()))
    return sizes


def taken_as_one(graph: GraphProto, given: Mapping[str, Sequence[int]]) -> dict[str, str]:
    """The first dimensions that `bind_inputs` takes as 1 when no batch is asked for: their names, by input.

    Args:
        graph: as it is in the file.
        given: sizes by input name; a dimension that goes by one of their names has a size.
    """
    shapes = {info.name: tensor_from_info(info).shape for info in graph.input}
    sized = {dim for name in given for dim in shapes.get(name) or () if isinstance(dim, str)}
    first = {name: shape[0] for name in required_inputs(graph) if name not in given and (shape := shapes[name])}
    return {name: dim for name, dim in first.items() if isinstance(dim, str) and dim not in sized}


def declared_otherwise(graph: GraphProto, tensors: Mapping[str, Tensor]) -> dict[str, tuple[str, str]]:
    """The outputs whose declared sizes are not those that follow from the inputs: both, written out, by output.

    Args:
        graph: as it is in the file.
        tensors: with the sizes of the case.
    """
    found = {}
    for info in graph.output:
        declared, tensor = tensor_from_info(info).shape, tensors.get(info.name)
        sizes = tensor.sizes if tensor else None
        if declared is None or sizes is None:
            continue
        pairs = zip(declared, sizes, strict=False)
        if len(declared) != len(sizes) or any(isinstance(dim, int) and dim != size for dim, size in pairs):
            found[info.name] = (written(declared), written(sizes))
    return found


def declared_shapes(graph: GraphProto) -> dict[str, tuple[Dim, ...] | None]:
    """The shapes of a graph's inputs as the file has them, None where it has none."""
    return {info.name: tensor_from_info(info).shape for info in graph.input}


def can_be(declared: Shape | None, sizes: Sequence[int]) -> bool:
    """Whether an input of a declared shape can have some sizes."""
    return declared is None or (len(declared) == len(sizes) and _fits(declared, sizes, {}))


def _at_batch(info: ValueInfoProto, given: Sequence[int], batch: int | None, sizes: Mapping[str, int]) -> Sequence[int]:
    declared = _substituted(tensor_from_info(info).shape or (), sizes)
    if batch is None or not given or not declared or (isinstance(declared[0], int) and declared[0] != batch):
        return given
    if given[0] not in (1, batch):
        name = printable(info.name)
        raise ShapeError(
            f"input {name} cannot be {written(given)} at batch {batch}",
            f"leave the batch out, or write --shape {name}={written([1, *given[1:]])} for every batch",
        )
    return [batch, *given[1:]]


def _bind_known(info: ValueInfoProto, batch: int | None, sizes: dict[str, int]) -> bool:
    """Binds an input of which only the first dimension may be open; tells whether it could."""
    shape = tensor_from_info(info).shape
    if shape is None:
        return False
    wanted = _substituted(shape, sizes)
    if wanted and not isinstance(wanted[0], int):
        wanted[0] = batch or 1
    known = [dim for dim in wanted if isinstance(dim, int)]
    if len(known) < len(wanted):
        return False
    _bind(info, known, sizes)
    return True


def _bind(info: ValueInfoProto, sizes_given: Sequence[int], sizes: dict[str, int]) -> None:
    _check_fits(info, sizes_given, sizes)
    declared = tensor_from_info(info).shape or ()
    sizes.update({dim: size for dim, size in zip(declared, sizes_given, strict=False) if isinstance(dim, str)})
    shape = info.type.tensor_type.shape
    shape.SetInParent()  # a scalar's shape has no dimensions, but is there
    del shape.dim[:]
    for size in sizes_given:
        shape.dim.add().dim_value = size


def _check_fits(info: ValueInfoProto, given: Sequence[int], sizes: Mapping[str, int]) -> None:
    name, shape = printable(info.name), tensor_from_info(info).shape
    if not info.type.HasField("tensor_type"):
        raise ShapeError(f"input {name} is no tensor, and takes no shape", f"leave --shape {name}=... out")
    if len(given) > MAX_RANK or prod(given) > MAX_ELEMENTS or any(size < 0 for size in given):
        raise ShapeError(
            f"{written(given)} is no shape that input {name} can have", "give sizes that fit into a computer's memory"
        )
    if shape is None:
        return
    if len(given) != len(shape):
        raise ShapeError(
            f"input {name} has {len(shape)} dimensions, the shape given has {len(given)}",
            f"its declared shape is {written(shape)}",
        )
    if not _fits(shape, given, sizes):
        is_fixed = any(isinstance(dim, int) and dim != size for dim, size in zip(shape, given, strict=True))
        raise ShapeError(
            f"{written(given)} does not fit input {name}, which is {written(_substituted(shape, sizes))}",
            "sizes that are numbers in the model stay as they are"
            if is_fixed
            else "sizes of one symbolic name must be the same everywhere",
        )


def _fits(shape: Shape, given: Sequence[int], sizes: Mapping[str, int]) -> bool:
    bound = dict(sizes)
    for declared, size in zip(shape, given, strict=True):
        known = bound.setdefault(declared, size) if isinstance(declared, str) else declared
        if known not in (None, size):
            return False
    return True


def check_whole(given: object) -> None:
    """Raises ShapeError for anything but sequences of whole numbers by name; callers from Python may give anything."""
    if not isinstance(given, Mapping):
        raise ShapeError(f"shapes are given by input name, not as {type(given).__name__}", _FOR_EXAMPLE)
    for name, sizes in given.items():
        if not isinstance(name, str) or not _are_whole(sizes):
            raise ShapeError(
                f"the shape given for {printable(str(name))}, {printable(repr(sizes))}, "
                "is no sequence of whole numbers by the name of an input",
                _FOR_EXAMPLE,
            )


def _check_given(given: Mapping[str, Sequence[int]], infos: Mapping[str, ValueInfoProto]) -> None:
    check_whole(given)
    for name in given:
        if name not in infos:
            raise ShapeError(
                f"the model has no input named {printable(name)}; it has {', '.join(map(printable, infos)) or 'none'}",
                _hint_for(name, infos),
            )


def _are_whole(sizes: object) -> bool:
    """Whether they are a sequence of whole numbers, numpy's too."""
    if isinstance(sizes, str | bytes | Set) or not isinstance(sizes, Iterable):
        return False
    return all(isinstance(size, Integral) and not isinstance(size, bool) for size in sizes)


def _hint_for(unknown: str, infos: Mapping[str, ValueInfoProto]) -> str:
    """What to write in place of a name that no input has; perhaps it is that of a dimension."""
    of = next((name for name, info in infos.items() if unknown in (tensor_from_info(info).shape or ())), None)
    if of is None:
        return "write --shape INPUT=1x3x224x224 with one of these names"
    return f"{printable(unknown)} is a size of {printable(of)}: write all of its sizes, --shape {printable(of)}=..."


def _check_batch(batch: int | None, infos: Sequence[ValueInfoProto]) -> None:
    """A batch that no input takes would be reported, and not run."""
    shapes = {info.name: tensor_from_info(info).shape for info in infos}
    first = {name: shape[0] for name, shape in shapes.items() if shape}
    if batch is None or batch in first.values():
        return
    if not first:
        raise ShapeError(f"no input has a dimension that could be the batch of {batch}", "leave --batch out")
    name, fixed = next(iter(first.items()))
    raise ShapeError(
        f"input {printable(name)} is fixed at batch {fixed}, {batch} was asked for",
        "export the model with a dynamic batch, or leave --batch out; of a recipe, its [batch]",
    )


def _substituted(shape: Shape, sizes: Mapping[str, int]) -> list[Dim]:
    return [sizes.get(dim, dim) if isinstance(dim, str) else dim for dim in shape]


def _unknown_size(info: ValueInfoProto, batch: int | None, sizes: Mapping[str, int]) -> ShapeError:
    name, shape = printable(info.name), tensor_from_info(info).shape
    if shape is None and info.type.tensor_type.HasField("shape"):
        return ShapeError(
            f"input {name} has absurd sizes: more than {MAX_ELEMENTS:,} elements, or more than {MAX_RANK} dimensions",
            "export the model again with sizes that it can be run at",
        )
    if shape is None:
        return ShapeError(f"input {name} has no shape", f"write --shape {name}=1x3x224x224")
    known = _substituted(shape, sizes)
    usual = [batch or 1, *[_PICTURE_SIZE if _is_picture(known) else 1] * (len(known) - 1)]
    guess = [dim if isinstance(dim, int) else size for dim, size in zip(known, usual, strict=True)]
    return ShapeError(
        f"input {name} has dynamic dimensions: {written(known)}",
        f"write their sizes, for example --shape {name}={written(guess)}; build-engine takes --min, --opt and --max",
    )


def _is_picture(shape: Sequence[Dim]) -> bool:
    """Whether all that is known of an input but its batch are channels, as many as a picture has."""
    known = [dim for dim in shape[1:] if isinstance(dim, int)]
    return len(shape) == _PICTURE_AXES and len(known) == 1 and known[0] in _CHANNELS


def written(shape: Shape) -> str:
    """A shape for messages, "?" where a size is open."""
    return "x".join("?" if dim is None else printable(str(dim)) for dim in shape) or "a scalar"
