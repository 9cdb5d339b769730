"""Images and sequences at another resolution."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from alexnet_bench.core.text import printable
from alexnet_bench.graph.formulas.registry import NCHWC, Operation, UnknownShape, Work, formula

_REACH = {"linear": 1, "bilinear": 1, "cubic": 2}
"""Neighbours on either side of a place, by mode."""

_SCALES = "antialias reaches as far as if the factors were the quotients of the sizes"


@formula("Resize", settings=(1, 2))
@formula("Upsample", settings=(1,))
@formula("Upsample", domain=NCHWC)
def resize(op: Operation) -> Work:
    """Nearest neighbour moves data alone; linear and cubic interpolate over the axes that change their size.

    One linear interpolation, a + t·(b - a), is 3 FLOP. Over d axes an output is made from 2^d neighbours by 2^d - 1 of
    them; with cubic from 4^d, a product each, and the sums (ONNX, operator Resize). The weights of a neighbour follow
    from its place along each axis alone, and are left out. With `antialias` the neighbours reach 1/scale times as far
    along an axis that shrinks, rounded up (ONNX, the reference of Resize), with a product each, too; on one that grows
    it changes nothing. A region that is brought to the size of the whole (`tf_crop_and_resize`) is interpolated, too.
    """
    mode = str(op.attribute("mode", "nearest"))
    if mode == "nearest":
        return Work()
    if mode not in _REACH:
        raise UnknownShape(f"no formula for mode {printable(mode)}")
    outputs = op.output_elements()
    pairs = list(zip(op.input_shape(0), op.output_shape(), strict=True))
    changed = [pair for pair in pairs if pair[0] != pair[1]] or [pairs[axis] for axis in _cropped(op, len(pairs))]
    if not changed or not outputs:
        return Work()
    if op.integer("antialias", 0) and any(after < before for before, after in changed):
        return _antialiased(op, _REACH[mode], changed)
    if mode == "cubic":
        return Work(flop=(2 * 4 ** len(changed) - 1) * outputs)
    return Work(flop=3 * (2 ** len(changed) - 1) * outputs)


def _cropped(op: Operation, rank: int) -> Sequence[int]:
    """The axes along which a region, which is data, is cut out: those of `axes`, else all behind batch and channels."""
    if op.attribute("coordinate_transformation_mode") != "tf_crop_and_resize":
        return ()
    return op.integers("axes", tuple(range(2, rank)))


def _antialiased(op: Operation, reach: int, changed: list[tuple[int, int]]) -> Work:
    """The factor of an axis is the quotient of its sizes where these are given; a factor that is given makes it whole.

    The size that a factor makes is rounded down, so that the factor is at least the quotient, but for the rounding of
    a float32, and below that of the next size; the reach is known where it is the same for both.
    """
    shrinking = [(before, after) for before, after in changed if after < before]
    furthest = [-(-reach * before // after) for before, after in shrinking]
    nearest = [reach * before // (after + 1) + 1 for before, after in shrinking]
    by_sizes = op.has_input(3) and op.attribute("keep_aspect_ratio_policy", "stretch") == "stretch"
    neighbours = prod(2 * far for far in furthest) * (2 * reach) ** (len(changed) - len(shrinking))
    assumed = "" if by_sizes or nearest == furthest else _SCALES
    return Work(flop=(2 * neighbours - 1) * op.output_elements(), assumed=assumed)
