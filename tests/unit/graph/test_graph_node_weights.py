"""Weights that nodes hold as attributes count wherever constants do."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from alexnet_bench.core.cost import CostTable
from alexnet_bench.graph.counting import count
from tests.unit.graph.conftest import Read

ML = "ai.onnx.ml"
FLOATS = [0.5] * 6


def counted(read: Read, op: str, domain: str = ML, version: int = 1, outputs: int = 1, **attributes: Any) -> CostTable:
    kind = TensorProto.INT64 if op in ("TfIdfVectorizer", "LabelEncoder") else TensorProto.FLOAT
    names = [f"y{index}" for index in range(outputs)]
    graph = helper.make_graph(
        [helper.make_node(op, ["x"], names, "node", domain=domain, **attributes)],
        "g",
        [helper.make_tensor_value_info("x", kind, [4, 3])],
        [onnx.ValueInfoProto(name=name) for name in names],
    )
    imports = [helper.make_opsetid("", 17), helper.make_opsetid(ML, version)]
    return count(read(helper.make_model(graph, opset_imports=imports, ir_version=8)))


def test_coefficients_are_parameters_in_floats(read: Read) -> None:
    table = counted(read, "LinearRegressor", coefficients=FLOATS, intercepts=[0.0, 1.0], targets=2)
    row = table.rows[0]
    assert (table.params, table.trainable_params, table.param_bytes, table.weight_bytes) == (8, 8, 32, 32)
    assert (row.params, row.trainable_params, row.weight_bytes) == (8, 8, 32)
    assert (row.bytes_read, row.bytes_written) == (4 * 12 + 32, 4 * 8)
    assert (row.activation_bytes, row.live_bytes, table.activation_peak_bytes) == (80, 80, 80)


TREE: dict[str, Any] = {
    "nodes_values": [0.1, 0.0, 0.0],
    "nodes_hitrates": [1.0] * 3,
    "nodes_featureids": [0] * 3,
    "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
}
TABLES: dict[str, Any] = {"keys_int64s": [1, 2], "values_floats": [0.5, 1.5]}
DOUBLES = numpy_helper.from_array(np.ones(5), "doubles")
GRAMS: dict[str, Any] = {
    "max_gram_length": 1, "min_gram_length": 1, "max_skip_count": 0, "mode": "TFIDF", "ngram_counts": [0],
    "ngram_indexes": [0, 1], "pool_int64s": [2, 3],
}  # fmt: skip


@pytest.mark.parametrize(
    ("op", "attributes", "params", "weight_bytes"),
    [
        ("Scaler", {"offset": [0.1] * 3, "scale": [2.0] * 3}, 6, 24),
        ("Imputer", {"imputed_value_floats": [0.1] * 3, "replaced_value_float": 1.0}, 3, 12),
        ("Normalizer", {"norm": "L2"}, 0, 0),
        (
            "SVMRegressor",
            {"coefficients": [1.0, 1.0], "support_vectors": FLOATS, "rho": [0.1], "kernel_params": [0.1, 0.0, 3.0]},
            9,
            36,
        ),
        # 3 values and 2 leaves in floats, 3 features and 2 ids in integers
        ("TreeEnsembleRegressor", {**TREE, "target_weights": [0.1, 0.2], "target_ids": [0, 0]}, 5, 20 + 40),
        ("TreeEnsembleRegressor", {"nodes_values_as_tensor": DOUBLES, "base_values": [0.5]}, 6, 40 + 4),
        ("OneHotEncoder", {"cats_int64s": [1, 2, 3]}, 0, 24),
        ("LabelEncoder", TABLES, 2, 16 + 8),
        ("LabelEncoder", {"keys_strings": ["a", "b"], "values_strings": ["c", "d"]}, 0, 0),
    ],
)
def test_what_operators_of_tables_and_trees_hold(
    read: Read, op: str, attributes: dict[str, Any], params: int, weight_bytes: int
) -> None:
    table = counted(read, op, version=3, **attributes)
    assert (table.params, table.weight_bytes) == (params, weight_bytes)


def test_a_classifier_holds_its_probabilities_too(read: Read) -> None:
    machine: dict[str, Any] = {
        "coefficients": [1.0, 1.0],
        "support_vectors": FLOATS,
        "rho": [0.1],
        "prob_a": [0.1],
        "prob_b": [0.2],
    }
    table = counted(read, "SVMClassifier", outputs=2, classlabels_ints=[0, 1], vectors_per_class=[1, 1], **machine)
    assert (table.params, table.weight_bytes) == (11, 44)


def test_the_weights_of_n_grams(read: Read) -> None:
    table = counted(read, "TfIdfVectorizer", domain="", weights=[0.5, 2.0], **GRAMS)
    assert (table.params, table.weight_bytes) == (2, 8 + 8 * 5)


def test_scales_of_an_old_upsample_are_no_weights(read: Read) -> None:
    text = "g (float[1,2,3,4] x) => (float y) { y = Upsample <scales = [1.0, 1.0, 2.0, 2.0]> (x) }"
    table = count(read('<ir_version: 3, opset_import: ["" : 7]>\n' + text))
    assert (table.params, table.weight_bytes) == (0, 0)


def test_nodes_of_one_kind_have_weights_of_their_own(read: Read) -> None:
    """Also where they have no names; one lies in both branches of an If under one name."""
    scaler = "ai.onnx.ml.Scaler <offset = [0.1, 0.2, 0.3], scale = [1.0, 2.0, 3.0]>"
    graph = read(
        '<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 1]>\n'
        f"g (float[4,3] x, bool c) => (float[4,3] y) {{ a = {scaler} (x) b = {scaler} (a) y = If (c) <"
        f"then_branch = t () => (float[4,3] p) {{ p = {scaler} (b) }}, "
        f"else_branch = e () => (float[4,3] p) {{ p = {scaler} (b) }}> }}"
    )
    table = count(graph)
    assert [row.params for row in table.rows] == [6, 6, 12]
    assert (table.params, table.weight_bytes) == (24, 96)
