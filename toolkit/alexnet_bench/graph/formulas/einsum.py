"""Einstein sums: any contraction, operands taken from left to right."""

from __future__ import annotations

from collections import Counter
from math import prod

from alexnet_bench.graph.formulas.registry import Operation, Work, formula


@formula("Einsum")
def einsum(op: Operation) -> Work:
    """Two operands cost one MAC for each combination of all their labels (ONNX, operator Einsum; numpy.einsum).

    More than two are contracted from left to right; a label that neither the output nor a later operand needs is summed
    as soon as it can be. A label of one operand alone that is summed costs one addition per element.
    """
    shapes = [op.input_shape(index) for index in range(len(op.node.inputs))]
    terms, result = parse(str(op.attribute("equation", "")), list(map(len, shapes)))
    operands = [_sizes([term], [shape]) for term, shape in zip(terms, shapes, strict=True)]
    _sizes(terms, shapes)  # the operands must fit each other
    macs = flop = 0
    held = operands[0]
    for index in range(1, len(terms)):
        needed = result.union(*terms[index + 1 :])
        left, left_sums = _reduce(held, needed.union(terms[index]))
        right, right_sums = _reduce(operands[index], needed.union(held))
        combined = {label: _broadcast(left.get(label, 1), right.get(label, 1)) for label in left | right}
        macs += prod(combined.values())
        flop += left_sums + right_sums
        held = {label: size for label, size in combined.items() if label in needed}
    flop += _reduce(held, result)[1]
    return Work(macs=macs, flop=2 * macs + flop)


def parse(equation: str, ranks: list[int]) -> tuple[list[tuple[str, ...]], set[str]]:
    """The labels of each operand and of the output; an ellipsis becomes labels "...0" counted from the right.

    Raises:
        ValueError: the equation does not fit the operands.
    """
    left, arrow, right = equation.replace(" ", "").partition("->")
    written = left.split(",")
    if len(written) != len(ranks):
        raise ValueError(f"{len(written)} terms for {len(ranks)} operands")
    terms = [_labels(term, rank) for term, rank in zip(written, ranks, strict=True)]
    every = Counter(label for term in terms for label in term)
    ellipsis = {label for label in every if label.startswith("...")}
    if not arrow:
        return terms, ellipsis | {label for label in every if every[label] == 1}
    result = _letters(right)
    if len(set(result)) < len(result) or not every.keys() >= set(result):
        raise ValueError("the output repeats a label, or has one that no operand has")
    return terms, set(result) | (ellipsis if "..." in right else set())


def output_shape(equation: str, shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    """The sizes of the output; without an arrow its labels are in the order of the alphabet, behind the ellipsis.

    Raises:
        ValueError: the equation does not fit the operands, or these each other.
    """
    terms, result = parse(equation, list(map(len, shapes)))
    sizes = _sizes(terms, shapes)
    ellipsis = sorted((label for label in result if label.startswith("...")), key=lambda label: -int(label[3:]))
    _, arrow, right = equation.replace(" ", "").partition("->")
    before, dots, after = right.partition("...") if arrow else ("", "...", "".join(sorted(result.difference(ellipsis))))
    return tuple(sizes[label] for label in (*before, *(ellipsis if dots else ()), *after))


def _letters(term: str) -> str:
    """A term without its one ellipsis: letters alone (ONNX, operator Einsum)."""
    letters = term.replace("...", "", 1)
    if letters and not (letters.isascii() and letters.isalpha()):
        raise ValueError("a term has something that is neither a letter nor one ellipsis")
    return letters


def _labels(term: str, rank: int) -> tuple[str, ...]:
    _letters(term)
    before, dots, after = term.partition("...")
    hidden = rank - len(before) - len(after)
    if hidden < 0 or (hidden and not dots):
        raise ValueError(f"a term of {len(before) + len(after)} labels does not fit {rank} dimensions")
    return (*before, *(f"...{hidden - 1 - index}" for index in range(hidden)), *after)


def _sizes(terms: list[tuple[str, ...]], shapes: list[tuple[int, ...]]) -> dict[str, int]:
    """Size of each label, 1 giving way to any other. Raises ValueError when two do not fit."""
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        for label, size in zip(term, shape, strict=True):
            sizes[label] = _broadcast(sizes.get(label, 1), size)
    return sizes


def _broadcast(left: int, right: int) -> int:
    if left != right and 1 not in (left, right):
        raise ValueError(f"a label has sizes {left} and {right}")
    return right if left == 1 else left


def _reduce(sizes: dict[str, int], needed: set[str]) -> tuple[dict[str, int], int]:
    """The labels that are left, and the additions of summing the others out."""
    left = {label: size for label, size in sizes.items() if label in needed}
    return left, max(0, prod(sizes.values()) - prod(left.values())) if len(left) < len(sizes) else 0
