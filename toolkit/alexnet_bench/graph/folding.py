"""Shapes that ONNX's inference leaves open: worked out node by node, with the values of small tensors carried along.

Exporters compute shapes inside the graph (Shape, Slice, Mod, Concat, Reshape). ONNX propagates such values through a
few operators only; where it stops, this goes on with ONNX's own inference for one node at a time, and its reference
implementation for the small arithmetic in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain, repeat
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from alexnet_bench.core.graph import Tensor
from alexnet_bench.graph import contradictions, contrib
from alexnet_bench.graph.bodies import FITTING, MAX_DEPTH, MAX_TURNS, TAKEN, TURNS, Values
from alexnet_bench.graph.convert import captured_names, initialisers_of, node_from_proto, tensor_from_info, tensors_of
from alexnet_bench.graph.walk import subgraphs

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TypeProto

    Array = NDArray[np.generic]

MAX_ELEMENTS = 1024
"""Larger tensors are data, not shapes; their values are not followed."""

_EVALUATED = frozenset({
    "Abs", "Add", "And", "Cast", "Ceil", "Clip", "Concat", "Constant", "ConstantOfShape", "CumSum", "DequantizeLinear",
    "Div", "Equal", "Expand", "Flatten", "Floor", "Gather", "Greater", "GreaterOrEqual", "Identity", "Less",
    "LessOrEqual", "Max", "Min", "Mod", "Mul", "Neg", "NonZero", "Not", "Or", "Pow", "QuantizeLinear", "Range",
    "ReduceMax", "ReduceMin", "ReduceProd", "ReduceSum", "Reshape", "Round", "ScatterND", "Shape", "Sign",
    "Size", "Slice", "Split", "Sqrt", "Squeeze", "Sub", "Tile", "Transpose", "Unsqueeze", "Where",
})  # fmt: skip
"""Deterministic operators of shape arithmetic; tools that quantise a whole graph put sizes through Q/DQ as well."""

_GROWING = frozenset({"ConstantOfShape", "Expand", "Max", "Min", "Range", "Tile", "Where"})
"""A few numbers can ask these for terabytes; the shapes that a file declares for them are no proof of the contrary."""


MAX_RETRIES = 3
"""Loops nested more deeply are not tried a second time: every level doubles the work."""


def complete(
    model: ModelProto, tensors: Mapping[str, Tensor], sizes: Mapping[str, int] | None = None
) -> tuple[dict[str, Tensor], Values]:
    """The tensors with shapes filled in wherever they follow from known shapes and small constants; values found so.

    Args:
        model: its input sizes bound, without the data of large tensors, nodes in topological order. What is found
            inside the bodies of its nodes is written into them.
        tensors: what is known already; it stays as it is.
        sizes: of the symbolic dimensions.
    """
    walk = _Walk(dict(tensors), {item.domain: item.version for item in model.opset_import}, sizes or {})
    walk.follow(model.graph)
    return walk.tensors, walk.found()


_CONTRADICTIONS = (
    ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError,
)  # fmt: skip
"""What ONNX raises, beside its own errors, on one node of a contradictory model: that node's shapes stay open."""


class _Walk:
    """One walk over the nodes of a graph."""

    def __init__(
        self, tensors: dict[str, Tensor], opsets: dict[str, int], symbols: Mapping[str, int], depth: int = 0
    ) -> None:
        self.tensors = tensors
        self._opsets = opsets
        self._symbols = symbols
        self._depth = depth
        self._values: dict[str, Array] = {}
        self._declared: dict[str, Tensor] = {}
        self._bodies: dict[tuple[str, str], Values] = {}

    def follow(self, graph: GraphProto) -> None:
        """Visits the nodes in their order."""
        for initialiser in graph.initializer:
            self._keep_value(initialiser.name, _small_array(initialiser))
        for node in graph.node:
            self.visit(node)

    def found(self) -> Values:
        """The values that were followed, here and inside the nodes."""
        integers = {
            name: tuple(map(int, value.reshape(-1)))
            for name, value in self._values.items()
            if value.dtype in (np.int32, np.int64)
        }
        return Values(integers, self._bodies)

    def visit(self, node: NodeProto) -> None:
        """Works out the shapes, then the values, of what a node makes."""
        if not node.domain and self._depth < MAX_DEPTH:
            self._enter(node)
        if any(self._sizes(name) is None for name in node.output if name):
            self._infer(node)
        self._fill({name: self._declared[name] for name in node.output if name in self._declared})
        if self._can_evaluate(node):
            self._evaluate(node)

    def _enter(self, node: NodeProto) -> None:
        """Goes on inside the bodies of a node, and takes what they tell about its outputs."""
        graphs = subgraphs(node)
        if node.op_type == "If":
            self._enter_branches(node)
        elif len(graphs) == 1 and (node.op_type == "Loop" or (node.op_type == "Scan" and self._opsets.get("", 1) > 8)):
            self._enter_loop(node, graphs[0])

    def _enter_branches(self, node: NodeProto) -> None:
        """Takes what both branches of an If make alike, or what the one makes that its condition leads to."""
        branches = {item.name: item.g for item in node.attribute if item.HasField("g")}
        condition = self._number(node.input[0]) if node.input else None
        taken = "" if condition is None else "then_branch" if condition else "else_branch"
        possible = {taken: branches[taken]} if taken in branches else branches
        walks = {name: self._inside(graph, {}) for name, graph in possible.items()}
        self._bodies |= {(node.output[0], name): walk.found() for name, walk in walks.items() if node.output}
        fitting = [name for name, walk in walks.items() if not walk.contradiction(possible[name])] or list(walks)
        ends = zip(node.output, *(possible[name].output for name in fitting), strict=False)
        for made, *infos in ends:
            found = [walks[name].tensors.get(info.name, Tensor("")) for name, info in zip(fitting, infos, strict=True)]
            if len({(tensor.dtype, tensor.shape) for tensor in found}) == 1:
                self._fill({made: found[0]})
        _note(node, TAKEN, taken if taken in branches else None)
        _note(node, FITTING, fitting[0] if len(fitting) < len(walks) else None)

    def contradiction(self, graph: GraphProto) -> str:
        """Which node of a graph that was walked cannot be, and why; "" where all can."""
        nodes = (node_from_proto(node, node.name or node.op_type) for node in graph.node)
        return contradictions.first(nodes, self.tensors)

    def _enter_loop(self, node: NodeProto, body: GraphProto) -> None:
        """Takes the shapes of the initial values for those of every turn, if a turn leaves them as they are."""
        from onnx import GraphProto

        carried = _carried(node, body)
        starts = {inside: self.tensors[first] for first, inside, *_ in carried if self._sizes(first) is not None}
        fixed = self._slices(node, body)
        for seeds in (starts, {})[: 2 if self._depth < MAX_RETRIES else 1]:
            turn = GraphProto()
            turn.CopyFrom(body)
            walk = self._inside(turn, fixed | seeds)
            if all(walk.ends_as(after, seeds[inside]) for _, inside, after, _ in carried if inside in seeds):
                body.CopyFrom(turn)
                self._bodies |= {(node.output[0], "body"): walk.found()} if node.output else {}
                self._fill({made: seeds[inside] for _, inside, _, made in carried if inside in seeds})
                if node.op_type == "Loop":
                    turns = self._note_turns(node, body, walk)
                    self._fill(self._stacked(node, body, walk, turns))
                return

    def ends_as(self, name: str, start: Tensor) -> bool:
        """Whether a tensor has the type and the sizes of another."""
        return self._sizes(name) == start.sizes and self.tensors[name].dtype == start.dtype

    def _slices(self, node: NodeProto, body: GraphProto) -> dict[str, Tensor]:
        """The inputs of a body that are the same in every turn: counter and condition, or what a Scan cuts up."""
        if node.op_type == "Loop":
            kinds = zip(body.input, ("int64", "bool"), strict=False)
            return {
                info.name: Tensor(info.name, dtype, ()) for info, dtype in kinds if tensor_from_info(info).sizes is None
            }
        states = len(node.input) - _scanned(node)
        axes = next((list(item.ints) for item in node.attribute if item.name == "scan_input_axes"), [])
        found = {}
        for name, info, axis in zip(node.input[states:], body.input[states:], chain(axes, repeat(0)), strict=False):
            sizes = list(self._sizes(name) or ())
            if -len(sizes) <= axis < len(sizes):
                del sizes[axis]
                found[info.name] = Tensor(info.name, self.tensors[name].dtype, tuple(sizes))
        return found

    def _inside(self, graph: GraphProto, seeds: Mapping[str, Tensor]) -> _Walk:
        """A walk over a body that sees what is around it; the shapes that it finds are written into the body."""
        inner = tensors_of(graph)
        own = {info.name for info in graph.input} | initialisers_of(graph)
        made = {name for node in graph.node for name in node.output if name}
        captured = captured_names(graph)
        seen = {name: self.tensors[name] for name in captured if name in self.tensors}
        seen |= {name: inner[name] for name in own}
        walk = _Walk({**seen, **seeds}, self._opsets, self._symbols, self._depth + 1)
        walk._values = {name: self._values[name] for name in captured if name in self._values}
        walk._declared = {name: _bound(tensor, self._symbols) for name, tensor in inner.items() if name in made}
        walk.follow(graph)
        walk._write(graph, made)
        return walk

    def _write(self, graph: GraphProto, made: Iterable[str]) -> None:
        known = {info.name for info in (*graph.value_info, *graph.input, *graph.output)}
        for name in made:
            if name not in known:
                graph.value_info.add(name=name)
        for info in (*graph.value_info, *graph.input, *graph.output):
            if self._sizes(info.name) is not None:
                info.type.CopyFrom(self._type(info.name))

    def _stacked(self, node: NodeProto, body: GraphProto, walk: _Walk, turns: int | None) -> dict[str, Tensor]:
        """What a Loop makes of a value from each turn, where the number of turns is known."""
        states = max(len(node.input) - 2, 0)
        pairs = zip(node.output[states:], body.output[states + 1 :], strict=False)
        found = {made: walk.tensors.get(info.name, Tensor("")) for made, info in pairs}
        return {
            made: Tensor(made, tensor.dtype, (turns, *tensor.sizes))
            for made, tensor in found.items()
            if turns is not None and tensor.dtype and tensor.sizes is not None
        }

    def _note_turns(self, node: NodeProto, body: GraphProto, walk: _Walk) -> int | None:
        """Leaves with a Loop its largest number of turns, where that is known, and whether it can end earlier.

        Returns:
            the number of turns, where it cannot end earlier.
        """
        begins = self._number(node.input[1]) if len(node.input) > 1 and node.input[1] else 1
        again = begins if _keeps_condition(body) else walk._number(body.output[0].name if body.output else "")
        most = self._number(node.input[0]) if node.input else None
        if begins == 0:
            most = 0
        elif begins is not None and again == 0 and most is not None:
            most = min(most, 1)
        sure = begins == 0 or (begins is not None and again is not None)
        if most is not None and (most < 0 or (most > MAX_TURNS and not sure)):
            most = None
        _note(node, TURNS, None if most is None else [most, int(sure)])
        return most if sure else None

    def _number(self, name: str) -> int | None:
        value = self._values.get(name)
        return (
            int(value.reshape(-1)[0]) if value is not None and value.size == 1 and value.dtype.kind in "iub" else None
        )

    def _infer(self, node: NodeProto) -> None:
        self._fill(self._inferred(node))

    def _fill(self, made: Mapping[str, Tensor]) -> None:
        """Takes what was found for tensors whose sizes are not known yet."""
        for name, found in made.items():
            before = self.tensors.get(name)
            if self._sizes(name) is None and (found.sizes is not None or before is None or before.shape is None):
                self.tensors[name] = msgspec.structs.replace(found, name=name)

    def _inferred(self, node: NodeProto) -> dict[str, Tensor]:
        """What ONNX says of the outputs of one node, given the shapes and values known by now; empty when it fails."""
        from onnx import ValueInfoProto, defs
        from onnx.checker import ValidationError
        from onnx.shape_inference import InferenceError, infer_node_outputs

        known = {name: self._type(name) for name in node.input if name and self._sizes(name) is not None}
        if len(known) < len({name for name in node.input if name}):
            return {}
        data = {name: _to_proto(name, self._values[name]) for name in known if name in self._values}
        try:
            schema = contrib.find_schema(node) or defs.get_schema(
                node.op_type, self._opsets.get(node.domain, 1), node.domain
            )
            made = infer_node_outputs(schema, node, known, data, opset_imports=_imports(self._opsets))
        except (*_CONTRADICTIONS, defs.SchemaError, InferenceError, ValidationError):
            return {}
        return {name: tensor_from_info(ValueInfoProto(name=name, type=type_)) for name, type_ in made.items()}

    def _can_evaluate(self, node: NodeProto) -> bool:
        if node.domain or node.op_type not in _EVALUATED or any(name in self._values for name in node.output):
            return False
        if node.op_type in ("Shape", "Size"):
            return bool(node.input) and self._sizes(node.input[0]) is not None
        if not all(name in self._values for name in node.input if name):
            return False
        if node.op_type == "NonZero":  # how many it finds shows when it has been evaluated
            return True
        made = self._inferred(node) if node.op_type in _GROWING else self.tensors
        return all((made.get(name) or Tensor(name)).elements in range(MAX_ELEMENTS + 1) for name in node.output)

    def _evaluate(self, node: NodeProto) -> None:
        from onnx.reference import ReferenceEvaluator

        feeds = {name: self._values[name] for name in node.input if name in self._values}
        if node.op_type in ("Shape", "Size"):
            # Only the sizes are looked at: an array that takes no memory, however large it claims to be.
            feeds = {node.input[0]: np.broadcast_to(np.int8(0), self._sizes(node.input[0]) or ())}
        try:
            with np.errstate(divide="raise", invalid="raise", over="raise"):
                made = ReferenceEvaluator(node, opsets=self._opsets).run(None, feeds)
        except Exception:  # noqa: BLE001 - the reference raises whatever numpy raises on contradictory models
            return
        for name, value in zip(node.output, made, strict=False):
            self._keep_value(name, np.asarray(value))
            if name in self._values and self._sizes(name) is None:
                self.tensors[name] = Tensor(name, self._values[name].dtype.name, self._values[name].shape)

    def _keep_value(self, name: str, value: Array | None) -> None:
        if name and value is not None and value.size <= MAX_ELEMENTS and value.dtype.kind in "iufb":
            self._values[name] = value

    def _sizes(self, name: str) -> tuple[int, ...] | None:
        tensor = self.tensors.get(name)
        return tensor.sizes if tensor is not None and tensor.dtype else None

    def _type(self, name: str) -> TypeProto:
        from onnx import helper

        tensor = self.tensors[name]
        return helper.make_tensor_type_proto(_code(tensor.dtype), tensor.sizes)


def _note(node: NodeProto, name: str, value: str | list[int] | None) -> None:
    """Leaves what was found out with a node, as an attribute, in place of one of that name that the file has."""
    from onnx import helper

    for position in reversed([at for at, item in enumerate(node.attribute) if item.name == name]):
        del node.attribute[position]
    if value is not None:
        node.attribute.append(helper.make_attribute(name, value))


def _carried(node: NodeProto, body: GraphProto) -> list[tuple[str, str, str, str]]:
    """Of each carried value: its name before the first turn, inside the body, at its end, and after the last turn."""
    before, after = (2, 1) if node.op_type == "Loop" else (0, 0)
    count = len(node.input) - (before if node.op_type == "Loop" else _scanned(node))
    inside, ends = ([info.name for info in infos] for infos in (body.input, body.output))
    rows = zip(node.input[before:], inside[before:], ends[after:], chain(node.output, repeat("")), strict=False)
    return list(rows)[: max(count, 0)]


def _scanned(node: NodeProto) -> int:
    """How many of the inputs of a Scan it cuts up."""
    found = next((int(item.i) for item in node.attribute if item.name == "num_scan_inputs"), 0)
    return min(max(found, 0), len(node.input))


def _keeps_condition(body: GraphProto) -> bool:
    """Whether the body of a Loop hands on its condition as it is."""
    if len(body.input) < 2 or not body.output:
        return False
    sources = {
        node.output[0]: node.input[0]
        for node in body.node
        if node.op_type == "Identity" and not node.domain and node.input and node.output
    }
    name = body.output[0].name
    for _ in sources:
        name = sources.get(name, name)
    return bool(name == body.input[1].name)


def _bound(tensor: Tensor, symbols: Mapping[str, int]) -> Tensor:
    """The tensor with numbers for those of its symbolic dimensions that have one."""
    if tensor.shape is None:
        return tensor
    return msgspec.structs.replace(
        tensor, shape=tuple(symbols.get(dim, dim) if isinstance(dim, str) else dim for dim in tensor.shape)
    )


def _code(dtype: str) -> int:
    from onnx import TensorProto

    return int(TensorProto.DataType.Value({"float32": "FLOAT", "float64": "DOUBLE"}.get(dtype, dtype.upper())))


def _imports(opsets: Mapping[str, int]) -> list[OperatorSetIdProto]:
    from onnx import helper

    return [helper.make_opsetid(domain, version) for domain, version in opsets.items()]


def _to_proto(name: str, value: Array) -> TensorProto:
    from onnx import numpy_helper

    return numpy_helper.from_array(np.array(value, order="C"), name)


def _small_array(proto: TensorProto) -> Array | None:
    """The value of a small tensor whose data is here."""
    from onnx import numpy_helper

    elements = 1
    for dim in proto.dims:
        elements *= dim
    if not 0 <= elements <= MAX_ELEMENTS or proto.data_location == proto.EXTERNAL or proto.data_type == proto.STRING:
        return None
    try:
        return np.asarray(numpy_helper.to_array(proto))
    except (LookupError, TypeError, ValueError):  # no such type, or its data does not fit its dimensions
        return None
