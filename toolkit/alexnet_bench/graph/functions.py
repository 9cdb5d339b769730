"""Model-local functions: their bodies put in place of each call, so that every node of them is counted and timed."""

from __future__ import annotations

from collections.abc import Mapping
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

WHY_LEFT = "why the call was left"
"""Why a function was not inlined: an attribute of the calls of it that are counted, never of those that are run."""


def inline(model: ModelProto) -> ModelProto:
    """The model with its functions inlined; named nodes of a body are called `function/node`, then numbered by call.

    A model whose calls mean more nodes than anyone can wait for is left as it is, and so is a function of an opset that
    changes what its nodes mean: such calls are not counted (`explain_calls`). What is given is changed on the way.

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
    _agree_on_opsets(model)
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


def explain_calls(model: ModelProto) -> None:
    """Leaves with each call of a function that was not inlined why that is, as an attribute (`WHY_LEFT`).

    Args:
        model: as `inline` returned it; changed.
    """
    from onnx import helper

    if not model.functions:
        return
    if calls_explode(model):
        why = f"its function means more than {_MAX_EXPANDED_NODES:,} nodes, or calls that do not end"
        reasons = {_function_key(function): why for function in model.functions}
    else:
        reasons = {_function_key(function): _difference(function, model) for function in model.functions}
    for node in nested_nodes(model.graph.node):
        why = reasons.get(_call_key(node), "")
        if why:
            node.attribute.append(helper.make_attribute(WHY_LEFT, why))


def _agree_on_opsets(model: ModelProto) -> None:
    """Gives functions the opsets of the model, wherever the nodes of a function mean the same in both.

    ONNX's inliner leaves a function whose versions are others, whether or not they make a difference. A domain that the
    model does not name has the version of the first function that does.
    """
    known = {_domain(item.domain) for item in model.opset_import}
    for function in model.functions:
        for item in function.opset_import:
            if _domain(item.domain) not in known:
                known.add(_domain(item.domain))
                model.opset_import.add(domain=item.domain, version=item.version)
    versions = _versions(model)
    for function in model.functions:
        if not _difference(function, model):
            for item in function.opset_import:
                item.version = versions[_domain(item.domain)]


def _difference(function: FunctionProto, model: ModelProto) -> str:
    """Why the nodes of a function mean something else by the opsets of the model, "" if they mean the same."""
    own, others = _versions(function), _versions(model)
    local = {_function_key(item) for item in model.functions}
    for node in nested_nodes(function.node):
        domain = _domain(node.domain)
        before, after = own.get(domain), others.get(domain)
        if _call_key(node) in local or before is None or after is None or before == after:
            continue
        meant, means = _since(node, before), _since(node, after)
        if meant is None or meant != means:
            what = "is defined otherwise" if meant and means else "is not known"
            return (
                f"its function is of opset {before} of {printable(domain or 'ai.onnx')}, the model of {after}, where "
                f"{printable(node.op_type)} {what}"
            )
    return ""


def _since(node: NodeProto, version: int) -> int | None:
    """The version of its domain in which an operator was last changed, None where it is not defined."""
    from onnx import defs

    try:
        return int(defs.get_schema(node.op_type, version, _domain(node.domain)).since_version)
    except (defs.SchemaError, TypeError):  # no such operator, or a version beyond 32 bits
        return None


def _versions(importer: ModelProto | FunctionProto) -> Mapping[str, int]:
    return {_domain(item.domain): item.version for item in importer.opset_import}


def _domain(name: str) -> str:
    return "" if name == "ai.onnx" else name


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
