"""Searching and sampling: operators whose work depends on where things lie more than on how many there are."""

from __future__ import annotations

from math import ceil, log2, prod

from alexnet_bench.core.text import printable
from alexnet_bench.graph.formulas.registry import MICROSOFT, Operation, UnknownShape, Work, formula, tensor_bytes

_IOU = 12
"""FLOP to intersect two boxes: 4 comparisons, 2 clamped differences (4), a product, a union (2), a quotient."""
_ALL_COMPARED = "each box is compared with as many as may be kept"


@formula("TopK")
def top_k(op: Operation) -> Work:
    """One comparison per input: a heap only works for the few elements that get in."""
    return Work(flop=op.input_elements(0))


@formula("NonZero")
def non_zero(op: Operation) -> Work:
    """One comparison per input. How many come out is data: at most every index is written."""
    elements, rank = op.input_elements(0), len(op.input_shape(0))
    return Work(flop=elements, bytes_read=op.inputs_bytes(), bytes_written=8 * rank * elements)


@formula("Unique")
@formula("Unique", domain=MICROSOFT)
def unique(op: Operation) -> Work:
    """A sort: n·log2(n) comparisons. How many come out is data: at most every element, and an index in each output."""
    elements, read = op.input_elements(0), op.inputs_bytes()
    indices = sum(bool(name) for name in op.node.outputs[1:])
    return Work(
        flop=elements * ceil(log2(max(elements, 2))), bytes_read=read, bytes_written=read + 8 * indices * elements
    )


@formula("NonMaxSuppression", values=(2,), settings=(3, 4))
def non_max_suppression(op: Operation) -> Work:
    """An upper bound: every box against every box that can be kept, for each class (Neubeck and Van Gool 2006).

    boxes are [batch, n, 4], scores [batch, classes, n]; max_output_boxes_per_class bounds what is kept where it
    is known, and without that input nothing is. The areas of the boxes, one product each, are left out. What is
    written is a bound, too, unless the shape of a run is known.
    """
    batch, classes, boxes = op.input_shape(1)
    kept = 0
    if op.has_input(2):
        limit = op.values(2)
        kept = min(boxes, max(limit[0], 0)) if len(limit) == 1 else boxes
    made = op.graph.tensor(op.node.outputs[0]).elements
    written = 8 * (batch * classes * kept * 3 if made is None else made)
    flop = _IOU * batch * classes * boxes * kept
    assumed = _ALL_COMPARED if flop else ""
    return Work(flop=flop, bytes_read=op.inputs_bytes(), bytes_written=written, assumed=assumed)


@formula("GridSample")
@formula("GridSample", domain=MICROSOFT)
def grid_sample(op: Operation) -> Work:
    """Interpolation between the 2^d neighbours of each point: a product each, and the sums (Jaderberg et al. 2015).

    Cubic interpolation takes 4^d neighbours, the nearest one none. A point's weights serve every channel, and are left
    out. All of the grid is read, and of the image at most the neighbours of each point.
    """
    spatial = len(op.input_shape(0)) - 2
    mode = str(op.attribute("mode", "linear"))
    neighbours = {"nearest": 0, "cubic": 4**spatial, "bicubic": 4**spatial}.get(mode, 2**spatial)
    written = op.outputs_bytes()
    read = tensor_bytes(op.input(1)) + min(tensor_bytes(op.input(0)), max(neighbours, 1) * written)
    return Work(flop=max(0, 2 * neighbours - 1) * op.output_elements(), bytes_read=read, bytes_written=written)


@formula("RoiAlign")
def roi_align(op: Operation) -> Work:
    """Per output and sample a bilinear interpolation (7) and a sum (He et al. 2017, section 3)."""
    ratio = op.integer("sampling_ratio", 0)
    if ratio < 1:
        raise UnknownShape("sampling_ratio is 0: the number of samples depends on the size of each region")
    return Work(flop=8 * ratio * ratio * op.output_elements())


@formula("CropAndResize", domain=MICROSOFT)
def crop_and_resize(op: Operation) -> Work:
    """Three interpolations a + t·(b - a) per output, or none with mode nearest; of X only the neighbours are read."""
    nearest = op.attribute("mode", "bilinear") == "nearest"
    written = op.outputs_bytes()
    rest = sum(tensor_bytes(op.input(index)) for index in (1, 2, 3))
    read = rest + min(tensor_bytes(op.input(0)), (1 if nearest else 4) * written)
    return Work(flop=(0 if nearest else 9) * op.output_elements(), bytes_read=read, bytes_written=written)


@formula("CDist", domain=MICROSOFT)
def distances(op: Operation) -> Work:
    """Per pair of rows of n elements n differences, n squares, n - 1 sums, and a root unless metric is sqeuclidean."""
    metric = str(op.attribute("metric", "sqeuclidean"))
    if metric not in ("euclidean", "sqeuclidean"):
        raise UnknownShape(f"no formula for the metric {printable(metric)}")
    width, pairs = op.input_shape(0)[1], op.output_elements()
    return Work(flop=max(0, 3 * width - 1) * pairs, transcendentals=pairs if metric == "euclidean" else 0)


@formula("DynamicTimeWarping", domain=MICROSOFT)
def dynamic_time_warping(op: Operation) -> Work:
    """The least of three neighbours and a sum for each cell of the costs; the path has at most m + n - 1 steps."""
    rows, columns = op.input_shape(0)[-2:]
    steps = max(0, rows + columns - 1)
    return Work(flop=3 * op.input_elements(0), bytes_read=op.inputs_bytes(), bytes_written=2 * 4 * steps)


@formula("DeformConv")
def deform_conv(op: Operation) -> Work:
    """As Conv; each value of a window is first interpolated between four neighbours (Dai et al. 2017, section 2.1).

    X [N, C, H, W], W [M, C/groups, kH, kW]; interpolating costs 7 per value, a mask (input 4) one more.
    """
    batch, channels, _, _ = op.input_shape(0)
    _, _, height, width = op.output_shape()
    weights = op.input_shape(1)
    outputs = op.output_elements()
    macs = outputs * prod(weights[1:])
    sampled = batch * channels * height * width * prod(weights[2:])
    return Work(macs=macs, flop=2 * macs + sampled * (7 + op.has_input(4)) + (outputs if op.has_input(3) else 0))


@formula("MaxUnpool", "Col2Im")
def spread(op: Operation) -> Work:
    """Inputs put, or with Col2Im added, into a larger output."""
    return Work(flop=op.input_elements(0) if op.node.op_type == "Col2Im" else 0)


@formula("AffineGrid")
def affine_grid(op: Operation) -> Work:
    """Each coordinate is a row of the matrix times a point, and an offset: 2·d FLOP."""
    return Work(flop=2 * op.output_shape()[-1] * op.output_elements())


@formula("Inverse", domain=MICROSOFT)
def inverse(op: Operation) -> Work:
    """Elimination with the identity beside it: 2·n³ per matrix (Golub and Van Loan, section 3.2)."""
    return Work(flop=2 * op.input_elements(0) * op.input_shape(0)[-1])


@formula("Det")
def determinant(op: Operation) -> Work:
    """Elimination: 2/3·n³ per matrix (Golub and Van Loan, section 3.2)."""
    size = op.input_shape(0)[-1]
    return Work(flop=op.output_elements() * (2 * size**3 // 3))


@formula("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial")
def random(op: Operation) -> Work:
    """Drawing numbers is not arithmetic of the model: no FLOP, the output is written."""
    likes = op.node.op_type.endswith("Like")
    return Work(bytes_read=0 if likes else op.inputs_bytes(), bytes_written=op.outputs_bytes())


@formula("BitCast")
def bit_cast(op: Operation) -> Work:
    """The same bytes under another type."""
    return Work(bytes_read=op.inputs_bytes(), bytes_written=op.outputs_bytes())
