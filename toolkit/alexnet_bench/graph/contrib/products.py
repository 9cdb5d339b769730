"""Matrix products."""

from __future__ import annotations

from alexnet_bench.graph.contrib.node import FLOAT, INT32, Node, rule
from alexnet_bench.graph.contrib.sizes import first_axis_moved, multiplied, transposed


@rule("FusedMatMul", "TransposeMatMul", "FusedMatMulActivation")
def fused_matmul(node: Node) -> None:
    """As MatMul after the transpositions; `transBatch` moves the first axis behind the other batch axes."""
    sides = []
    for index, side in enumerate("AB"):
        dims = first_axis_moved(node.dims(index), node.integer(f"transBatch{side}", 0))
        sides.append(transposed(dims, node.integer(f"trans{side}", 0)))
    node.make(0, node.dtype(0), multiplied(*sides))


@rule("FusedGemm")
def fused_gemm(node: Node) -> None:
    """As Gemm."""
    left = transposed(node.dims(0), node.integer("transA", 0))
    node.make(0, node.dtype(0), multiplied(left, transposed(node.dims(1), node.integer("transB", 0))))


@rule("QGemm")
def qgemm(node: Node) -> None:
    """As Gemm with B at input 3; float without the output's zero point (input 8)."""
    left = transposed(node.dims(0), node.integer("transA", 0))
    right = transposed(node.dims(3), node.integer("transB", 0))
    node.make(0, node.dtype(8) if node.has(8) else FLOAT, multiplied(left, right))


@rule("MatMulIntegerToFloat", "DynamicQuantizeMatMul")
def matmul_to_float(node: Node) -> None:
    """As MatMul, in float."""
    node.make(0, node.dtype(2), multiplied(node.dims(0), node.dims(1)))


@rule("MatMulNBits")
def matmul_nbits(node: Node) -> None:
    """A's rows by the attribute N."""
    _rows_by(node, 0, node.integer("N", 0))


@rule("GemmFloat8")
def gemm_float8(node: Node) -> None:
    """As Gemm, in the type that the attribute `dtype` names."""
    left = transposed(node.dims(0), node.integer("transA", 0))
    node.make(0, node.integer("dtype", FLOAT), multiplied(left, transposed(node.dims(1), node.integer("transB", 0))))


@rule("GemmFastGelu")
def matmul(node: Node) -> None:
    """As MatMul."""
    node.make(0, node.dtype(0), multiplied(node.dims(0), node.dims(1)))


@rule("MatMulInteger16")
def matmul_integer(node: Node) -> None:
    """As MatMul, in 32-bit integers."""
    node.make(0, INT32, multiplied(node.dims(0), node.dims(1)))


@rule("QOrderedMatMul")
def qordered_matmul(node: Node) -> None:
    """As MatMul of inputs 0 and 2, whatever the order of their elements in memory."""
    node.make(0, node.dtype(0), multiplied(node.dims(0), node.dims(2)))


@rule("MatMulBnb4")
def matmul_bnb4(node: Node) -> None:
    """A's rows by the attribute N, or K where B is not transposed."""
    _rows_by(node, 0, node.integer("N" if node.integer("transB", 1) else "K", 0))


@rule("MatMulFpQ4")
def matmul_fpq4(node: Node) -> None:
    """A's rows by the columns that the value of B_shape (input 2) has."""
    shape = node.values(2)
    _rows_by(node, 0, shape[1] if shape is not None and len(shape) == 2 else None)


@rule("MatMulBlockQuantizedFp8Weight", "MatMulBlockQuantizedFp4Weight")
def matmul_block_quantised(node: Node) -> None:
    """A's rows by the rows of B."""
    weights = node.dims(1)
    _rows_by(node, 0, weights[0] if weights else None)


@rule("MatMulNBitsMlp")
def matmul_nbits_mlp(node: Node) -> None:
    """A's rows by the attribute N; output 1 is the sum that was normalised."""
    _rows_by(node, 0, node.integer("N", 0))
    node.make(1, node.dtype(0), node.dims(0))


@rule("MatMulNBitsQkv")
def matmul_nbits_qkv(node: Node) -> None:
    """A's rows by the attributes Nq, Nkv and Nkv; output 3 is the sum that was normalised."""
    for index, name in enumerate(("Nq", "Nkv", "Nkv")):
        _rows_by(node, index, node.integer(name, 0))
    node.make(3, node.dtype(0), node.dims(0))


@rule("CDist")
def distances(node: Node) -> None:
    """One distance for each pair of rows."""
    left, right = node.dims(0), node.dims(1)
    node.make(0, node.dtype(0), [left[0], right[0]] if left and right else None)


def _rows_by(node: Node, index: int, columns: int | None) -> None:
    left = node.dims(0)
    node.make(index, node.dtype(0), [*left[:-1], columns] if left else None)
