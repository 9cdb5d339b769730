"""Images and sequences at another resolution."""

from __future__ import annotations

from alexnet_bench.core.text import printable
from alexnet_bench.graph.formulas.registry import NCHWC, Operation, UnknownShape, Work, formula


@formula("Resize", settings=(1, 2))
@formula("Upsample", settings=(1,))
@formula("Upsample", domain=NCHWC)
def resize(op: Operation) -> Work:
    """Nearest neighbour moves data alone; linear and cubic interpolate over the axes that change their size.

    One linear interpolation, a + t·(b - a), is 3 FLOP. Over d axes an output is made from 2^d neighbours by 2^d - 1 of
    them; with cubic from 4^d, a product each, and the sums (ONNX, operator Resize). The weights of a neighbour follow
    from its place along each axis alone, and are left out. With `antialias` an axis that shrinks takes more neighbours,
    whose number differs from place to place; on one that grows it changes nothing.
    """
    mode = str(op.attribute("mode", "nearest"))
    if mode == "nearest":
        return Work()
    if mode not in ("linear", "bilinear", "cubic"):
        raise UnknownShape(f"no formula for mode {printable(mode)}")
    sizes = list(zip(op.input_shape(0), op.output_shape(), strict=True))
    if op.integer("antialias", 0) and any(after < before for before, after in sizes):
        raise UnknownShape("how many neighbours antialias takes in differs from place to place")
    axes = sum(before != after for before, after in sizes)
    if mode == "cubic":
        return Work(flop=(2 * 4**axes - 1 if axes else 0) * op.output_elements())
    return Work(flop=3 * (2**axes - 1) * op.output_elements())
