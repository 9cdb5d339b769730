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
import faulthandler
from onnx import TensorProto, helper
from onnx.defs import OpSchema, get_all_schemas_with_history
from alexnet_bench.core.errors import AlexnetBenchError
from alexnet_bench.graph import shapes

faulthandler.enable()
TYPES = OpSchema.AttrType
VALUES = {TYPES.INT: 1, TYPES.FLOAT: 1.0, TYPES.STRING: "x",
          TYPES.INTS: [1, 1], TYPES.FLOATS: [1.0], TYPES.STRINGS: ["a"],
          TYPES.TENSOR: helper.make_tensor("t", 1, [1], [1.0]), TYPES.GRAPH: helper.make_graph([], "b", [], [])}
NUMBERS = {TYPES.INT: [-1, 2**62, -(2**63)], TYPES.INTS: [[], [-1, -1], [2**62] * 5]}
tried = 0

def infer(schema, nodes, inputs):
    global tried
    graph = helper.make_graph(nodes, "g", inputs, [])
    imports = [helper.make_opsetid(name, of) for name, of in {"": 17, schema.domain: schema.since_version}.items()]
    print(schema.domain, schema.name, schema.since_version, nodes[-1].attribute, flush=True)
    try:
        shapes.infer(helper.make_model(graph, opset_imports=imports), batch=None, given={"x": (1, 4, 3, 0)})
    except AlexnetBenchError:
        pass
    tried += 1

def make(schema, names, values):
    node = helper.make_node(schema.name, names, ["y"], domain=schema.domain)
    for name, value in values.items():
        node.attribute.append(helper.make_attribute(name, value, attr_type=schema.attributes[name].type.value))
    return node

for schema in get_all_schemas_with_history():
    known = {name: VALUES[item.type] for name, item in schema.attributes.items() if item.type in VALUES}
"""

BEHIND_A_STRANGER = """
    names = [f"t{index}" for index in range(max(1, schema.min_input))]
    for values in ({}, known):
        infer(schema, [helper.make_node("Mystery", [], names, domain="my"), make(schema, names, values)], [])
print(tried)
"""

ODD_NUMBERS = """
    required = {name: known[name] for name in known if schema.attributes[name].required}
    for name in known:
        for value in NUMBERS.get(schema.attributes[name].type, []):
            for sizes in ([1, 2, 3, 4], [1, "a", 3, 0]):
                x = helper.make_tensor_value_info("x", TensorProto.FLOAT, sizes)
                node = make(schema, ["x"] * min(3, schema.max_input), required | {name: value})
                infer(schema, [node], [x])
print(tried)
"""


@pytest.mark.parametrize(("nodes", "least"), [(BEHIND_A_STRANGER, 900), (ODD_NUMBERS, 5000)])
def test_no_operator_of_onnx_ends_the_process(nodes: str, least: int) -> None:
    done = subprocess.run([sys.executable, "-c", EVERY_OPERATOR + nodes], capture_output=True, text=True, check=False)
    last = done.stdout[-300:]
    assert done.returncode == 0, f"{last}: {done.stderr}"
    assert int(last.split()[-1]) > least
