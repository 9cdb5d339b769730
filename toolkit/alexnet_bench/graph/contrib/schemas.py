"""The rules as operator schemas, the form in which ONNX's inference takes them.

ONNX's registry of schemas belongs to the whole process, and importing onnx.reference fails while two of its domains
have an operator of one name; so the schemas are in it only while `registered_schemas` is open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, nullcontext, suppress
from functools import lru_cache
from itertools import chain
from threading import RLock
from typing import TYPE_CHECKING

from alexnet_bench.core import signals
from alexnet_bench.graph.contrib.node import CONDITIONS, DOMAIN, LEFT_OPEN, RULED, RULES, UNTIL, Node, Rule
from alexnet_bench.graph.walk import nested_nodes, subgraphs

if TYPE_CHECKING:
    from onnx import FunctionProto, ModelProto, NodeProto
    from onnx.defs import OpSchema

_TYPES = (
    "float",
    "float16",
    "bfloat16",
    "double",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "int64",
    "bool",
    "string",
    "uint32",
    "uint64",
)

_OWN = {place: domain for domain, place in RULED.items()}
_REGISTRY_LOCK = RLock()
_SINCE = 1
"""The version of its domain that each rule holds from, until ONNX has the operator itself."""
_LATEST = 2**31 - 1
"""ONNX asks for versions in 32 bits."""


def operators(domain: str = DOMAIN) -> tuple[str, ...]:
    """The operators of a domain that have a rule."""
    return tuple(sorted(op_type for of, op_type in RULES if of == domain))


@contextmanager
def registered_schemas() -> Iterator[None]:
    """While open, ONNX's shape inference knows the rules, and signals wait; what it knows already is left alone."""
    from onnx import defs

    with _REGISTRY_LOCK, signals.held():  # the rules are called from C++
        added = [schema for schema in _schemas().values() if not is_of_onnx(schema.domain, schema.name, _SINCE)]
        for schema in added:
            defs.register_schema(schema)
        try:
            yield
        finally:
            for schema in added:
                defs.deregister_schema(schema.name, schema.since_version, schema.domain)


def covers(domain: str, op_type: str) -> bool:
    """Whether an operator has a rule."""
    return (domain, op_type) in RULES


def is_of_onnx(domain: str, op_type: str, version: int) -> bool:
    """Whether ONNX has an operator at this version of its domain, which may be any number."""
    from onnx import defs

    return defs.has(op_type, max(_SINCE, min(version, _LATEST)), domain)


def infer_shapes(model: ModelProto, *, follow_values: bool) -> ModelProto:
    """ONNX's shape inference, with the rules that stand in place of its own for some operators.

    Args:
        model: not changed.
        follow_values: whether ONNX follows those of small tensors.

    Returns:
        a copy, with what was inferred.

    Raises:
        Exception: what onnx.shape_inference.infer_shapes raises.
    """
    from onnx import shape_inference

    used = _operators_in(model)
    moved = _by_rule(model) if any(covers(RULED.get(domain, ""), op_type) for domain, op_type in used) else model
    with registered_schemas() if moved is not model or _asks_rules(model, used) else nullcontext():
        inferred: ModelProto = shape_inference.infer_shapes(
            moved, check_type=False, strict_mode=False, data_prop=follow_values
        )
    for node in nested_nodes(inferred.graph.node) if moved is not model else ():
        node.domain = _OWN.get(node.domain, node.domain)
    return inferred


def by_rule_inside(node: NodeProto, opsets: Mapping[str, int]) -> NodeProto:
    """A node with those in the graphs inside it that ONNX's own inference is not to be asked for out of its sight.

    Args:
        node: of any operator; not changed. A graph that it stands in has to import `RULED`.
        opsets: versions by domain.
    """
    from onnx import NodeProto

    if not subgraphs(node) or all(_domain(inner, opsets) == inner.domain for inner in nested_nodes([node])):
        return node
    copy = NodeProto()
    copy.CopyFrom(node)
    for inner in nested_nodes([copy]):
        inner.domain = _domain(inner, opsets)
    return copy


def _operators_in(model: ModelProto) -> set[tuple[str, str]]:
    """Domains and types of all nodes, by the short name of ONNX's domain."""
    nodes = chain(model.graph.node, *(function.node for function in model.functions))
    found = {(node.domain, node.op_type) for node in nested_nodes(nodes)}
    return {("" if domain == "ai.onnx" else domain, op_type) for domain, op_type in found}


def _asks_rules(model: ModelProto, used: AbstractSet[tuple[str, str]]) -> bool:
    """Whether one of the operators that a model uses is none that ONNX knows, and has a rule."""
    versions = {item.domain: item.version for item in model.opset_import}
    return any(covers(*key) and not is_of_onnx(*key, versions.get(key[0], 1)) for key in used)


def _by_rule(model: ModelProto) -> ModelProto:
    """The model with its nodes that ONNX infers too little of, or fails on, where their rules are found in its place.

    Returns:
        a copy, where there are any such nodes; the model itself else.
    """
    from onnx import ModelProto

    if not any(_moves(part) for part in _parts(model)):
        return model
    copy = ModelProto()
    copy.CopyFrom(model)
    for part in _parts(copy):
        for node, domain in _moves(part):
            node.domain = domain
        for domain in RULED.values():
            part.opset_import.add(domain=domain, version=1)
    return copy


def _parts(model: ModelProto) -> list[ModelProto | FunctionProto]:
    return [model, *model.functions]


def _moves(part: ModelProto | FunctionProto) -> list[tuple[NodeProto, str]]:
    """The nodes of the main graph or of a function that are not where their rules are, and where these are."""
    opsets = {item.domain: item.version for item in part.opset_import}
    nodes = part.graph.node if hasattr(part, "graph") else part.node
    places = ((node, _domain(node, opsets)) for node in nested_nodes(nodes))
    return [(node, domain) for node, domain in places if node.domain != domain]


def _domain(node: NodeProto, opsets: Mapping[str, int]) -> str:
    """The domain under which the rule of a node is found, if it has any."""
    own = "" if node.domain == "ai.onnx" else node.domain
    place = RULED.get(own)
    if place is None:
        return str(node.domain)
    key, version = (place, node.op_type), opsets.get(node.domain, 1)
    holds = CONDITIONS.get(key)
    in_place = version <= UNTIL.get(key, _LATEST) and (covers(*key) if holds is None else holds(node))
    return place if in_place and is_of_onnx(own, node.op_type, version) else str(node.domain)


def find_schema(node: NodeProto, opsets: Mapping[str, int]) -> OpSchema | None:
    """The rule for a node in place of ONNX's own inference, as a schema that need not be registered; None without one.

    Args:
        node: of any operator.
        opsets: versions by domain.
    """
    return _schema_of(node, _domain(node, opsets))


def find_schema_of_left_open(node: NodeProto) -> OpSchema | None:
    """The rule for a node of which `find_schema`, or ONNX's own inference, tells too little; None without one."""
    place = RULED.get(node.domain, "")
    holds = LEFT_OPEN.get((place, node.op_type))
    return _schema_of(node, place) if holds is not None and holds(node) else None


def _schema_of(node: NodeProto, domain: str) -> OpSchema | None:
    """The rule of a domain, if any, for one node.

    It names the attributes of this node that have a type: inference of single nodes refuses any that a schema does not.
    """
    from onnx import AttributeProto
    from onnx.defs import OpSchema

    if not covers(domain, node.op_type):
        return None
    kind = AttributeProto.AttributeType.Name
    typed = [(item.name, kind(item.type)) for item in node.attribute if item.type]
    attributes = [OpSchema.Attribute(name, getattr(OpSchema.AttrType, type_)) for name, type_ in typed]
    return _schema(domain, node.op_type, attributes)


@lru_cache(maxsize=1)
def _schemas() -> dict[tuple[str, str], OpSchema]:
    return {(domain, name): _schema(domain, name) for domain, name in RULES}


def _schema(domain: str, name: str, attributes: Sequence[OpSchema.Attribute] = ()) -> OpSchema:
    from onnx.defs import OpSchema

    option = OpSchema.FormalParameterOption.Variadic
    ends = [
        OpSchema.FormalParameter(label, label, param_option=option, is_homogeneous=False, min_arity=0) for label in "XY"
    ]
    every = [f"tensor({name})" for name in _TYPES]
    schema = OpSchema(
        name,
        domain,
        _SINCE,
        inputs=ends[:1],
        outputs=ends[1:],
        type_constraints=[("X", every, "any tensor"), ("Y", every, "any tensor")],
        attributes=attributes,
    )
    schema.set_type_and_shape_inference_function(lambda context: _apply(RULES[domain, name], Node(name, context)))
    return schema


def _apply(function: Rule, node: Node) -> None:
    """What a rule raises would go through ONNX's inference and end it for the whole model."""
    with suppress(ArithmeticError, LookupError, TypeError, ValueError):  # a malformed node: its shapes stay open
        function(node)
