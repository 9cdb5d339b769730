"""Operators of the domain ai.onnx.ml, as exporters of scikit-learn write them (ONNX, Operators-ml.md).

Maps and texts have no size before they are there; a map counts as the numbers in it, where these are in a tensor.
"""

from __future__ import annotations

from math import prod

from alexnet_bench.core.text import printable
from alexnet_bench.graph.formulas.prices import SIGMOID, SOFTMAX
from alexnet_bench.graph.formulas.registry import Operation, UnknownShape, Work, formula

_ML = "ai.onnx.ml"

# FLOP and transcendentals per score.
_POST_TRANSFORMS = {"NONE": (0, 0), "SOFTMAX": SOFTMAX, "SOFTMAX_ZERO": SOFTMAX, "LOGISTIC": SIGMOID, "PROBIT": (3, 1)}

# Per support vector beside the F MACs of a dot product; RBF has F differences more instead of it.
_KERNELS = {"LINEAR": (0, 0), "POLY": (2, 1), "RBF": (1, 1), "SIGMOID": (2, 1)}


@formula("LabelEncoder", "CategoryMapper", "FeatureVectorizer", "OneHotEncoder", domain=_ML)
def look_up(op: Operation) -> Work:
    """Elements replaced by others, or joined: no arithmetic."""
    return Work(bytes_read=op.inputs_bytes(), bytes_written=op.outputs_bytes())


@formula("ZipMap", domain=_ML)
def to_maps(op: Operation) -> Work:
    """Each number gets a key."""
    moved = op.inputs_bytes()
    return Work(bytes_read=moved, bytes_written=moved)


@formula("CastMap", "DictVectorizer", domain=_ML)
def from_maps(op: Operation) -> Work:
    """The numbers of a map, in the order of their keys."""
    moved = op.outputs_bytes()
    return Work(bytes_read=moved, bytes_written=moved)


@formula("Binarizer", "Imputer", "Scaler", domain=_ML)
def per_element(op: Operation) -> Work:
    """A comparison per element; Scaler subtracts and multiplies."""
    return Work(flop=(2 if op.node.op_type == "Scaler" else 1) * op.output_elements())


@formula("Normalizer", domain=_ML)
def normalizer(op: Operation) -> Work:
    """Per element a maximum, a sum of absolute values or of squares, and a quotient; the root per row is left out."""
    norm = str(op.attribute("norm", "MAX"))
    return Work(flop=(2 if norm == "MAX" else 3) * op.output_elements())


@formula("LinearRegressor", "LinearClassifier", domain=_ML)
def linear(op: Operation) -> Work:
    """Rows by coefficients; an intercept, the post transform, and a classifier's comparison for the best, per score."""
    rows, width = _rows(op)
    scores = _whole(_length(op, "coefficients"), width)
    extra = (_length(op, "intercepts") + _length(op, "rho") > 0) + op.node.op_type.endswith("Classifier")
    flop, transcendentals = _post_transform(op)
    macs = rows * scores * width
    return Work(macs, 2 * macs + rows * scores * (extra + flop), rows * scores * transcendentals)


@formula("SVMRegressor", "SVMClassifier", domain=_ML)
def support_vectors(op: Operation) -> Work:
    """The kernel of each row and support vector, then the weighted sums of them (ONNX, SVMClassifier; libsvm).

    A regressor has one sum, with rho. Of a classifier each of n classes has n - 1 sums over its own vectors, so that
    each vector stands in n - 1 of them; each pair of classes has a rho, a vote, and with prob_a a sigmoid. Without one
    there is a score for each pair of more than two classes. A linear machine may have the sums of its vectors instead:
    coefficients and a rho per score.
    """
    rows, width = _rows(op)
    kernel, vectors = str(op.attribute("kernel_type", "LINEAR")), _length(op, "support_vectors")
    if kernel not in _KERNELS or not (vectors or kernel == "LINEAR"):
        raise UnknownShape(f"no formula for the kernel {printable(kernel)} with {vectors} support vectors")
    if not vectors:
        return linear(op)
    vectors = _whole(vectors, width)
    classes = max(_length(op, "classlabels_ints"), _length(op, "classlabels_strings"))
    sums, pairs = (1, 0) if op.node.op_type == "SVMRegressor" else (classes - 1, classes * (classes - 1) // 2)
    per_vector, powers = _KERNELS[kernel]
    flop, transcendentals = _post_transform(op)
    sigmoids = pairs if _length(op, "prob_a") else 0
    macs = rows * vectors * (width + sums)
    elementwise = vectors * (per_vector + (width if kernel == "RBF" else 0)) + (2 * pairs or 1) + 5 * sigmoids
    outputs = rows * ((classes if sigmoids or classes < 3 else pairs) or 1)
    return Work(
        macs,
        2 * macs + rows * elementwise + outputs * flop,
        rows * (vectors * powers + sigmoids) + outputs * transcendentals,
    )


def _rows(op: Operation) -> tuple[int, int]:
    shape = op.input_shape(0)
    return prod(shape[:-1]), shape[-1]


def _length(op: Operation, name: str) -> int:
    value = op.attribute(name)
    return len(value) if isinstance(value, tuple) else 0


def _whole(elements: int, width: int) -> int:
    if not elements or not width or elements % width:
        raise UnknownShape(f"{elements} coefficients do not fit rows of {width}")
    return elements // width


def _post_transform(op: Operation) -> tuple[int, int]:
    name = str(op.attribute("post_transform", "NONE"))
    if name not in _POST_TRANSFORMS:
        raise UnknownShape(f"no formula for the post transform {printable(name)}")
    return _POST_TRANSFORMS[name]
