"""What is known of the tensors of one graph: types, sizes and small values, and what they tell about one more node.

Of sequences and optional values it is what stands in them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import prod
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from alexnet_bench.core.graph import Tensor
from alexnet_bench.graph import contrib, lines, sequences, small_values
from alexnet_bench.graph.convert import dtype_code, tensor_from_info
from alexnet_bench.graph.lines import Line
from alexnet_bench.graph.small_values import MAX_ELEMENTS

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto, OperatorSetIdProto, TypeProto
    from onnx.defs import OpSchema

    from alexnet_bench.graph.sequences import Held
    from alexnet_bench.graph.small_values import Array

_CONTRADICTIONS = (
    ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError,
)  # fmt: skip
"""What ONNX raises, beside its own errors, on one node of a contradictory model: that node's shapes stay open."""


class KnownTensors:
    """A table of tensors, to which the nodes of a graph add in their order.

    Nothing in it is called "": that stands for an output, or an input, that is left out.

    Attributes:
        tensors: by name.
        opsets: versions by domain.
        assumes: whether a loop is taken to make its most turns, where it may end earlier.
    """

    def __init__(self, tensors: Mapping[str, Tensor], opsets: Mapping[str, int], *, assumes: bool = False) -> None:
        self.tensors = {name: tensor for name, tensor in tensors.items() if name}
        self.opsets = opsets
        self.assumes = assumes
        self._values: dict[str, Array] = {}
        self._lines: dict[str, Line] = {}
        self._held: dict[str, Held] = {}
        self._room = sequences.MAX_KEPT

    def within(self, captured: Collection[str], own: Mapping[str, Tensor]) -> KnownTensors:
        """The table of a body: of the tensors around it those that it captures, and its own."""
        seen = {name: self.tensors[name] for name in captured if name in self.tensors}
        table = KnownTensors({**seen, **own}, self.opsets, assumes=self.assumes)
        table._values = {name: self._values[name] for name in captured if name in self._values}
        table._lines = {name: self._lines[name] for name in captured if name in self._lines}
        table._held = {name: self._held[name] for name in captured if name in self._held}
        return table

    def sizes(self, name: str) -> tuple[int, ...] | None:
        """The sizes of a tensor whose type is known, too."""
        tensor = self.tensors.get(name)
        return tensor.sizes if tensor is not None and tensor.dtype else None

    def value(self, name: str) -> Array | None:
        """The value of a small tensor, where it is known."""
        return self._values.get(name)

    def number(self, name: str) -> int | None:
        """The value of a tensor that is known to be one whole number or truth."""
        value = self._values.get(name)
        return (
            int(value.reshape(-1)[0]) if value is not None and value.size == 1 and value.dtype.kind in "iub" else None
        )

    def held(self, name: str) -> Held | None:
        """What stands in a sequence or an optional value, where it is known."""
        return self._held.get(name)

    def integers(self) -> dict[str, tuple[int, ...]]:
        """The values of tensors of integers that are known, flattened."""
        return {
            name: tuple(map(int, value.reshape(-1)))
            for name, value in self._values.items()
            if value.dtype in (np.int32, np.int64)
        }

    def ends(self) -> dict[str, tuple[int, int]]:
        """The least and the largest number of tensors whose values are known, and are too many to keep."""
        return {name: line.ends for name, line in self._lines.items()}

    def type_of(self, name: str) -> TypeProto:
        """Type and sizes, where these are known, as ONNX writes them."""
        from onnx import helper

        tensor = self.tensors[name]
        return helper.make_tensor_type_proto(dtype_code(tensor.dtype), tensor.sizes)

    def fill(self, made: Mapping[str, Tensor]) -> None:
        """Takes what was found for tensors whose sizes are not known yet."""
        for name, found in made.items():
            before = self.tensors.get(name)
            if (
                name
                and self.sizes(name) is None
                and (found.sizes is not None or before is None or before.shape is None)
            ):
                self.tensors[name] = msgspec.structs.replace(found, name=name)

    def take_constants(self, graph: GraphProto) -> None:
        """Takes the values of the small initialisers of a graph."""
        for initialiser in graph.initializer:
            self._keep_value(initialiser.name, small_values.from_initialiser(initialiser))

    def infer(self, node: NodeProto) -> None:
        """Takes what ONNX says of the outputs of a node, and what a rule says where that leaves them open."""
        self.fill(self._inferred(node, contrib.find_schema(node, self.opsets)))
        rule = contrib.find_schema_of_left_open(node)
        if rule is not None and any(self.sizes(name) is None for name in node.output if name):
            self.fill(self._inferred(node, rule))

    def follow_sequence(self, node: NodeProto) -> None:
        """Takes what a node makes of sequences and optional values, or takes out of them."""
        name = node.output[0] if node.output else ""
        found = sequences.follow(node, self) if name else None
        if isinstance(found, int):
            self._take_value(name, np.array(found, np.int64))
        elif isinstance(found, Tensor):
            self.fill({name: found})
        elif found is not None:
            self._room -= len(found) if isinstance(found, tuple) else 1
            if self._room >= 0:
                self._held[name] = found

    def evaluate(self, node: NodeProto) -> None:
        """Takes the values that a node makes, where those of its inputs are known and it is arithmetic of sizes."""
        if not self._can_evaluate(node):
            self._follow_line(node)
            return
        feeds = {name: self._values[name] for name in node.input if name in self._values}
        if node.op_type in ("Shape", "Size"):
            # Only the sizes are looked at: an array that takes no memory, however large it claims to be.
            feeds = {node.input[0]: np.broadcast_to(np.int8(0), self.sizes(node.input[0]) or ())}
        for name, value in small_values.evaluate(node, feeds, self.opsets).items():
            self._take_value(name, value)

    def _inferred(self, node: NodeProto, rule: OpSchema | None = None) -> dict[str, Tensor]:
        """What ONNX says of the outputs of one node, given the shapes and values known by now; empty when it fails.

        Args:
            node: of any operator.
            rule: stands in place of ONNX's own inference.
        """
        from onnx import ValueInfoProto, defs
        from onnx.checker import ValidationError
        from onnx.shape_inference import InferenceError, infer_node_outputs

        known = {name: self.type_of(name) for name in node.input if name and self.sizes(name) is not None}
        if len(known) < len({name for name in node.input if name}):
            return {}
        data = {name: small_values.to_proto(name, self._values[name]) for name in known if name in self._values}
        try:
            schema = rule or defs.get_schema(node.op_type, self.opsets.get(node.domain, 1), node.domain)
            made = infer_node_outputs(
                schema, contrib.by_rule_inside(node, self.opsets), known, data, opset_imports=_imports(self.opsets)
            )
        except (*_CONTRADICTIONS, defs.SchemaError, InferenceError, ValidationError):
            return {}
        return {name: tensor_from_info(ValueInfoProto(name=name, type=type_)) for name, type_ in made.items() if name}

    def _can_evaluate(self, node: NodeProto) -> bool:
        if not small_values.is_followed(node) or any(name in self._values for name in node.output):
            return False
        if node.op_type in ("Shape", "Size"):
            return bool(node.input) and self.sizes(node.input[0]) is not None
        if not all(name in self._values for name in node.input if name):
            return False
        if node.op_type == "NonZero":  # how many it finds shows when it has been evaluated
            return True
        made = self._inferred(node) if node.op_type in small_values.GROWING else self.tensors
        return all((made.get(name) or Tensor(name)).elements in range(MAX_ELEMENTS + 1) for name in node.output if name)

    def _follow_line(self, node: NodeProto) -> None:
        """Takes the positions that a node makes, where they are too many to be kept one by one."""
        name = node.output[0] if node.output else ""
        if not lines.is_followed(node) or name in self._values or (after := self.sizes(name)) is None:
            return
        read = map(self._line_of, lines.sources(node))
        source, before = next((item for item in read if item is not None), (None, ()))
        line = lines.follow(node, lines.Feeds(self._values, source, before, after))
        dtype = self.tensors[name].dtype
        if line is None or not line.fills(dtype, after):
            return
        if prod(after) <= MAX_ELEMENTS:
            self._keep_value(name, line.array(dtype, after))
        else:
            self._lines[name] = line

    def _line_of(self, name: str) -> tuple[Line, tuple[int, ...]] | None:
        value, sizes = self._values.get(name), self.sizes(name)
        line = self._lines.get(name) if value is None else lines.line_of(value)
        return None if line is None or sizes is None else (line, sizes)

    def _take_value(self, name: str, value: Array) -> None:
        """Takes what a node was found to make, and that it has the sizes of that."""
        self._keep_value(name, value)
        if name in self._values and self.sizes(name) is None:
            self.tensors[name] = Tensor(name, self._values[name].dtype.name, self._values[name].shape)

    def _keep_value(self, name: str, value: Array | None) -> None:
        if name and value is not None and small_values.is_small(value):
            self._values[name] = value


def _imports(opsets: Mapping[str, int]) -> list[OperatorSetIdProto]:
    from onnx import helper

    everything = {**opsets, **dict.fromkeys(contrib.RULED.values(), 1)}
    return [helper.make_opsetid(domain, version) for domain, version in everything.items()]
