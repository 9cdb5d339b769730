"""Images and sequences at another resolution."""

from __future__ import annotations

from alexnet_bench.graph.formulas.registry import NCHWC, Operation, UnknownShape, Work, formula


@formula("Resize", settings=(1, 2))
@formula("Upsample", settings=(1,))
@formula("Upsample", domain=NCHWC)
def resize(op: Operation) -> Work:
    """Nearest neighbour moves data alone; linear interpolates along each axis that changes its size.

    One interpolation, a + t·(b - a), is 3 FLOP. Over d axes an output is made from 2^d neighbours by 2^d - 1 of them
    (ONNX, operator Resize, mode linear; `antialias` widens the window and has no formula here). Cubic has none either.
    """
    mode = op.attribute("mode", "nearest")
    if mode == "nearest":
        return Work()
    if op.integer("antialias", 0) or mode not in ("linear", "bilinear"):
        raise UnknownShape(f"no formula for mode {mode!r} with these attributes")
    changed = sum(before != after for before, after in zip(op.input_shape(0), op.output_shape(), strict=True))
    return Work(flop=3 * (2**changed - 1) * op.output_elements())
