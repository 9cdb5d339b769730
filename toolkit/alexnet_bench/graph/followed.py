"""The sizes of all inputs, of which some are given: what shares a symbolic dimension with them follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alexnet_bench.core.graph import Dim

Shape = Sequence[Dim]
Sizes = dict[str, tuple[int, ...]]


def followed(
    declared: Mapping[str, Shape | None],
    usual: Mapping[str, Sequence[int]],
    given: Mapping[str, Sequence[int]],
    batch: int | None,
) -> Sizes:
    """The usual sizes with those that are given, and with the numbers that these give to symbolic dimensions.

    A batch is the first size of every input that leaves it open, unless what is given says otherwise, or it is a later
    size of another input by its name. Of sizes that are given it takes the place of a 1 there, as in `bind_inputs`,
    which refuses what contradicts itself.

    Args:
        declared: shapes by input name; a size that is open may have a name, which is the same size everywhere.
        usual: numbers for all sizes that are open, by input name.
        given: in place of those.
        batch: likewise, for the first sizes.
    """
    asked = {name: _at_batch(declared.get(name), sizes, batch) for name, sizes in given.items()}
    bound: dict[Dim, int] = {}
    for name, sizes in asked.items():
        for dim, size in _pairs(declared.get(name), sizes):
            bound.setdefault(dim, size)
    if batch is not None:
        shapes = [shape for shape in declared.values() if shape]
        later = {dim for shape in shapes for dim in shape[1:] if dim != shape[0]}
        bound = dict.fromkeys((shape[0] for shape in shapes if shape[0] not in later), batch) | bound
    rest = {name: sizes for name, sizes in usual.items() if name not in asked}
    return asked | {name: _following(declared.get(name), sizes, bound, batch) for name, sizes in rest.items()}


def _at_batch(shape: Shape | None, sizes: Sequence[int], batch: int | None) -> tuple[int, ...]:
    if batch is None or not shape or isinstance(shape[0], int) or tuple(sizes[:1]) != (1,):
        return tuple(sizes)
    return (batch, *sizes[1:])


def _following(
    shape: Shape | None, sizes: Sequence[int], bound: Mapping[Dim, int], batch: int | None
) -> tuple[int, ...]:
    """The sizes, with those of dimensions that have a name replaced by what is bound to it."""
    found = [bound.get(dim, size) if isinstance(dim, str) else size for dim, size in _pairs(shape, sizes)]
    if found and shape and shape[0] is None and batch is not None:
        found[0] = batch
    return tuple(found or sizes)


def _pairs(shape: Shape | None, sizes: Sequence[int]) -> list[tuple[Dim, int]]:
    """Each dimension with its size; none of a shape of another rank, which is refused where it is bound."""
    return list(zip(shape, sizes, strict=True)) if shape is not None and len(shape) == len(sizes) else []
