"""Products of float activations with weights packed in few bits. Each weight is dequantised once, if there are rows."""

from __future__ import annotations

from math import prod

from alexnet_bench.graph.formulas.inputs import Unpacked, elements_in_bytes
from alexnet_bench.graph.formulas.prices import RMS_NORM, activation_price
from alexnet_bench.graph.formulas.registry import MICROSOFT, Operation, UnknownShape, Work, formula


def packed_product(op: Operation, inner: int, columns: int, *, per_weight: int, biased: bool = False) -> Work:
    """A [..., inner] times a packed weight of so many columns; `per_weight` FLOP to dequantise each weight."""
    shape = op.input_shape(0)
    if not shape or shape[-1] != inner:
        raise ValueError(f"K is {inner}, the rows of A have {shape[-1] if shape else 0}")
    rows = prod(shape[:-1])
    macs = rows * inner * columns
    dequantised = per_weight * inner * columns if rows else 0
    return Work(macs=macs, flop=2 * macs + dequantised + (rows * columns if biased else 0))


def _of_columns(**columns: tuple[int, ...]) -> Unpacked:
    """Elements of weights of K rows, by the attributes that say how many columns the weight of which input has."""

    def elements(op: Operation) -> dict[int, int]:
        rows = max(op.integer("K", 0), 0)
        return {index: rows * max(op.integer(name, 0), 0) for name, indices in columns.items() for index in indices}

    return elements


@formula("MatMulNBits", domain=MICROSOFT, weights=(1, 5), unpacked=_of_columns(N=(1,)))
def matmul_nbits(op: Operation) -> Work:
    """A [..., K] times a weight of N columns packed in few bits, with a scale per block (ContribOperators.md).

    A weight takes 2 to dequantise: the zero point and the scale. Bytes are those of the packed tensor.
    """
    return packed_product(op, op.integer("K", 0), op.integer("N", 0), per_weight=2, biased=op.has_input(5))


@formula("MatMulBnb4", domain=MICROSOFT, weights=(1,), unpacked=_of_columns(N=(1,)))
def matmul_bnb4(op: Operation) -> Work:
    """As MatMulNBits with values from a table times a scale: 1 per weight. Without `transB` from N to K."""
    inner, columns = op.integer("K", 0), op.integer("N", 0)
    if not op.integer("transB", 1):
        inner, columns = columns, inner
    return packed_product(op, inner, columns, per_weight=1)


def _of_shape(op: Operation) -> dict[int, int]:
    """Elements of a blob, by B_shape."""
    return {1: max(prod(op.values(2)), 0) if op.values(2) else 0}


@formula("MatMulFpQ4", domain=MICROSOFT, values=(2,), weights=(1,), unpacked=_of_shape)
def matmul_fpq4(op: Operation) -> Work:
    """As MatMulNBits; B is a blob, and K and N are the values of B_shape (input 2)."""
    shape = op.values(2)
    if len(shape) != 2:
        raise UnknownShape("B_shape is not known to be two sizes")
    return packed_product(op, shape[0], shape[1], per_weight=2)


def _of_fp4(op: Operation) -> dict[int, int]:
    return {1: elements_in_bytes(op.input(1), 4)}


@formula("MatMulBlockQuantizedFp8Weight", domain=MICROSOFT, weights=(1, 4))
@formula("MatMulBlockQuantizedFp4Weight", domain=MICROSOFT, weights=(1, 5), unpacked=_of_fp4)
def matmul_block_quantised(op: Operation) -> Work:
    """A [..., K] times Bᵀ, [N, K] of 8 bits with one scale per block, or two in a byte with a global scale besides.

    With a_scale (input 3 of the first) each element of A is divided and multiplied by it.
    """
    eight = op.node.op_type == "MatMulBlockQuantizedFp8Weight"
    columns, stored = op.input_shape(1)
    bias, inner = (4, stored) if eight else (5, 2 * stored)
    work = packed_product(op, inner, columns, per_weight=1 if eight else 2, biased=op.has_input(bias))
    scaled = 2 * op.input_elements(0) if eight and op.has_input(3) else 0
    return Work(work.macs, work.flop + scaled)


@formula("MatMulNBitsMlp", domain=MICROSOFT, weights=(2, 3, 5, 6, 8), unpacked=_of_columns(N=(3, 6)))
def matmul_nbits_mlp(op: Operation) -> Work:
    """The product activation(gate)·up, both as MatMulNBits of the same A (ContribOperators.md).

    A is normalised first where norm_scale (input 2) is given, after the sum with skip (1). Biases are inputs 5 and 8.
    """
    flop, transcendentals = activation_price(str(op.attribute("activation", "")))
    inner, columns = op.integer("K", 0), op.integer("N", 0)
    products = [packed_product(op, inner, columns, per_weight=2, biased=op.has_input(index)) for index in (5, 8)]
    outputs = prod(op.input_shape(0)[:-1]) * columns
    return _after_norm(op, products, flop=(flop + 1) * outputs, transcendentals=transcendentals * outputs)


@formula(
    "MatMulNBitsQkv",
    domain=MICROSOFT,
    weights=(2, 3, 5, 6, 8, 9, 11),
    unpacked=_of_columns(Nq=(3,), Nkv=(6, 9)),
)
def matmul_nbits_qkv(op: Operation) -> Work:
    """Q, K and V, each as MatMulNBits of the normalised A; biases are inputs 5, 8 and 11 (ContribOperators.md)."""
    inner = op.integer("K", 0)
    sizes = ((5, "Nq"), (8, "Nkv"), (11, "Nkv"))
    products = [
        packed_product(op, inner, op.integer(name, 0), per_weight=2, biased=op.has_input(index))
        for index, name in sizes
    ]
    return _after_norm(op, products, flop=0, transcendentals=0)


def _after_norm(op: Operation, products: list[Work], *, flop: int, transcendentals: int) -> Work:
    before = (op.has_input(1) + RMS_NORM * op.has_input(2)) * op.input_elements(0)
    return Work(
        macs=sum(work.macs for work in products),
        flop=sum(work.flop for work in products) + before + flop,
        transcendentals=transcendentals,
    )
