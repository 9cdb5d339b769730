"""A model while a pass works on it: nodes that can be found by their tensors, and replaced with their origins kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from alexnet_bench.graph.naming import identities
from alexnet_bench.graph.passes.inferred import Types, inferred_types, without_data
from alexnet_bench.graph.passes.reads import copy_fields, malformed_left_alone, reads
from alexnet_bench.graph.passes.result import PassResult
from alexnet_bench.graph.passes.wiring import Wiring
from alexnet_bench.graph.walk import all_names, nested_nodes

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

_FIRST_IR_WITH_CONSTANTS = 4
"""From this version on an initialiser need not stand among the inputs, and can be overridden by a caller if it does."""
_LONG_NAME = "ai.onnx"


class Draft:
    """The main graph of a model; functions and the graphs inside nodes stay as they are.

    Attributes:
        model: a copy of the given one, every node named, without its weights, which `finished` puts in; ONNX's own
            domain is "" throughout.
        constants: initialisers by name that no caller can override.
        outputs: names of the graph's outputs.
        wiring: who makes and reads each tensor.
        changes: one line for each change so far.
    """

    def __init__(self, model: ModelProto) -> None:
        from onnx import ModelProto

        self.model = ModelProto()
        copy_fields(model, self.model, without="graph")
        copy_fields(model.graph, self.model.graph, without="initializer")
        _shorten_domain(self.model)
        self._given, self._was_named = model, True
        for node, name in zip(self.model.graph.node, identities(self.model.graph), strict=True):
            self._was_named &= node.name == name
            node.name = name
        self._inputs_are_constants = model.ir_version < _FIRST_IR_WITH_CONSTANTS
        self._overridable = set() if self._inputs_are_constants else {info.name for info in model.graph.input}
        self._initialisers: dict[str, TensorProto] = {item.name: item for item in model.graph.initializer}
        self.constants = {name: item for name, item in self._initialisers.items() if name not in self._overridable}
        self.outputs = {info.name for info in model.graph.output}
        self.changes: list[str] = []
        self._nodes = {node.name: node for node in self.model.graph.node}
        self._slots = {name: [name] for name in self._nodes}  # for each place in the file, what stands there now
        self._place = {name: name for name in self._nodes}
        self._origins: dict[str, tuple[str, ...]] = {name: (name,) for name in self._nodes}
        self._taken = set(all_names(self.model)).union(self._initialisers)
        self.wiring = Wiring(self._nodes.values(), self.outputs)

    @property
    def opset(self) -> int:
        """Version of ONNX's own domain."""
        return next((item.version for item in self.model.opset_import if not item.domain), 1)

    @property
    def nodes(self) -> Iterator[NodeProto]:
        """The nodes in order, as they are when the walk begins."""
        names = [name for slot in self._slots.values() for name in slot]
        return (self._nodes[name] for name in names if name in self._nodes)

    def is_live(self, node: NodeProto) -> bool:
        """Whether a node still stands in the draft."""
        return node.name in self._nodes

    def value(self, tensor: str) -> np.ndarray[Any, Any] | None:
        """The value of a constant, whose data fit its sizes.

        That is of an initialiser, of a Constant node with a tensor, or of float32 that is stored in another float type.
        """
        from onnx import numpy_helper

        stored = self._stored(tensor)
        proto = self.constants.get(stored or tensor) or self._constant_node(stored or tensor)
        with malformed_left_alone:
            value = None if proto is None else numpy_helper.to_array(proto)
            return value.astype(np.float32) if stored and value is not None else value
        return None

    def _stored(self, tensor: str) -> str:
        """Of what a Cast from a float type to float32 makes, the name of what it reads; "" for all else."""
        node = self.wiring.producer(tensor)
        if node is None or node.op_type != "Cast" or node.domain or not node.input:
            return ""
        source = self.constants.get(node.input[0])
        is_float = source is not None and source.data_type in (source.FLOAT16, source.BFLOAT16, source.DOUBLE)
        to_float32 = any(item.name == "to" and item.i == 1 for item in node.attribute)
        return node.input[0] if is_float and to_float32 else ""

    def _constant_node(self, tensor: str) -> TensorProto | None:
        node = self.wiring.producer(tensor)
        if node is None or node.op_type != "Constant" or node.domain:
            return None
        return next((item.t for item in node.attribute if item.name == "value"), None)

    def types(self) -> Types:
        """Types and shapes, as far as ONNX infers them for the draft as it is now."""
        return inferred_types(self._with_initialisers(map(without_data, self._initialisers.values())))

    def fresh(self, name: str) -> str:
        """`name`, or the first of `name.1`, `name.2`, ... that no node or tensor has; now taken."""
        candidate, number = name, 0
        while candidate in self._taken:
            number += 1
            candidate = f"{name}.{number}"
        self._taken.add(candidate)
        return candidate

    def add_constant(self, name: str, value: np.ndarray[Any, Any]) -> str:
        """A new initialiser; returns the name that it got."""
        from onnx import numpy_helper

        mine = self.fresh(name)
        self.set_constant(numpy_helper.from_array(np.asarray(value, order="C"), mine))
        return mine

    def set_constant(self, tensor: TensorProto) -> None:
        """An initialiser of a name that is taken: for it, or by a node that made it until now."""
        self.constants[tensor.name] = self._initialisers[tensor.name] = tensor

    def import_domain(self, domain: str) -> None:
        """Makes operators of a domain known to the model."""
        if all(item.domain != domain for item in self.model.opset_import):
            self.model.opset_import.add(domain=domain, version=1)

    def replace(self, old: Sequence[NodeProto], new: Sequence[NodeProto]) -> list[str]:
        """Puts nodes where the last of others was, which go; so do nodes that only those read.

        Every new node gets all of them as its origins. Whoever replaces must make sure that the new nodes make the
        outputs of `old` that are still read.

        Returns:
            the names of the nodes that went, in the order in which they went.
        """
        self._insert(old[-1], new, 1)
        gone = self._remove(old)
        made_by = tuple(dict.fromkeys(origin for origins in gone.values() for origin in origins))
        self._origins.update({node.name: made_by for node in new})
        return list(gone)

    def insert_before(self, anchor: NodeProto, new: NodeProto) -> None:
        """Puts a node before another one, for which it stands too."""
        self._insert(anchor, [new], 0)

    def insert_after(self, anchor: NodeProto, new: NodeProto) -> None:
        """Puts a node behind another one, for which it stands too."""
        self._insert(anchor, [new], 1)

    def drop(self, node: NodeProto) -> list[str]:
        """Takes out a node that nothing reads any more, and what only it read; returns their names."""
        return list(self._remove([node]))

    def finished(self, kept_fp32: Iterable[str] = (), unable: Iterable[str] = ()) -> PassResult:
        """The model as it is now: the one that was given, if it had all names and nothing changed.

        If it changed, initialisers that nothing reads are left out.
        """
        model = self._given if self._was_named and not self.changes else self._written()
        origins = {node.name: self._origins[node.name] for node in model.graph.node}
        return PassResult(model, tuple(self.changes), origins, tuple(kept_fp32), frozenset(unable))

    def _written(self) -> ModelProto:
        items = [item for name, item in self._initialisers.items() if not self.changes or self._is_needed(name)]
        model = self._with_initialisers(items)
        if self.changes:
            self._tidy(model)
        return model

    def _is_needed(self, initialiser: str) -> bool:
        return self.wiring.uses(initialiser) > 0 or initialiser in self._overridable

    def _with_initialisers(self, items: Iterable[TensorProto]) -> ModelProto:
        from onnx import ModelProto

        model = ModelProto()
        copy_fields(self.model, model, without="graph")
        copy_fields(self.model.graph, model.graph, without="node")
        model.graph.node.extend(self.nodes)
        for item in items:
            model.graph.initializer.add().CopyFrom(item)
        return model

    def _tidy(self, model: ModelProto) -> None:
        """Leaves no declared type without its tensor, and no weight among the inputs of an old model."""
        there = {name for node in model.graph.node for name in node.output}
        infos = [info for info in model.graph.value_info if info.name in there]
        del model.graph.value_info[:]
        model.graph.value_info.extend(infos)
        if self._inputs_are_constants:
            inputs = [info for info in model.graph.input if info.name not in self._initialisers]
            del model.graph.input[:]
            model.graph.input.extend(inputs)
            model.ir_version = max(model.ir_version, _FIRST_IR_WITH_CONSTANTS)

    def _insert(self, anchor: NodeProto, new: Sequence[NodeProto], offset: int) -> None:
        place = self._place[anchor.name]
        slot = self._slots[place]
        position = slot.index(anchor.name) + offset
        slot[position:position] = [node.name for node in new]
        for node in new:
            self._nodes[node.name] = node
            self._place[node.name] = place
            self._origins[node.name] = self._origins[anchor.name]
            self.wiring.enter(node)

    def _remove(self, nodes: Sequence[NodeProto]) -> dict[str, tuple[str, ...]]:
        gone: dict[str, tuple[str, ...]] = {}
        pending = list(reversed(nodes))
        forced = {node.name for node in nodes}
        while pending:
            node = pending.pop()
            is_read = any(self.wiring.uses(name) > 0 for name in node.output)
            if node.name not in self._nodes or (is_read and node.name not in forced):
                continue
            makers = [self.wiring.producer(name) for name in reads(node)]
            gone[node.name] = self._origins.pop(node.name)
            del self._nodes[node.name]
            self._slots[self._place[node.name]].remove(node.name)
            self.wiring.leave(node)
            pending += [maker for maker in makers if maker is not None]
        return gone


def _shorten_domain(model: ModelProto) -> None:
    """Writes ONNX's own domain as "", for which "ai.onnx" is another name."""
    for item in (*model.opset_import, *nested_nodes(model.graph.node)):
        if item.domain == _LONG_NAME:
            item.domain = ""
