"""Cases worked out by hand: operators on data in blocks of channels."""

from __future__ import annotations

from alexnet_bench.graph.formulas.fused import UNFILLED
from alexnet_bench.graph.formulas.registry import NCHWC
from tests.unit.graph.formula_case import Case

BLOCKS, PIXELS = (2, 16, 6, 6), 1152
CONV = [BLOCKS, (16, 16, 3, 3), (16,)]
MADE = (2, 16, 4, 4)  # 512 elements

BLOCKED_CASES = [
    Case("Conv", CONV[:2], MADE, 512 * 144, 2 * 512 * 144, domain=NCHWC),
    # a bias, a sum, and an activation
    Case("Conv", [*CONV, MADE], MADE, 512 * 144, 2 * 512 * 144 + 3 * 512, domain=NCHWC,
         attributes={"activation": "Relu"}),
    # 10 of 16 channels come out, 12 of 16 go in: 320 elements of 108 each
    Case("Conv", CONV, MADE, 320 * 108, 2 * 320 * 108 + 4 * 320, 320, domain=NCHWC,
         attributes={"activation": "Sigmoid", UNFILLED: (12, 10)}),
    Case("MaxPool", [BLOCKS], (2, 16, 3, 3), flop=3 * 288, domain=NCHWC, attributes={"kernel_shape": (2, 2)}),
    Case("AveragePool", [BLOCKS], (2, 16, 3, 3), flop=4 * 288, domain=NCHWC, attributes={"kernel_shape": (2, 2)}),
    Case("GlobalMaxPool", [BLOCKS], (2, 16, 1, 1), flop=PIXELS - 32, domain=NCHWC),
    Case("GlobalAveragePool", [BLOCKS], (2, 16, 1, 1), flop=PIXELS, domain=NCHWC),
    Case("Upsample", [BLOCKS], (2, 16, 12, 12), domain=NCHWC, attributes={"mode": "nearest"}),
    Case("Upsample", [BLOCKS], (2, 16, 12, 12), flop=9 * 4608, domain=NCHWC, attributes={"mode": "linear"}),
    # what is moved is filled up
    Case("ReorderInput", [(2, 10, 6, 6)], BLOCKS, domain=NCHWC),
    Case("ReorderOutput", [BLOCKS], (2, 6, 6, 10), domain=NCHWC, attributes={"channels": 10, "channels_last": 1}),
]  # fmt: skip
