"""Model-local functions: their bodies put in place of each call, so that every node of them is counted and timed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alexnet_bench.core.errors import ModelError
from alexnet_bench.core.text import printable
from alexnet_bench.graph.walk import nested_nodes

if TYPE_CHECKING:
    from onnx import FunctionProto, ModelProto, NodeProto

Key = tuple[str, str, str]
"""Domain, name and overload of a function."""

_MAX_EXPANDED_NODES = 200_000
_MAX_CALL_DEPTH = 50
"""A few levels of functions that call each other can mean billions of nodes."""


def inline(model: ModelProto) -> ModelProto:
    """The model with its functions inlined; named nodes of a body are called `function/node`, then numbered by call.

    A model whose calls mean more nodes than anyone can wait for is left as it is, and so is a function of an opset that
    changes what its nodes mean: such calls are not counted. What is given is changed on the way.

    Raises:
        ModelError: the functions cannot be inlined.
    """
    from onnx import inliner
    from onnx.checker import ValidationError

    if not model.functions or calls_explode(model):
        return model
    for function in model.functions:
        for node in function.node:
            if node.name:
                node.name = f"{function.name}/{node.name}"
    _write_defaults(model)
    imports = {item.domain: item.version for function in model.functions for item in function.opset_import}
    try:
        inlined: ModelProto = inliner.inline_local_functions(model)
    except (ValidationError, RuntimeError, ValueError, TypeError) as error:
        raise ModelError(
            f"its functions cannot be inlined: {printable(str(error), 400)}", "check the model with onnx.checker"
        ) from None
    for domain in imports.keys() - {item.domain for item in inlined.opset_import}:
        inlined.opset_import.add(domain=domain, version=imports[domain])
    return inlined


def _write_defaults(model: ModelProto) -> None:
    """Writes the default attributes of functions into their calls: ONNX's inliner (1.23) forgets them."""
    defaults = {_function_key(function): function.attribute_proto for function in model.functions}
    for nodes in (model.graph.node, *(function.node for function in model.functions)):
        for node in nested_nodes(nodes):
            given = {attribute.name for attribute in node.attribute}
            node.attribute.extend(item for item in defaults.get(_call_key(node), ()) if item.name not in given)


def _function_key(function: FunctionProto) -> Key:
    return function.domain, function.name, function.overload


def _call_key(node: NodeProto) -> Key:
    return node.domain, node.op_type, node.overload


def calls_explode(model: ModelProto) -> bool:
    """Whether the functions of a model mean more nodes than anyone can wait for, or call each other too deeply."""
    bodies = {_function_key(function): list(nested_nodes(function.node)) for function in model.functions}
    expanded: dict[Key, int] = {}

    def size(key: Key, depth: int) -> int:
        if key not in bodies:
            return 1
        if depth > _MAX_CALL_DEPTH:
            return _MAX_EXPANDED_NODES + 1
        if key not in expanded:
            expanded[key] = _MAX_EXPANDED_NODES + 1  # what a function that calls itself finds
            expanded[key] = sum(size(_call_key(node), depth + 1) for node in bodies[key])
        return expanded[key]

    if not bodies:
        return False
    return sum(size(_call_key(node), 0) for node in nested_nodes(model.graph.node)) > _MAX_EXPANDED_NODES
