"""Shapes of operators of ai.onnx.ml, compared with what ONNX Runtime makes of one node when it runs it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from alexnet_bench.graph import contrib
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.formulas.uncounted import UNCOUNTED
from tests.unit.graph.conftest import Read
from tests.unit.graph.real_node import Array, Real, real, whole

ML = "ai.onnx.ml"
RULED = (*contrib.operators(ML), *contrib.operators(contrib.RULED[ML]))
LINE, ROWS = real(10), real(3, 10)
FEATURES: list[Array] = [LINE, ROWS, real(1, 10)]
NUMBERS: list[Array] = [*FEATURES, np.ones((3, 10), np.int64), np.ones((3, 10))]
TEXTS = np.array([["a"], ["b"]], object)
KERNEL: dict[str, Any] = {"kernel_type": "RBF", "kernel_params": [0.1, 0.0, 3.0]}
TREE: dict[str, Any] = {
    "nodes_treeids": [0] * 3,
    "nodes_nodeids": [0, 1, 2],
    "nodes_featureids": [0] * 3,
    "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
    "nodes_values": [0.1, 0.0, 0.0],
    "nodes_truenodeids": [1, 0, 0],
    "nodes_falsenodeids": [2, 0, 0],
}


def ml(op: str, *inputs: Array, outputs: int = 1, version: int = 1, **attributes: Any) -> Real:
    return Real(op, list(inputs), outputs, attributes, ML, version=version)


def linear_classifier(x: Array, scores: int, labels: Sequence[int] | Sequence[str], **more: Any) -> Real:
    name = "classlabels_strings" if isinstance(labels[0], str) else "classlabels_ints"
    weights: dict[str, Any] = {"coefficients": [0.1] * 10 * scores, "intercepts": [0.0] * scores, name: labels}
    return ml("LinearClassifier", x, outputs=2, **weights, **more)


def vector_machine(x: Array, classes: int, *, probabilities: bool = False, texts: bool = False, **more: Any) -> Real:
    """Of one support vector per class."""
    pairs = classes * (classes - 1) // 2
    labels: dict[str, Any] = (
        {"classlabels_strings": list("abcd"[:classes])} if texts else {"classlabels_ints": list(range(classes))}
    )
    fitted: dict[str, Any] = {"prob_a": [0.1] * pairs, "prob_b": [0.1] * pairs} if probabilities else {}
    machine: dict[str, Any] = {
        "coefficients": [1.0] * classes * (classes - 1),
        "support_vectors": [0.1] * 10 * classes,
        "vectors_per_class": [1] * classes,
        "rho": [0.1] * pairs,
    }
    return ml("SVMClassifier", x, outputs=2, **machine, **labels, **fitted, **KERNEL, **more)


def tree_classifier(x: Array, ids: Sequence[int], version: int = 1, **labels: Any) -> Real:
    leaves: dict[str, Any] = {"class_treeids": [0] * len(ids), "class_nodeids": [1, 2, 2][: len(ids)], "class_ids": ids}
    weights: dict[str, Any] = {"class_weights": [0.1, 0.2, 0.3][: len(ids)]}
    return ml("TreeEnsembleClassifier", x, outputs=2, version=version, **TREE, **leaves, **weights, **labels)


def tree_regressor(x: Array, targets: int, version: int = 1) -> Real:
    leaves: dict[str, Any] = {"target_treeids": [0, 0], "target_nodeids": [1, 2], "target_ids": [0, targets - 1]}
    weights: dict[str, Any] = {"target_weights": [0.1, 0.2], "n_targets": targets}
    return ml("TreeEnsembleRegressor", x, version=version, **TREE, **leaves, **weights)


def trees(x: Array, targets: int) -> Real:
    """One tree of two leaves."""
    dtype = helper.np_dtype_to_tensor_dtype(x.dtype)
    tree: dict[str, Any] = {
        "nodes_splits": helper.make_tensor("s", dtype, [1], [0.5]),
        "nodes_modes": helper.make_tensor("m", onnx.TensorProto.UINT8, [1], [0]),
        "leaf_weights": helper.make_tensor("w", dtype, [2], [1.0, 2.0]),
        "leaf_targetids": [0, targets - 1],
        "tree_roots": [0],
        "nodes_featureids": [0],
        "nodes_trueleafs": [1],
        "nodes_falseleafs": [1],
        "nodes_falsenodeids": [1],
        "nodes_truenodeids": [0],
    }
    return ml("TreeEnsemble", x, version=5, n_targets=targets, **tree)


NODES = [
    *(ml("Scaler", x, offset=[0.1] * 10, scale=[1.0] * 10) for x in NUMBERS),
    ml("Scaler", ROWS, offset=[0.1], scale=[2.0]),
    *(ml("Normalizer", x, norm=norm) for x in NUMBERS for norm in ("MAX", "L2")),
    *(ml("Imputer", x, imputed_value_floats=[0.1] * 10, replaced_value_float=-1.0) for x in FEATURES),
    ml("Imputer", real(2, 3, 10), imputed_value_floats=[0.1] * 10, replaced_value_float=-1.0),
    ml("Imputer", np.ones((3, 10), np.int64), imputed_value_int64s=[1] * 10, replaced_value_int64=-1),
    *(ml("Binarizer", x, threshold=0.1) for x in (*FEATURES, real(2, 3, 10))),
    *(ml("LinearRegressor", x, coefficients=[0.1] * 20, intercepts=[0.0] * 2, targets=2) for x in FEATURES),
    ml("LinearRegressor", ROWS, coefficients=[0.1] * 10),
    *(
        ml("LinearRegressor", ROWS, coefficients=[0.1] * 20, targets=2, post_transform=transform)
        for transform in ("SOFTMAX", "SOFTMAX_ZERO", "LOGISTIC")
    ),
    *(linear_classifier(x, 2, [0, 1]) for x in NUMBERS),
    *(linear_classifier(x, 1, [0, 1], post_transform="LOGISTIC") for x in FEATURES),
    *(linear_classifier(x, 3, ["a", "b", "c"], post_transform="SOFTMAX") for x in FEATURES),
    *(
        ml("SVMRegressor", x, coefficients=[1.0] * 2, support_vectors=[0.1] * 20, n_supports=2, rho=[0.1], **KERNEL)
        for x in FEATURES
    ),
    *(vector_machine(x, 3) for x in NUMBERS),
    *(
        vector_machine(x, classes, probabilities=probabilities, texts=texts)
        for x in (LINE, ROWS)
        for classes in (2, 3, 4)
        for probabilities, texts in ((False, False), (True, True))
    ),
    *(vector_machine(ROWS, classes, post_transform="LOGISTIC") for classes in (2, 4)),
    ml(
        "SVMClassifier", ROWS, outputs=2, classlabels_ints=[0, 1, 2], coefficients=[1.0] * 30, rho=[0.1] * 3,
        kernel_type="LINEAR", kernel_params=[0.1, 0.0, 3.0],
    ),
    *(tree_regressor(x, targets) for x in FEATURES for targets in (1, 2)),
    tree_regressor(ROWS, 2, version=3),
    *(tree_classifier(x, [0, 1, 2], classlabels_int64s=[0, 1, 2]) for x in NUMBERS),
    *(
        tree_classifier(x, [0, 0], classlabels_strings=["a", "b"], post_transform="LOGISTIC") for x in (LINE, ROWS)
    ),
    tree_classifier(ROWS, [0, 0], classlabels_int64s=[0]),
    trees(ROWS, 2),
    trees(np.ones((3, 10)), 1),
    tree_classifier(ROWS, [0, 1, 2], version=3, classlabels_int64s=[0, 1, 2]),
    *(
        ml("ArrayFeatureExtractor", x, indices)
        for x in (LINE, ROWS, real(2, 3, 10), np.ones(10, np.int64))
        for indices in (whole(1, 2), np.array([[1, 2]]), np.array(1), np.array([[1, 2], [3, 4]]))
    ),
    *(
        ml("FeatureVectorizer", *inputs, inputdimensions=[2, 4])
        for inputs in (
            [real(3, 2), real(3, 4)], [real(2), real(4)], [np.ones((3, 2), np.int64), np.ones((3, 4), np.int64)],
            [real(3, 5), real(3, 4)], [real(3, 2, 2), real(3, 4)],
        )
    ),
    *(ml("OneHotEncoder", x, cats_int64s=list(range(7))) for x in (whole(1, 2), np.array([[1], [2]]), np.array(1))),
    ml("LabelEncoder", TEXTS, classes_strings=["a"]),
    ml("LabelEncoder", whole(0, 0), classes_strings=["a"]),
    ml("LabelEncoder", TEXTS, version=2, keys_strings=["a"], values_floats=[2.0]),
    ml("LabelEncoder", whole(1, 2), version=2, keys_int64s=[1], values_strings=["a"]),
    ml("LabelEncoder", whole(1, 2), version=2, keys_int64s=[1], values_int64s=[2]),
    ml(
        "LabelEncoder", TEXTS, version=4, keys_strings=["a"], values_tensor=helper.make_tensor("v", 5, [1], [1]),
        default_tensor=helper.make_tensor("d", 5, [1], [1]),
    ),
    ml("CategoryMapper", TEXTS, cats_strings=["a", "b"], cats_int64s=[0, 1]),
    ml("CategoryMapper", whole(0, 1), cats_strings=["a", "b"], cats_int64s=[0, 1]),
]  # fmt: skip


@pytest.mark.parametrize("node", NODES, ids=lambda node: str(node)[:70])
def test_shapes_and_types_are_those_of_a_run(read: Read, node: Real) -> None:
    graph = read(node.model)
    for index, made in enumerate(node.run()):
        tensor = graph.tensor(f"y{index}")
        name = made.dtype.name
        assert (tensor.dtype, tensor.shape) == ("string" if name in ("object", "str") else name, made.shape)
    row = count(graph).rows[0]
    assert row.why_unknown == UNCOUNTED.get((ML, node.op), "")
    assert row.bytes is not None


@pytest.mark.parametrize("op", RULED)
def test_nodes_without_inputs_or_shapes_are_left_open(read: Read, op: str) -> None:
    nodes = [helper.make_node(op, [], ["y"], domain=ML), helper.make_node(op, ["x"] * 3, ["z"], domain=ML)]
    infos = [onnx.ValueInfoProto(name=name) for name in "xyz"]
    graph = helper.make_graph(nodes, "g", infos[:1], infos[1:])
    found = read(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))
    assert (found.tensor("y").sizes, found.tensor("z").sizes) == (None, None)


@pytest.mark.parametrize(
    "node",
    [
        ml("LinearRegressor", ROWS, coefficients=[0.1], targets=-1),
        ml("LinearRegressor", ROWS, coefficients=[0.1], targets=2**62),
        ml("LinearRegressor", np.array(0.5, np.float32), coefficients=[0.1]),
        ml("FeatureVectorizer", ROWS, inputdimensions=[-4]),
        ml("SVMClassifier", ROWS, outputs=2, vectors_per_class=[1]),
    ],
    ids=str,
)
def test_a_malformed_node_is_not_counted(read: Read, node: Real) -> None:
    assert count(read(node.model)).rows[0].why_unknown


def test_every_rule_is_compared_with_a_run() -> None:
    """That of DictVectorizer is below: what it reads is no tensor."""
    assert set(RULED) <= {"DictVectorizer", *(node.op for node in NODES)}


def test_what_follows_in_a_branch_is_counted(read: Read) -> None:
    """The shape of the regressor is needed by the product behind it."""
    regressor = "ai.onnx.ml.LinearRegressor <coefficients = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], targets = 2> (x)"
    graph = read(
        '<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 1]>\n'
        "g (float[N,3] x, bool c, float[2,5] w) => (float[N,5] y) { y = If (c) <"
        f"then_branch = t () => (float[N,5] p) {{ a = {regressor} p = MatMul (a, w) }}, "
        f"else_branch = e () => (float[N,5] q) {{ b = {regressor} q = MatMul (b, w) }}> }}",
        batch=4,
    )
    table = count(graph)
    assert table.rows[0].macs == 4 * 3 * 2 + 4 * 2 * 5
    assert table.params == 12


@pytest.mark.parametrize("words", [{"string_vocabulary": ["a", "b", "c"]}, {"int64_vocabulary": [1, 2]}, {}])
def test_a_dictionary_is_a_row_of_its_vocabulary(read: Read, words: dict[str, Any]) -> None:
    given = onnx.ValueInfoProto(name="x")
    given.type.map_type.key_type = onnx.TensorProto.INT64 if "int64_vocabulary" in words else onnx.TensorProto.STRING
    given.type.map_type.value_type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("DictVectorizer", ["x"], ["y"], domain=ML, **words)],
        "g",
        [given],
        [onnx.ValueInfoProto(name="y")],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(ML, 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    made = read(model).tensor("y")
    if not words:  # which ONNX Runtime refuses
        assert made.sizes is None
        return
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    value = session.run(None, {"x": {"a": 1.5} if "string_vocabulary" in words else {1: 1.5}})[0]
    assert (made.dtype, made.sizes) == (value.dtype.name, value.shape)
