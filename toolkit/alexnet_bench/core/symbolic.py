"""Counts as formulas of a model's dynamic dimensions. Field names are the public contract of the JSON document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from numbers import Integral
from typing import Literal

from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.profile import Caution
from alexnet_bench.core.text import printable

SYMBOLIC_VERSION = 1
"""Of the document that holds counts as formulas."""

_WORD = re.compile(r"\w[\w.]*")
_LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class Term:
    """`coefficient / divisor`, times each dimension to its power."""

    coefficient: int
    powers: dict[str, int]
    divisor: int = 1

    def at(self, sizes: Mapping[str, int]) -> Fraction:
        """The exact value; sizes are Python's own numbers, for others wrap around."""
        return Fraction(
            self.coefficient * prod(sizes[name] ** power for name, power in self.powers.items()), self.divisor
        )


@dataclass(frozen=True, slots=True)
class Formula:
    """A polynomial of the sizes.

    Attributes:
        terms: to be added up; none for 0.
        text: the same for people: "18,432*N*T^2 + 85,000,000*N*T".
    """

    terms: tuple[Term, ...]
    text: str

    def at(self, sizes: Mapping[str, int]) -> int:
        """The exact value for these sizes, other names aside; whether the conditions hold `SymbolicCounts.at` looks.

        Raises:
            UsageError: a size is missing or no whole number, or the value is none: the sizes do not fit the condition.
        """
        names = {name for term in self.terms for name in term.powers}
        if not names <= sizes.keys():
            missing = ", ".join(map(printable, sorted(names - sizes.keys())))
            raise UsageError(f"the formula also depends on {missing}", "give a size")
        whole = {name: _whole(name, sizes[name]) for name in names}
        value = sum((term.at(whole) for term in self.terms), Fraction())
        if value.denominator != 1:
            raise UsageError(f"the formula does not hold for {dict(sizes)}", "look at its conditions: `where`")
        return int(value)


@dataclass(frozen=True, slots=True)
class Condition:
    """Which sizes of a dimension formulas are right for.

    Attributes:
        name: of the dimension.
        multiple_of: sizes are multiples of this.
        at_least: the smallest size.
        at_most: the largest size that was found right; None where no limit was met.
        excluding: sizes between these that were found wrong, each alone: numbers that the model itself names.
    """

    name: str
    multiple_of: int = 1
    at_least: int = 1
    at_most: int | None = None
    excluding: tuple[int, ...] = ()

    def holds(self, size: int) -> bool:
        """Whether the size fits."""
        within = size >= self.at_least and (self.at_most is None or size <= self.at_most)
        return within and size % self.multiple_of == 0 and size not in self.excluding

    def __str__(self) -> str:
        parts = [f"multiples of {self.multiple_of:,}"] if self.multiple_of > 1 else []
        if self.at_least > self.multiple_of:
            parts.append(f"from {self.at_least:,}")
        if self.at_most is not None:
            parts.append(f"up to {self.at_most:,}")
        if self.excluding:
            parts = [*(parts or ["sizes"]), f"other than {' and '.join(f'{size:,}' for size in self.excluding)}"]
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class SymbolicWork:
    """The arithmetic of a node, or of all of them; `where` leaves out dimensions that may have any size."""

    macs: Formula
    flop: Formula
    transcendentals: Formula
    where: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class SymbolicBytes:
    """The bytes that a node, or all of them, read and write, weights included; `where` as for the arithmetic."""

    bytes_read: Formula
    bytes_written: Formula
    bytes_moved: Formula
    where: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class SymbolicNode:
    """One live node of the user's graph.

    Attributes:
        name: of the node.
        op: operator, with its domain when that is not ONNX's own.
        weight_bytes: of the constants it reads.
        work: None when there is no formula.
        moved: None when there is no formula.
        why_no_formula: for one of them, "" when both are there.
        assumed: what only a run would tell, "" for nothing.
    """

    name: str
    op: str
    weight_bytes: int
    work: SymbolicWork | None
    moved: SymbolicBytes | None
    why_no_formula: str = ""
    assumed: str = ""


@dataclass(frozen=True, slots=True)
class SymbolicTotals:
    """Sums over the nodes that have a formula.

    Attributes:
        work: of `nodes_with_work` nodes; None where the graph has nodes, and none of them a formula.
        moved: of `nodes_with_moved` nodes, likewise.
        activation_peak_bytes: right where both of the others are; None when no single formula gives it.
        weight_bytes: of every constant that a live node reads, each once; depends on no size.
        params: elements of the float weights.
        nodes: live nodes.
        nodes_with_work: those whose arithmetic has a formula.
        nodes_with_moved: those whose bytes have a formula.
    """

    work: SymbolicWork | None
    moved: SymbolicBytes | None
    activation_peak_bytes: Formula | None
    weight_bytes: int
    params: int
    nodes: int
    nodes_with_work: int
    nodes_with_moved: int


@dataclass(frozen=True, slots=True)
class CountsAt:
    """The totals for one size of each dimension, of the nodes that have a formula; None where no formula gives it."""

    macs: int | None
    flop: int | None
    transcendentals: int | None
    bytes_read: int | None
    bytes_written: int | None
    activation_peak_bytes: int | None


@dataclass(frozen=True, slots=True)
class SymbolicInput:
    """An input; `shape` has numbers, and names of dimensions."""

    name: str
    shape: tuple[int | str, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class SymbolicModel:
    """The user's model."""

    name: str
    graph_sha256: str
    inputs: tuple[SymbolicInput, ...]


@dataclass(frozen=True)
class SymbolicCounts:
    """The whole document.

    Attributes:
        model: the user's model.
        dimensions: the names that formulas may use.
        totals: sums.
        nodes: per live node, in order.
        warnings: what the totals leave out.
    """

    model: SymbolicModel
    dimensions: tuple[str, ...]
    totals: SymbolicTotals
    nodes: tuple[SymbolicNode, ...]
    warnings: tuple[Caution, ...] = ()
    schema: Literal["alexnet-bench.symbolic-counts"] = "alexnet-bench.symbolic-counts"
    schema_version: int = SYMBOLIC_VERSION

    def at(self, sizes: Mapping[str, int]) -> CountsAt:
        """The totals for one size of each dimension.

        Args:
            sizes: of all of `dimensions`.

        Raises:
            UsageError: a size is missing, of no dimension of the model, or not one that the formulas are right for.
        """
        work, moved, peak = self.totals.work, self.totals.moved, self.totals.activation_peak_bytes
        whole = self._checked(sizes, (*(work.where if work else ()), *(moved.where if moved else ())))
        return CountsAt(
            macs=work.macs.at(whole) if work else None,
            flop=work.flop.at(whole) if work else None,
            transcendentals=work.transcendentals.at(whole) if work else None,
            bytes_read=moved.bytes_read.at(whole) if moved else None,
            bytes_written=moved.bytes_written.at(whole) if moved else None,
            activation_peak_bytes=None if peak is None else peak.at(whole),
        )

    def _checked(self, sizes: Mapping[str, int], conditions: Iterable[Condition]) -> dict[str, int]:
        """The sizes as Python's own numbers. Raises UsageError as `at` does."""
        if not isinstance(sizes, Mapping):
            raise UsageError(
                f"sizes are given by the names of dimensions, not as {type(sizes).__name__}", 'for example {"N": 8}'
            )
        has = f"the dimensions are {', '.join(map(shown_name, self.dimensions)) or 'none: give {}'}"
        unknown = next((name for name in sizes if name not in self.dimensions), None)
        if unknown is not None:
            raise UsageError(f"the model has no dimension {printable(str(unknown))}", has)
        missing = [shown_name(name) for name in self.dimensions if name not in sizes]
        if missing:
            raise UsageError(f"no size is given for {', '.join(missing)}", has)
        whole = {name: _whole(name, size) for name, size in sizes.items()}
        broken = next((item for item in conditions if item.name in whole and not item.holds(whole[item.name])), None)
        if broken is not None:
            raise UsageError(
                f"the formulas are not right for {shown_name(broken.name)} = {whole[broken.name]:,}",
                f"they are for {broken} of it; count such sizes by profile MODEL --static --shape",
            )
        return whole


def _whole(name: str, size: object) -> int:
    """A size as Python's own number: numpy's wrap around. Raises UsageError for what is no whole number from 1."""
    if type(size) is bool or not isinstance(size, Integral) or int(size) < 1:
        raise UsageError(f"{size!r} is no size of {shown_name(name)}", "give whole numbers from 1")
    return int(size)


def formula(terms: list[Term]) -> Formula:
    """A formula with its text, the highest powers first."""
    ordered = sorted(terms, key=lambda term: -sum(term.powers.values()))
    text = "".join(_signed(term, first=index == 0) for index, term in enumerate(ordered))
    return Formula(tuple(ordered), text or "0")


def shown_name(name: str) -> str:
    """A dimension's name, safe to show; in brackets where it could be read as a formula itself."""
    text = printable(name, _LONGEST_NAME)
    return text if _WORD.fullmatch(text) else f"[{text}]"


def _signed(term: Term, *, first: bool) -> str:
    sign = "-" if term.coefficient < 0 else ("" if first else "+")
    return f"{sign}{_unsigned(term)}" if first else f" {sign} {_unsigned(term)}"


def _unsigned(term: Term) -> str:
    size = abs(term.coefficient)
    factors = [shown_name(name) + (f"^{power}" if power > 1 else "") for name, power in term.powers.items()]
    if size != 1 or not factors:
        factors.insert(0, f"{size:,}")
    return "*".join(factors) + (f"/{term.divisor:,}" if term.divisor > 1 else "")
