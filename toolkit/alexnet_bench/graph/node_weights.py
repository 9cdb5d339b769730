"""Weights that a node holds in its attributes: coefficients, support vectors, trees, tables of labels and n-grams.

The operators of ai.onnx.ml, and TfIdfVectorizer, have in attributes what others read as constants. Each such attribute
becomes a constant of the graph that the node reads, in the type of the attribute, and so counts wherever constants do.
Settings (`kernel_params`), class labels, statistics that no prediction needs (`nodes_hitrates`) and texts, which have
no size, are left out. No other operator of ONNX has weights in attributes: the `scales` of Upsample-7 are settings, and
what Constant makes is a constant already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from alexnet_bench.core.graph import Graph, Node, Tensor, is_float
from alexnet_bench.graph.convert import tensor_from_attribute

if TYPE_CHECKING:
    from onnx import NodeProto

_ML = "ai.onnx.ml"
_LINEAR = ("coefficients", "intercepts")
_VECTORS = ("coefficients", "support_vectors", "rho")
_NODES = (
    "nodes_featureids",
    "nodes_truenodeids",
    "nodes_falsenodeids",
    "nodes_treeids",
    "nodes_nodeids",
    "nodes_missing_value_tracks_true",
)

_LEARNED: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "TfIdfVectorizer"): ("weights",),
    (_ML, "Imputer"): ("imputed_value_floats",),
    (_ML, "LabelEncoder"): ("values_floats", "values_tensor"),
    (_ML, "LinearClassifier"): _LINEAR,
    (_ML, "LinearRegressor"): _LINEAR,
    (_ML, "SVMClassifier"): (*_VECTORS, "prob_a", "prob_b"),
    (_ML, "SVMRegressor"): _VECTORS,
    (_ML, "Scaler"): ("offset", "scale"),
    (_ML, "TreeEnsemble"): ("nodes_splits", "leaf_weights", "membership_values"),
    (_ML, "TreeEnsembleClassifier"): ("nodes_values", "class_weights", "base_values"),
    (_ML, "TreeEnsembleRegressor"): ("nodes_values", "target_weights", "base_values"),
}
"""By operator the attributes that are parameters, where they are floats; some have a form `..._as_tensor` too."""

_READ: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "TfIdfVectorizer"): ("ngram_counts", "ngram_indexes", "pool_int64s"),
    (_ML, "CategoryMapper"): ("cats_int64s",),
    (_ML, "Imputer"): ("imputed_value_int64s",),
    (_ML, "LabelEncoder"): ("keys_floats", "keys_int64s", "keys_tensor", "values_int64s"),
    (_ML, "OneHotEncoder"): ("cats_int64s",),
    (_ML, "TreeEnsemble"): (
        *_NODES, "nodes_modes", "nodes_trueleafs", "nodes_falseleafs", "leaf_targetids", "tree_roots",
    ),
    (_ML, "TreeEnsembleClassifier"): (*_NODES, "class_ids", "class_nodeids", "class_treeids"),
    (_ML, "TreeEnsembleRegressor"): (*_NODES, "target_ids", "target_nodeids", "target_treeids"),
}  # fmt: skip
"""The attributes that it reads beside them: which feature a node of a tree looks at, the keys of a table."""

_AS_TENSOR = "_as_tensor"


def attach(graph: Graph, protos: Mapping[str, NodeProto]) -> Graph:
    """The graph with the weights that its nodes hold as constants of its own.

    Args:
        graph: any.
        protos: its nodes by identity.
    """
    found = {node.name: _held(node, protos[node.name]) for node in graph.nodes if _may_hold(node, protos)}
    if not found:
        return graph
    tensors = {tensor.name: tensor for held in found.values() for tensor in held}
    return replace(
        graph,
        nodes=tuple(
            msgspec.structs.replace(node, held=tuple(tensor.name for tensor in found[node.name]))
            if node.name in found
            else node
            for node in graph.nodes
        ),
        tensors={**graph.tensors, **tensors},
        constants=graph.constants.union(tensors),
    )


def learned(graph: Graph, node: Node) -> Iterator[str]:
    """Those of them that are parameters."""
    for attribute in _LEARNED.get((node.domain, node.op_type), ()) if node.held else ():
        for form in (attribute, attribute + _AS_TENSOR):
            name = _name(node, form)
            if name in node.held and is_float(graph.tensor(name).dtype):
                yield name


def _may_hold(node: Node, protos: Mapping[str, NodeProto]) -> bool:
    key = (node.domain, node.op_type)
    return (key in _LEARNED or key in _READ) and node.name in protos


def _held(node: Node, proto: NodeProto) -> list[Tensor]:
    key = (node.domain, node.op_type)
    wanted = {*_LEARNED.get(key, ()), *_READ.get(key, ())}
    made = [
        tensor_from_attribute(attribute, _name(node, attribute.name))
        for attribute in proto.attribute
        if attribute.name.removesuffix(_AS_TENSOR) in wanted
    ]
    return [tensor for tensor in made if tensor is not None and tensor.size_bytes]


def _name(node: Node, attribute: str) -> str:
    return f"{node.name} ({attribute})"
