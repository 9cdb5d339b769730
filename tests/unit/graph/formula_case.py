"""One operator at one set of shapes, and what it costs: what the tests of formulas are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from alexnet_bench.core.graph import Attribute, Graph, Node, Tensor
from alexnet_bench.graph.formulas import Operation, Work, find_formula

Shape = tuple[int, ...]
Shapes = Sequence[Shape | None]
"""Inputs in order; None for an optional one that is left out."""

MICROSOFT = "com.microsoft"


@dataclass(frozen=True)
class Case:
    """One operator at one set of shapes, and what it costs."""

    op: str
    inputs: Shapes
    output: Shape
    macs: int = 0
    flop: int = 0
    transcendentals: int = 0
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    moved: tuple[int, int] | None = None
    """Bytes read and written where they are not simply all of them; every element has 4."""
    domain: str = ""
    more_outputs: Sequence[Shape] = ()
    constants: Mapping[int, int | tuple[int, ...]] = field(default_factory=dict)
    """Values of inputs, by index."""
    empty: Shapes | None = None
    """Inputs without any element, where that means more than a first axis of size zero."""

    @property
    def operation(self) -> Operation:
        names = tuple("" if shape is None else f"x{index}" for index, shape in enumerate(self.inputs))
        outputs = ("y", *(f"y{index}" for index in range(1, 1 + len(self.more_outputs))))
        shapes = {name: shape for name, shape in zip(names, self.inputs, strict=True) if shape is not None}
        shapes |= dict(zip(outputs, (self.output, *self.more_outputs), strict=True))
        tensors = {name: Tensor(name, "float32", shape) for name, shape in shapes.items()}
        node = Node("node", self.op, self.domain, names, outputs, self.attributes)
        integers = {
            f"x{index}": value if isinstance(value, tuple) else (value,) for index, value in self.constants.items()
        }
        graph = Graph("g", (node,), names, outputs, tensors, frozenset(), integers, frozenset({"node"}), 17, 8, "")
        return Operation(node, graph)

    def __str__(self) -> str:
        return f"{self.domain}.{self.op}-{self.inputs}-{str(dict(self.attributes))[:40]}"


def work(op: str, inputs: Shapes, output: Shape, *, domain: str = "", **attributes: Attribute) -> Work:
    function = find_formula(domain, op)
    assert function is not None
    return function(Case(op, inputs, output, domain=domain, attributes=attributes).operation)
