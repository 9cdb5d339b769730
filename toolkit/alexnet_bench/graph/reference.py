"""Single nodes and small functions run by ONNX's reference implementation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import FunctionProto, NodeProto

    Array = NDArray[np.generic]


def run_node(node: NodeProto, feeds: Mapping[str, Array], opsets: Mapping[str, int]) -> list[Array]:
    """What a node makes of the values of its inputs, at the opset of its model.

    The reference takes the newest form of an operator for a node alone, and of a function the one of its opset: axes
    that are an attribute are those of Unsqueeze up to opset 12 only.

    Raises:
        Exception: any of numpy's or of ONNX's, on a contradictory node or one that the reference does not know.
    """
    from onnx import FunctionProto, helper

    imports = [helper.make_opsetid(domain, version) for domain, version in opsets.items()]
    alone = FunctionProto(name="alone", input=node.input, output=node.output, node=[node], opset_import=imports)
    return run_function(alone)(feeds)


def run_function(function: FunctionProto) -> Callable[[Mapping[str, Array]], list[Array]]:
    """What gives the outputs of a function for the values of its inputs, as often as it is asked.

    Raises:
        Exception: as `run_node`; what it returns does, too.
    """
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(function)
    return lambda feeds: [np.asarray(value) for value in evaluator.run(None, dict(feeds), attributes={})]
