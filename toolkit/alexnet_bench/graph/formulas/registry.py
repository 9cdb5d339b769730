"""The registry of cost formulas: one function per operator, and the rules for what they return."""

from __future__ import annotations

from collections.abc import Callable, Collection
from math import prod
from typing import TypeVar

import msgspec

from alexnet_bench.core.graph import Attribute, Graph, Node, Tensor
from alexnet_bench.core.text import printable
from alexnet_bench.graph.formulas.inputs import Inputs, Unpacked, inputs_of, say, values_read


class Work(msgspec.Struct, frozen=True, gc=False):
    """What one operator does for one set of shapes.

    Attributes:
        macs: multiply-adds.
        flop: 2·macs + bias + elementwise work.
        transcendentals: exp, log, pow, tanh, square roots and the like.
        bytes_read: None stands for each input once.
        bytes_written: None stands for each output once.
        no_bytes: why neither of the two is known, "" where they are.
        assumed: what had to be assumed because it is only known at run time, "" for nothing.
    """

    macs: int = 0
    flop: int = 0
    transcendentals: int = 0
    bytes_read: int | None = None
    bytes_written: int | None = None
    assumed: str = ""
    no_bytes: str = ""


class UnknownShape(Exception):  # noqa: N818 - not an error of the program: the node is listed as not counted
    """A formula needs a shape that shape inference did not find."""


class UnknownTensor(UnknownShape):
    """It is that of one tensor.

    Attributes:
        what: is not known: "shape".
        name: of the tensor.
    """

    def __init__(self, what: str, name: str) -> None:
        super().__init__(f"{what} of {printable(name)} is unknown")
        self.what = what
        self.name = name


class Operation(msgspec.Struct, frozen=True):
    """A node together with its graph: what a formula may ask."""

    node: Node
    graph: Graph

    def attribute(self, name: str, default: Attribute = None) -> Attribute:
        """An attribute's value, or the default."""
        return self.node.attributes.get(name, default)

    def integer(self, name: str, default: int) -> int:
        """An integer attribute."""
        value = self.node.attributes.get(name, default)
        return value if isinstance(value, int) else default

    def integers(self, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
        """An attribute that is a list of integers."""
        value = self.node.attributes.get(name)
        return tuple(int(item) for item in value) if isinstance(value, tuple) else default

    def window(self) -> int:
        """Elements of a pooling window, one size for each axis behind batch and channels. Raises UnknownShape."""
        sizes = self.integers("kernel_shape", ())
        axes = len(self.input_shape(0)) - 2
        if not sizes or len(sizes) != axes:
            raise UnknownShape(f"kernel_shape has {len(sizes)} sizes for {axes} axes")
        if min(sizes) < 1:
            raise UnknownShape("kernel_shape has a size below 1")
        return prod(sizes)

    def has_input(self, index: int) -> bool:
        """Whether the optional input is given."""
        return index < len(self.node.inputs) and bool(self.node.inputs[index])

    def input(self, index: int) -> Tensor:
        """An input's tensor."""
        if not self.has_input(index):
            raise UnknownShape(f"input {index} is missing")
        return self.graph.tensor(self.node.inputs[index])

    def output(self, index: int = 0) -> Tensor:
        """An output's tensor."""
        if index >= len(self.node.outputs):
            raise UnknownShape(f"output {index} is missing")
        return self.graph.tensor(self.node.outputs[index])

    def input_shape(self, index: int) -> tuple[int, ...]:
        """An input's sizes. Raises UnknownShape."""
        return _sizes(self.input(index))

    def output_shape(self, index: int = 0) -> tuple[int, ...]:
        """An output's sizes. Raises UnknownShape."""
        return _sizes(self.output(index))

    def input_elements(self, index: int = 0) -> int:
        """Number of elements of an input. Raises UnknownShape."""
        return _elements(self.input(index))

    def output_elements(self, index: int = 0) -> int:
        """Number of elements of an output. Raises UnknownShape."""
        return _elements(self.output(index))

    def values(self, index: int) -> tuple[int, ...]:
        """The values of an input of few integers, () when they are data, and so not known.

        Raises:
            RuntimeError: the operator's formula is not registered with that input, so that nobody followed its values.
        """
        if index not in inputs_of(self.node.domain, self.node.op_type).values:
            raise RuntimeError(f"the formula of {self.node.op_type} is not registered as asking for input {index}")
        return self.graph.integers.get(self.node.inputs[index], ()) if self.has_input(index) else ()

    def outputs_bytes(self) -> int:
        """Bytes of all outputs. Raises UnknownShape."""
        return sum([tensor_bytes(self.graph.tensor(name)) for name in self.node.writes])

    def inputs_bytes(self) -> int:
        """Bytes of all distinct inputs whose values are read. Raises UnknownShape."""
        return sum([tensor_bytes(self.graph.tensor(name)) for name in dict.fromkeys(values_read(self.node))])


Measure = TypeVar("Measure", int, tuple[int, ...])
Formula = Callable[[Operation], Work]

MICROSOFT = "com.microsoft"
"""The domain of ONNX Runtime's own operators (its docs/ContribOperators.md)."""

NCHWC = "com.microsoft.nchwc"
"""The domain of those that it writes into models for data in blocks of channels; no document names them."""

_FORMULAS: dict[tuple[str, str], Formula] = {}
_MOVING: set[Formula] = set()


def formula(
    *op_types: str,
    domain: str = "",
    values: Collection[int] = (),
    settings: Collection[int] = (),
    weights: Collection[int] | None = None,
    tables: Collection[int] = (),
    statistics: Collection[int] = (),
    unpacked: Unpacked | None = None,
    types: Collection[int] = (),
) -> Callable[[Formula], Formula]:
    """Registers a formula for operators, and what their inputs are; a second one for the same operator is refused.

    Args:
        op_types: of the operators.
        domain: of the operators.
        values: the formula may ask for the values of these inputs, and of no others.
        settings: see `Inputs`, and so for the others.
        weights: see there.
        tables: see there.
        statistics: see there.
        unpacked: see there.
        types: see there.
    """
    inputs = Inputs(values, settings, weights, tables, statistics, unpacked, types)

    def register(function: Formula) -> Formula:
        for op_type in op_types:
            if (domain, op_type) in _FORMULAS:
                raise ValueError(f"{op_type} has a formula already")
            _FORMULAS[domain, op_type] = function
            say(domain, op_type, inputs)
        return function

    return register


def moving(function: Formula) -> Formula:
    """Marks a formula of operators that compute nothing, whatever the sizes: these only tell what they move."""
    _MOVING.add(function)
    return function


def computes_nothing(domain: str, op_type: str) -> bool:
    """Whether an operator is known to move data alone."""
    return _FORMULAS.get((domain, op_type)) in _MOVING


def find_formula(domain: str, op_type: str) -> Formula | None:
    """The formula of an operator, None when there is none."""
    return _FORMULAS.get((domain, op_type))


def registered() -> tuple[tuple[str, str], ...]:
    """Every (domain, operator) that has a formula."""
    return tuple(sorted(_FORMULAS))


def tensor_bytes(tensor: Tensor) -> int:
    """Bytes of a tensor. Raises UnknownShape."""
    if tensor.dtype == "string":
        return 0  # strings have no size before they are there
    size = tensor.size_bytes
    if size is None:
        raise UnknownTensor("shape or type", tensor.name)
    return size


def _sizes(tensor: Tensor) -> tuple[int, ...]:
    return _known(tensor, tensor.sizes)


def _elements(tensor: Tensor) -> int:
    return _known(tensor, tensor.elements)


def _known(tensor: Tensor, measure: Measure | None) -> Measure:
    if measure is None:
        raise UnknownTensor("shape", tensor.name)
    return measure
