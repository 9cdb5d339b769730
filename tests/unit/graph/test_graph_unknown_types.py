"""Operators behind one whose output has no known type, at which ONNX's own inference looks all the same."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import onnx
import pytest
from onnx import helper

from alexnet_bench.graph.counting import count
from tests.unit.graph.conftest import Read

ML = "ai.onnx.ml"
SPLITS = {
    "nodes_splits": helper.make_tensor("s", 1, [1], [0.5]),
    "leaf_targetids": [0, 1],
    "leaf_weights": helper.make_tensor("w", 1, [2], [1.0, 2.0]),
}
NULL_UNSAFE = [
    (ML, "LabelEncoder", 1, {"classes_strings": ["a"]}),
    (ML, "LabelEncoder", 2, {"keys_strings": ["a"], "values_int64s": [1]}),
    (ML, "LabelEncoder", 4, {"keys_strings": ["a"], "values_int64s": [1]}),
    (ML, "DictVectorizer", 1, {"string_vocabulary": ["a"]}),
    (ML, "DictVectorizer", 1, {}),
    (ML, "TreeEnsemble", 5, SPLITS),
    ("", "EyeLike", 17, {"dtype": 7}),
    ("", "RegexFullMatch", 20, {"pattern": "a"}),
]
"""ONNX 1.23 reads the type of their input without looking whether it is known: the process ends."""


@pytest.mark.parametrize("place", ["main", "branch", "function", "nothing given"])
@pytest.mark.parametrize(("domain", "op", "version", "attributes"), NULL_UNSAFE)
def test_an_input_of_unknown_type_ends_nothing(
    domain: str, op: str, version: int, attributes: dict[str, Any], place: str, read: Read
) -> None:
    """As behind the operators of onnxruntime-extensions; a function of another opset is one that is not inlined."""
    names = [""] if place == "nothing given" else ["t"]
    lower = helper.make_node("StringLower", ["x"], ["t"], domain="ai.onnx.contrib")
    nodes = [lower, helper.make_node(op, names, ["y"], domain=domain, **attributes)]
    functions = []
    if place == "function":
        opsets = {"": 12, "ai.onnx.contrib": 1} | {domain: version}
        imports = [helper.make_opsetid(name, of) for name, of in opsets.items()]
        changed = helper.make_node("Squeeze", ["x"], ["u"])  # its axes are an input in opset 13
        functions = [helper.make_function("f", "F", ["x"], ["y"], [changed, *nodes], imports)]
        nodes = [helper.make_node("F", ["x"], ["y"], domain="f")]
    if place in ("branch", "nothing given"):
        branch = helper.make_graph(nodes, "b", [], [onnx.ValueInfoProto(name="y")])
        nodes = [helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", 8, [1, 3]), helper.make_tensor_value_info("c", 9, [])],
        [helper.make_tensor_value_info("y", 7, [1, 3])],
    )
    opsets = {"": 17, domain: version, "ai.onnx.contrib": 1, "f": 1}
    imports = [helper.make_opsetid(name, of) for name, of in opsets.items()]
    model = helper.make_model(graph, functions=functions, opset_imports=imports, ir_version=8)
    found = read(model)
    assert found.tensor("y").sizes == (1, 3)
    assert count(found).rows


EVERY_OPERATOR = """
import faulthandler, sys
from onnx import AttributeProto, TensorProto, TypeProto, helper
from onnx.defs import OpSchema, get_all_schemas_with_history
from alexnet_bench.core.errors import AlexnetBenchError
from alexnet_bench.graph import shapes

faulthandler.enable()
TYPES = OpSchema.AttrType
VALUES = {TYPES.INT: 1, TYPES.FLOAT: 1.0, TYPES.STRING: "x",
          TYPES.INTS: [1, 1], TYPES.FLOATS: [1.0], TYPES.STRINGS: ["a"],
          TYPES.TENSOR: helper.make_tensor("t", 1, [1], [1.0]), TYPES.GRAPH: helper.make_graph([], "b", [], [])}
tried = 0
for schema in get_all_schemas_with_history():
    for filled in (False, True):
        read = [f"t{index}" for index in range(max(1, schema.min_input))]
        node = helper.make_node(schema.name, read, ["y"], domain=schema.domain)
        for name, attribute in schema.attributes.items() if filled else ():
            if attribute.type in VALUES:
                node.attribute.append(helper.make_attribute(name, VALUES[attribute.type]))
        graph = helper.make_graph([helper.make_node("Mystery", [], read, domain="my"), node], "g", [], [])
        imports = [helper.make_opsetid(name, of) for name, of in {"": 17, schema.domain: schema.since_version}.items()]
        print(schema.domain, schema.name, schema.since_version, filled, flush=True)
        try:
            shapes.infer(helper.make_model(graph, opset_imports=imports), batch=None, given={})
        except AlexnetBenchError:
            pass
        tried += 1
print(tried)
"""


def test_no_operator_of_onnx_ends_the_process() -> None:
    done = subprocess.run([sys.executable, "-c", EVERY_OPERATOR], capture_output=True, text=True, check=False)
    last = done.stdout.splitlines()[-1]
    assert done.returncode == 0, f"{last}: {done.stderr}"
    assert int(last) > 900
