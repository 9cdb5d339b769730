"""Einsum nodes that broadcast a size of 1: ONNX's shape inference takes the first size that it meets of each label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from alexnet_bench.graph.convert import tensors_of
from alexnet_bench.graph.formulas.einsum import output_shape

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, ValueInfoProto


def broadcasting(graph: GraphProto) -> dict[str, ValueInfoProto]:
    """The outputs of Einsum nodes of which other sizes were inferred than they have: with the right ones, by name.

    Args:
        graph: as shape inference left it; only where the sizes of all operands are known is anything said.
    """
    from onnx import helper

    tensors, found = tensors_of(graph), {}
    types = {info.name: info.type.tensor_type.elem_type for info in (*graph.value_info, *graph.output)}
    for node in graph.node:
        made = tensors.get(node.output[0]) if node.op_type == "Einsum" and not node.domain and node.output else None
        shapes = [tensors[name].sizes for name in node.input if name in tensors]
        known = [shape for shape in shapes if shape is not None]
        if made is None or made.sizes is None or len(known) < len(node.input):
            continue
        equation = next((item.s.decode(errors="replace") for item in node.attribute if item.name == "equation"), "")
        try:
            right = output_shape(equation, known)
        except ValueError:  # its formula says so of the node
            continue
        if right != made.sizes:
            found[made.name] = helper.make_tensor_value_info(made.name, types[made.name], right)
    return found


def hide(model: ModelProto, outputs: Mapping[str, ValueInfoProto], domain: str) -> None:
    """Takes the Einsum nodes of some outputs out of the sight of shape inference, and declares what they make.

    Args:
        model: changed in place.
        outputs: as `broadcasting` gives them.
        domain: that nobody knows.
    """
    if not any(item.domain == domain for item in model.opset_import):
        model.opset_import.add(domain=domain, version=1)
    for node in model.graph.node:
        if node.output and node.output[0] in outputs:
            node.domain = domain
    declared = {info.name: info for info in model.graph.output}
    for name, info in outputs.items():
        if name in declared:
            declared[name].CopyFrom(info)
        else:
            model.graph.value_info.append(info)
