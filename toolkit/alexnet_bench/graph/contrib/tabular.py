"""Operators of the domain ai.onnx.ml whose shapes ONNX does not infer, or not of all their versions and ranks.

An input of one axis is one row (ONNX, Operators-ml.md; what ONNX Runtime makes of it). Three of them, and
EyeLike and RegexFullMatch of ONNX's own domain, are never left to ONNX (1.23): its inference reads the type of their
input without looking whether it is known, which ends the process.
"""

from __future__ import annotations

from alexnet_bench.graph.contrib.node import FLOAT, INT64, ML, RULED, STRING, Dims, Node, rule
from alexnet_bench.graph.contrib.sizes import times


@rule("Imputer", domain=ML)
def same(node: Node) -> None:
    """As the input."""
    node.make(0, node.dtype(0), node.dims(0))


@rule("Normalizer", "Scaler", domain=ML)
def same_in_floats(node: Node) -> None:
    """The shape of the input, whatever its type, in floats."""
    node.make(0, FLOAT, node.dims(0))


@rule("LinearRegressor", "SVMRegressor", "TreeEnsembleRegressor", domain=ML)
def regressor(node: Node) -> None:
    """A number per row and target; a support vector machine has one target."""
    name = {"LinearRegressor": "targets", "TreeEnsembleRegressor": "n_targets"}.get(node.op_type, "")
    _make_rows(node, 0, FLOAT, [node.integer(name, 1) if name else 1])


@rule("SVMClassifier", "TreeEnsembleClassifier", domain=ML)
def classifier(node: Node) -> None:
    """A label per row, and a score per row and class.

    A machine of support vectors that gives no probabilities has a score for each pair of classes, where there are more
    than two.
    """
    texts, labels = node.length("classlabels_strings"), node.length("classlabels_ints")
    classes = texts or labels or node.length("classlabels_int64s")
    scores: int | None = classes
    if node.length("vectors_per_class") and not node.length("prob_a"):
        scores = max(classes * (classes - 1) // 2, 2)
    _make_rows(node, 0, STRING if texts else INT64, [])
    _make_rows(node, 1, FLOAT, [scores or None])


@rule("FeatureVectorizer", domain=ML)
def feature_vectorizer(node: Node) -> None:
    """The inputs side by side, cut or filled up to the widths that an attribute names, in floats."""
    widths = node.integers("inputdimensions")
    _make_rows(node, 0, FLOAT, [sum(widths) if widths else None])


@rule("ArrayFeatureExtractor", domain=ML)
def array_feature_extractor(node: Node) -> None:
    """Of the last axis as many as there are indices; an input of one axis becomes a row."""
    dims, indices = node.dims(0), node.dims(1)
    if not dims or indices is None:
        return
    picked: int | None = 1
    for size in indices:
        picked = times(picked, size)
    node.make(0, node.dtype(0), [*(dims[:-1] or [1]), picked])


@rule("LabelEncoder", domain=RULED[ML])
def label_encoder(node: Node) -> None:
    """The shape of the input in the type of the values; version 1 changes texts into numbers and back."""
    lists = {"values_floats": FLOAT, "values_int64s": INT64, "values_strings": STRING}
    made = next((dtype for name, dtype in lists.items() if node.length(name)), node.type_of("values_tensor"))
    if node.length("classes_strings"):
        made = INT64 if node.dtype(0) == STRING else STRING
    if made:
        node.make_like(0, 0, made)


@rule("DictVectorizer", domain=RULED[ML])
def dict_vectorizer(node: Node) -> None:
    """A row of what the map has for each word of the vocabulary."""
    made, words = node.dtype_of_values(0), node.length("string_vocabulary") or node.length("int64_vocabulary")
    if made and words:
        node.make(0, made, [1, words])


@rule("TreeEnsemble", domain=RULED[ML])
def tree_ensemble(node: Node) -> None:
    """A number per row and target, in the type of the input."""
    dims = node.dims(0)
    if dims is not None and len(dims) == 2:
        node.make(0, node.dtype(0), [dims[0], node.integer("n_targets", 0) or None])


def _make_rows(node: Node, index: int, dtype: int, columns: Dims) -> None:
    """Says that an output has as many rows as the first input; ONNX Runtime takes no more than two axes."""
    dims = node.dims(0)
    if dims:
        node.make(index, dtype, [dims[0] if len(dims) > 1 else 1, *columns])
