"""ONNX Runtime's layers in terms of the user's tensors: every claim is proven by value, on real and awkward models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from alexnet_bench.backends.onnxruntime.session import OPTIMISED_MODEL
from alexnet_bench.backends.onnxruntime.tensors import Meanings
from alexnet_bench.core.text import printable
from alexnet_bench.graph.counting import count
from alexnet_bench.network import architectures, counts
from alexnet_bench.network.onnx_export import build_model
from alexnet_bench.network.shapes import tensor_shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tests.unit.backends.conftest import Build, Profile

IMAGE = {"x": (1, 16, 8, 8)}
KERNEL = (16, 16, 3, 3)
CONV: dict[str, Any] = {"w": KERNEL, "v": KERNEL, "b": (16,)}
STATISTICS: dict[str, Any] = {
    "scale": np.linspace(0.5, 1.5, 16, dtype=np.float32),
    "bias": np.linspace(-1, 1, 16, dtype=np.float32),
    "mean": np.linspace(-0.2, 0.4, 16, dtype=np.float32),
    "variance": np.linspace(0.6, 1.4, 16, dtype=np.float32),
}
TOKENS = {"x": (2, 16, 64)}
LINEAR: dict[str, Any] = {"w1": (64, 32), "b1": (32,), "w2": (32, 48), "b2": (48,), "w3": (48, 48), "b3": (48,)}
PRODUCT: dict[str, Any] = {"u": (16, 16), "v0": (16,), "square": np.array([1, 16, 8, 8])}
ZERO, HALF, ONE, TWO, SIX, ROOT = (np.array(value, np.float32) for value in (0, 0.5, 1, 2, 6, 1.4142135381698608))

Case = tuple["Sequence[NodeProto]", "Mapping[str, Sequence[int]]", "Sequence[str]", "Mapping[str, Any]"]


def node(op: str, inputs: str, outputs: str, /, name: str | None = None, **attributes: Any) -> NodeProto:
    """A node whose tensors are written with spaces between; named after its first output when no name is given."""
    made = outputs.split()
    return helper.make_node(op, inputs.split(), made, f"n_{made[0]}" if name is None else name, **attributes)


def conv(inputs: str, output: str, /, name: str | None = None) -> NodeProto:
    return node("Conv", inputs, output, name, pads=[1, 1, 1, 1])


def batch_norm(tensor: str, output: str) -> NodeProto:
    return node("BatchNormalization", f"{tensor} scale bias mean variance", output)


def reshape(tensor: str, output: str) -> NodeProto:
    return node("Reshape", f"{tensor} heads", output)


def transpose(tensor: str, output: str, *order: int) -> NodeProto:
    return node("Transpose", tensor, output, perm=list(order))


def image_of_product(output: str) -> list[NodeProto]:
    """A product with a bias whose columns become channels, as in the feed-forward blocks of SegFormer."""
    product = [node("MatMul", "x u", "p0"), node("Add", "p0 v0", "p1")]
    return [*product, transpose("p1", "p2", 0, 2, 1), node("Reshape", "p2 square", output)]


def linear(tensor: str, layer: int, output: str, /, name: str | None = None) -> list[NodeProto]:
    """A product with a bias, as a linear layer is exported where its input has more than two axes."""
    product = node("MatMul", f"{tensor} w{layer}", f"{output}_product", name)
    return [product, node("Add", f"{output}_product b{layer}", output)]


def pool(op: str, tensor: str, output: str) -> NodeProto:
    return node(op, tensor, output, kernel_shape=[2, 2])


# By name: nodes, inputs, outputs, weights.
SMALL: dict[str, Case] = {
    "conv, relu": ([conv("x w b", "c"), node("Relu", "c", "y")], IMAGE, ["y"], CONV),
    "conv, batch norm, relu": (
        [conv("x w b", "c"), batch_norm("c", "d"), node("Relu", "d", "y")],
        IMAGE,
        ["y"],
        CONV | STATISTICS,
    ),
    "batch norm that becomes a convolution": (
        [pool("MaxPool", "x", "p"), batch_norm("p", "d"), node("Relu", "d", "e"), conv("e w b", "y")],
        IMAGE,
        ["y"],
        CONV | STATISTICS,
    ),
    "conv + input": ([conv("x w b", "c"), node("Add", "c x", "s"), node("Relu", "s", "y")], IMAGE, ["y"], CONV),
    "input + conv": ([conv("x w b", "c"), node("Add", "x c", "s"), node("Relu", "s", "y")], IMAGE, ["y"], CONV),
    "equal sums of two convolutions": (
        [
            *(conv("x w b", "c"), conv("x v b", "d"), node("Add", "c d", "s"), node("Relu", "s", "y")),
            *(node("Add", "d c", "t"), node("Sigmoid", "t", "z")),
        ],
        IMAGE,
        ["y", "z"],
        CONV,
    ),
    "sums in a chain": (
        [
            *(conv("x w b", "c"), conv("x v b", "d"), node("Add", "c d", "s"), conv("s w b", "e")),
            *(node("Add", "e s", "t"), node("Relu", "t", "u"), node("Add", "t u", "y")),
        ],
        IMAGE,
        ["y"],
        CONV,
    ),
    "a convolution added to itself": ([conv("x w b", "c"), node("Add", "c c", "y")], IMAGE, ["y"], CONV),
    "an output that a relu reads": ([conv("x w b", "c"), node("Relu", "c", "y")], IMAGE, ["c", "y"], CONV),
    "weights of two layers": (
        [conv("x w b", "c"), node("Relu", "c", "r"), conv("r w b", "d"), node("Relu", "d", "y")],
        IMAGE,
        ["y"],
        CONV,
    ),
    "two readers with activations": (
        [conv("x w b", "c"), node("Relu", "c", "r"), node("Sigmoid", "c", "s"), node("Add", "r s", "y")],
        IMAGE,
        ["y"],
        CONV,
    ),
    "gemm, relu": (
        [node("Gemm", "x w b", "g"), node("Relu", "g", "y")],
        {"x": (4, 32)},
        ["y"],
        {"w": (32, 8), "b": [8]},
    ),
    "matmul, add, gelu": (
        [
            *(node("MatMul", "x w", "a"), node("Add", "a b", "c"), node("Div", "c root", "d"), node("Erf", "d", "e")),
            *(
                node("Add", "e one", "f"),
                node("Mul", "c f", "g"),
                node("Mul", "g half", "h"),
                node("MatMul", "h w", "y"),
            ),
        ],
        {"x": (2, 8, 16)},
        ["y"],
        {"w": (16, 16), "b": (16,), "root": ROOT, "one": ONE, "half": HALF},
    ),
    "conv, decomposed gelu, conv": (
        [
            *(conv("x w b", "c"), node("Div", "c root", "d"), node("Erf", "d", "e"), node("Add", "e one", "f")),
            *(node("Mul", "c f", "g"), node("Mul", "g half", "h"), conv("h v b", "k"), node("Sigmoid", "k", "y")),
        ],
        IMAGE,
        ["y"],
        CONV | {"root": ROOT, "one": ONE, "half": HALF},
    ),
    "conv, silu, conv": (
        [conv("x w b", "c"), node("Sigmoid", "c", "e"), node("Mul", "c e", "z"), conv("z v b", "y")],
        IMAGE,
        ["y"],
        CONV,
    ),
    "conv, quick gelu, sum, conv": (
        [
            *(conv("x w b", "c"), node("Mul", "c k", "d"), node("Sigmoid", "d", "e"), node("Mul", "c e", "z")),
            *(node("Add", "z c", "s"), conv("s v b", "y")),
        ],
        IMAGE,
        ["y"],
        CONV | {"k": np.array(1.702, np.float32)},
    ),
    "conv, decomposed hard swish, conv": (
        [
            *(conv("x w b", "c"), node("HardSigmoid", "c", "e", alpha=1 / 6, beta=0.5), node("Mul", "c e", "z")),
            conv("z v b", "y"),
        ],
        IMAGE,
        ["y"],
        CONV,
    ),
    "where with its condition turned": (
        [
            *(node("Sigmoid", "x", "s"), node("Equal", "s half", "e"), node("Not", "e", "n")),
            *(node("Where", "n s zero", "a"), node("Equal", "s half_too", "f"), node("Where", "f x s", "c")),
            node("Add", "a c", "y"),
        ],
        IMAGE,
        ["y"],
        {"half": HALF, "half_too": HALF, "zero": ZERO},
    ),
    "identity and dropout": (
        [
            *(node("Identity", "x", "i"), conv("i w b", "c"), node("Dropout", "c", "d"), node("Identity", "x", "j")),
            *(node("Add", "d j", "s"), node("Identity", "s", "t"), node("Relu", "t", "r"), node("Identity", "r", "y")),
        ],
        IMAGE,
        ["y"],
        CONV,
    ),
    "an output that is an input": ([node("Relu", "x", "y")], IMAGE, ["y", "x"], {}),
    "folded constants": ([node("Mul", "w two", "u"), conv("x u b", "y")], IMAGE, ["y"], CONV | {"two": TWO}),
    "a constant computed in every run": (
        [node("Unsqueeze", "s axes", "t"), node("Mul", "x t", "y")],
        IMAGE,
        ["y"],
        {"s": (16,), "axes": np.array([1, 2])},
    ),
    "folded scale and shift": (
        [conv("x w b", "c"), node("Mul", "c k", "d"), node("Add", "d l", "y")],
        IMAGE,
        ["y"],
        CONV | {"k": (16, 1, 1), "l": (16, 1, 1)},
    ),
    "clip": (
        [conv("x w b", "c"), node("Clip", "c zero six", "y")],
        IMAGE,
        ["y"],
        CONV | {"zero": ZERO, "six": SIX},
    ),
    "pools and concat": (
        [
            *(conv("x w b", "c"), pool("MaxPool", "c", "p"), pool("AveragePool", "c", "q")),
            *(node("Concat", "p q", "k", axis=1), node("GlobalAveragePool", "k", "y")),
        ],
        IMAGE,
        ["y"],
        CONV,
    ),
    "transposes that move": (
        [
            *(transpose("x", "t", 0, 2, 3, 1), node("Sigmoid", "t", "r"), node("Softmax", "r", "s", axis=-1)),
            *(transpose("s", "q", 0, 3, 1, 2), node("Sigmoid", "q", "u"), conv("u w b", "y")),
        ],
        IMAGE,
        ["y", "s"],
        CONV,
    ),
    "transposes that cancel": (
        [
            *(transpose("x", "t", 0, 2, 3, 1), node("Sigmoid", "t", "r"), node("Add", "r k", "s")),
            *(transpose("s", "q", 0, 3, 1, 2), conv("q w b", "y")),
        ],
        IMAGE,
        ["y"],
        CONV | {"k": (16,)},
    ),
    "transposes that merge": (
        [transpose("x", "t", 0, 2, 3, 1), transpose("t", "u", 0, 2, 1, 3), node("MatMul", "u w", "y")],
        IMAGE,
        ["y"],
        {"w": (16, 4)},
    ),
    "a pad inside a convolution": (
        [node("Sigmoid", "x", "s"), node("Pad", "s pads", "p"), node("Conv", "p w b", "y")],
        {"x": (1, 3, 8, 8)},
        ["y"],
        {"w": (5, 3, 3, 3), "b": (5,), "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1])},
    ),
    "a product seen as an image, conv": (
        [*image_of_product("i"), conv("i w b", "y")],
        {"x": (1, 64, 16)},
        ["y"],
        CONV | PRODUCT,
    ),
    "a product seen as an image of channels that fill no block, depthwise conv": (
        [*image_of_product("i"), node("Conv", "i w b", "y", pads=[1, 1, 1, 1], group=12)],
        {"x": (1, 64, 12)},
        ["y"],
        {"u": (12, 12), "v0": (12,), "square": np.array([1, 12, 8, 8]), "w": (12, 1, 3, 3), "b": (12,)},
    ),
    "a product seen as an image, conv, batch norm, relu": (
        [*image_of_product("i"), conv("i w", "c"), batch_norm("c", "n"), node("Relu", "n", "y")],
        {"x": (1, 64, 16)},
        ["y"],
        CONV | PRODUCT | STATISTICS,
    ),
    "a product seen as an image, conv, silu": (
        [*image_of_product("i"), conv("i w b", "c"), node("Sigmoid", "c", "s"), node("Mul", "c s", "y")],
        {"x": (1, 64, 16)},
        ["y"],
        CONV | PRODUCT,
    ),
    "a product seen as an image, conv + image, pool": (
        [
            *(*image_of_product("i"), conv("i w b", "c"), node("Add", "c i", "s"), node("Relu", "s", "r")),
            *(pool("AveragePool", "r", "p"), batch_norm("p", "y")),
        ],
        {"x": (1, 64, 16)},
        ["y"],
        CONV | PRODUCT | STATISTICS,
    ),
    "a product seen as an image, pool, product": (
        [
            *(*image_of_product("i"), pool("MaxPool", "i", "p"), node("Reshape", "p rows", "r")),
            *(transpose("r", "t", 0, 2, 1), node("MatMul", "t w0", "y")),
        ],
        {"x": (1, 64, 16)},
        ["y"],
        PRODUCT | {"rows": np.array([1, 16, -1]), "w0": (16, 4)},
    ),
    "a product seen as an image, pad, conv": (
        [*image_of_product("i"), node("Pad", "i pads", "p"), node("Conv", "p w b", "c"), node("Relu", "c", "y")],
        {"x": (1, 64, 16)},
        ["y"],
        CONV | PRODUCT | {"pads": np.array([0, 0, 1, 1, 0, 0, 1, 1])},
    ),
    "linear layers in a row": (
        [*linear("x", 1, "a"), *linear("a", 2, "c"), *linear("c", 3, "y")],
        TOKENS,
        ["y"],
        LINEAR,
    ),
    "linear layers with a view between": (
        [*linear("x", 1, "a"), node("Reshape", "a rows", "r"), *linear("r", 2, "c"), *linear("c", 3, "y")],
        TOKENS,
        ["y"],
        LINEAR | {"rows": np.array([4, 8, 32])},
    ),
    "linear layers with what vanishes": (
        [
            *(node("MatMul", "x w1", "p"), node("Dropout", "p", "d"), node("Add", "b1 d", "a")),
            *(node("Identity", "a", "i"), *linear("i", 2, "y")),
        ],
        TOKENS,
        ["y"],
        LINEAR,
    ),
    "linear layers whose product's size is read": (
        [
            *(*linear("x", 1, "a"), *linear("a", 2, "c"), node("Shape", "a_product", "s")),
            *(node("Cast", "s", "f", to=TensorProto.FLOAT), node("ReduceProd", "f", "n", keepdims=0)),
            node("Div", "c n", "y"),
        ],
        TOKENS,
        ["y"],
        LINEAR,
    ),
    "linear layers with one small bias": (
        [*linear("x", 1, "a"), *linear("a", 2, "y")],
        TOKENS,
        ["y"],
        {"w1": (64, 4), "b1": np.ones(4, np.float32), "w2": (4, 4), "b2": np.ones(4, np.float32)},
    ),
    "linear layers that are equal": (
        [
            *linear("x", 1, "a"),
            *linear("x", 1, "c"),
            *linear("a", 2, "d"),
            *linear("c", 2, "e"),
            node("Sub", "d e", "y"),
        ],
        TOKENS,
        ["y"],
        LINEAR,
    ),
    "a linear layer with a bias that is computed": (
        [node("Tanh", "v", "b1"), *linear("x", 1, "a"), *linear("a", 2, "y")],
        TOKENS | {"v": (32,)},
        ["y"],
        {name: LINEAR[name] for name in ("w1", "w2", "b2")},
    ),
    "conv, silu, pad, conv": (
        [
            *(conv("x w b", "c"), node("Sigmoid", "c", "s"), node("Mul", "c s", "m"), node("Pad", "m pads", "p")),
            *(node("Conv", "p v b", "d"), node("Relu", "d", "y")),
        ],
        IMAGE,
        ["y"],
        CONV | {"pads": np.array([0, 0, 1, 1, 0, 0, 1, 1])},
    ),
    "split": (
        [node("Split", "x sizes", "a c", axis=1), node("Relu", "a", "d"), node("Concat", "c d", "y", axis=1)],
        IMAGE,
        ["y"],
        {"sizes": np.array([4, 12])},
    ),
    "attention": (
        [
            *(
                node("MatMul", "x wq", "q0"),
                node("Add", "q0 b", "q1"),
                reshape("q1", "q2"),
                transpose("q2", "q", 0, 2, 1, 3),
            ),
            *(
                node("MatMul", "x wk", "k0"),
                node("Add", "k0 b", "k1"),
                reshape("k1", "k2"),
                transpose("k2", "k", 0, 2, 3, 1),
            ),
            *(
                node("MatMul", "x wv", "v0"),
                node("Add", "v0 b", "v1"),
                reshape("v1", "v2"),
                transpose("v2", "v", 0, 2, 1, 3),
            ),
            *(
                node("MatMul", "q k", "s"),
                node("Div", "s two", "t"),
                node("Softmax", "t", "p"),
                node("MatMul", "p v", "o"),
            ),
            *(transpose("o", "o1", 0, 2, 1, 3), node("Reshape", "o1 flat", "o2"), node("MatMul", "o2 wo", "o3")),
            *(node("Add", "o3 b", "o4"), node("Add", "o4 x", "o5"), node("LayerNormalization", "o5 g b", "y")),
        ],
        {"x": (2, 8, 16)},
        ["y"],
        dict.fromkeys(("wq", "wk", "wv", "wo"), (16, 16))
        | {"b": (16,), "g": (16,), "two": TWO, "heads": np.array([0, 0, 4, 4]), "flat": np.array([0, 0, 16])},
    ),
    "8 bit": (
        [
            *(node("QuantizeLinear", "x s z", "xq"), node("DequantizeLinear", "xq s z", "xd")),
            *(node("DequantizeLinear", "wq ws wz", "wd"), conv("xd wd", "c"), node("Relu", "c", "r")),
            *(node("QuantizeLinear", "r s z", "rq"), node("DequantizeLinear", "rq s z", "y")),
        ],
        IMAGE,
        ["y"],
        {
            "s": np.array(0.05, np.float32),
            "z": np.array(128, np.uint8),
            "ws": np.array(0.01, np.float32),
            "wz": np.array(0, np.int8),
            "wq": np.arange(-1152, 1152).astype(np.int8).reshape(KERNEL),
        },
    ),
}


@pytest.mark.parametrize("name", SMALL)
def test_small_models_are_whole_and_every_claim_is_true(name: str, build: Build, profile_model: Profile) -> None:
    run = profile_model(build.model(*SMALL[name]))
    run.check()
    assert run.wrong_claims() == []


@pytest.mark.parametrize(
    "name", ["squeezenet", "shufflenet", "densenet121", "resnet50", "inception_v1", "inception_v2"]
)
def test_every_layer_of_a_real_model_makes_the_tensor_that_it_claims(
    name: str, light_models: dict[str, Path], profile_model: Profile, randomised: Callable[[Path], ModelProto]
) -> None:
    run = profile_model(randomised(light_models[name]))
    run.check()
    assert run.wrong_claims() == []


@pytest.mark.parametrize("op", ["Add", "Sum"])
@pytest.mark.parametrize("order", ["c d", "d c"])
@pytest.mark.parametrize("first", ["c", "d"])
def test_of_two_convolutions_that_are_added_one_owns_the_sum(
    op: str, order: str, first: str, build: Build, profile_model: Profile
) -> None:
    convolutions = {"c": conv("x w b", "c"), "d": conv("x v b", "d")}
    ordered = [convolutions.pop(first), *convolutions.values()]
    run = profile_model(build.model([*ordered, node(op, order, "s"), node("Relu", "s", "y")], IMAGE, ["y"], CONV))
    run.check()
    assert run.wrong_claims() == []
    assert sorted(len(nodes) for nodes in run.nodes_of("Conv")) == [1, 3]


def test_the_oracle_finds_a_false_claim(build: Build, profile_model: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = [node("Sigmoid", "x", "r"), node("Tanh", "r", "s"), node("Add", "r s", "y")]
    run = profile_model(build.model(nodes, IMAGE, ["y"], {}))
    assert run.wrong_claims() == []
    told = Meanings.of
    monkeypatch.setattr(Meanings, "of", lambda self, name: {"r": "s"}.get(name, told(self, name)))
    assert "n_r (Sigmoid) does not make s" in run.wrong_claims()


LOOKALIKES = [
    "reorder",
    "x_nchwc",
    "x_bn",
    "y_token_3",
    "ReorderOutput",
    "c_nchwc_token_3",
    "InsertedPrecisionFreeCast_c",
    "Transpose",
    "Squeeze",
    "Unsqueeze",
]


@pytest.mark.parametrize("name", LOOKALIKES)
def test_tensors_that_are_named_like_those_of_the_runtime(name: str, build: Build, profile_model: Profile) -> None:
    nodes = [
        *(conv("x w b", name), node("Relu", name, "r"), conv("r v b", "d"), batch_norm("d", f"{name}_bn")),
        node("Sigmoid", f"{name}_bn", "y"),
    ]
    run = profile_model(build.model(nodes, IMAGE, ["y"], CONV | STATISTICS))
    run.check()
    assert run.wrong_claims() == []


@pytest.mark.parametrize("name", LOOKALIKES)
def test_nodes_that_are_named_like_those_of_the_runtime(name: str, build: Build, profile_model: Profile) -> None:
    nodes = [
        *(conv("x w b", "c", name), node("Relu", "c", "r", f"{name}_nchwc"), conv("r v b", "d", f"{name}_bn")),
        *(batch_norm("d", "e"), node("Sigmoid", "e", "y")),
    ]
    run = profile_model(build.model(nodes, IMAGE, ["y"], CONV | STATISTICS))
    run.check()
    assert run.wrong_claims() == []


@pytest.mark.parametrize("name", [*LOOKALIKES, "turned"])
def test_a_name_that_becomes_free_and_is_given_to_what_the_runtime_adds(
    name: str, build: Build, profile_model: Profile
) -> None:
    """The Transpose that is moved behind the Sigmoid, for the Neg alone, is called "Transpose" there."""
    nodes = [
        node("Transpose", "x", "t", name, perm=[0, 2, 3, 1]),
        *(node("Sigmoid", "t", "r", "squash"), node("Transpose", "r", "q", "back", perm=[0, 3, 1, 2])),
        *(conv("q w b", "y", "convolve"), node("Neg", "r", "z", "negate")),
    ]
    run = profile_model(build.model(nodes, IMAGE, ["y", "z"], CONV))
    run.check()
    assert run.wrong_claims() == []
    owners = {name: "Sigmoid", "squash": "Sigmoid", "back": "Conv", "convolve": "Conv", "negate": "Neg"}
    assert run.owners == {named: (op,) for named, op in owners.items()}


@pytest.mark.parametrize("names", [("", ""), ("a", "a"), ("q\"'\\", "\n\t\x1b[31m\u202e"), ("ü 日本", "model_run")])
def test_names_that_are_missing_twice_there_or_awkward(
    names: tuple[str, str], build: Build, profile_model: Profile
) -> None:
    nodes = [conv("x w b", "c", names[0]), node("Sigmoid", "c", "y", names[1])]
    run = profile_model(build.model(nodes, IMAGE, ["y"], CONV))
    run.check()
    assert run.wrong_claims() == [], [printable(name) for name in names]
    assert len(run.owners) == 2


def test_equal_computations_belong_to_the_layer_that_does_them(build: Build, profile_model: Profile) -> None:
    nodes = [
        *(conv("x w b", "c"), node("Relu", "c", "r"), conv("x w b", "d"), node("Relu", "d", "q")),
        *(pool("MaxPool", "r", "m"), pool("AveragePool", "q", "a"), node("Concat", "m a", "y", axis=1)),
    ]
    run = profile_model(build.model(nodes, IMAGE, ["y"], CONV))
    run.check()
    assert run.nodes_of("Conv") == [{"n_c", "n_r", "n_d", "n_q"}]
    assert run.nodes_of("Concat") == [{"n_y"}]


def test_what_is_merged_for_equal_weights_belongs_to_the_layer_that_does_it(
    light_models: dict[str, Path], profile_model: Profile
) -> None:
    # 1x1 and 3x3_reduce of two inception blocks have equal shapes, and all weights of the file are equal.
    run = profile_model(light_models["inception_v1"])
    run.check()
    operators = {item.name: item.op_type for item in run.graph.nodes}
    concats = [[operators[name] for name in nodes] for nodes in run.nodes_of("Concat")]
    assert concats == [["Concat"]] * 9
    merged = [nodes for nodes in run.nodes_of("Conv") if [operators[name] for name in nodes].count("Conv") == 2]
    assert len(merged) == 2
    macs = {row.name: row.macs for row in count(run.graph).rows}
    for layer in run.layers:
        if {*layer.onnx_nodes} in merged:  # equal nodes are computed once, which is what the layer's time is for
            assert layer.macs in {macs[name] for name in layer.onnx_nodes}


def test_a_node_that_vanishes_is_not_taken_for_an_equal_one(build: Build, profile_model: Profile) -> None:
    nodes = [node("Sigmoid", "x", "s"), node("Dropout", "s", "d"), node("Tanh", "d", "y")]
    run = profile_model(build.model(nodes, IMAGE, ["y"], {}))
    run.check()
    assert run.owners == {"n_s": ("Sigmoid",), "n_d": ("Tanh",), "n_y": ("Tanh",)}


def test_a_constant_that_is_computed_in_every_run_is_overhead(
    light_models: dict[str, Path], profile_model: Profile, randomised: Callable[[Path], ModelProto]
) -> None:
    run = profile_model(randomised(light_models["inception_v2"]))
    constant = [layer for layer in run.times.layers if layer.is_overhead and layer.op == "Unsqueeze"]
    assert constant
    assert all(not layer.reads and run.graph.constants.issuperset(layer.makes) for layer in constant)
    assert run.coverage.time_attributed_fraction == pytest.approx(1.0)


def test_casts_around_half_precision_are_overhead(build: Build, profile_model: Profile) -> None:
    nodes = [
        *(conv("x w b", "c"), node("Relu", "c", "r"), pool("MaxPool", "r", "p"), conv("p w b", "d")),
        *(node("Flatten", "d", "f"), node("Gemm", "f g", "h"), node("Relu", "h", "i"), node("Sigmoid", "i", "y")),
    ]
    weights = {"w": KERNEL, "b": (16,), "g": (16 * 49, 4)}
    run = profile_model(build.model(nodes, IMAGE, ["y"], weights, dtype=TensorProto.FLOAT16))
    run.check()
    assert run.wrong_claims(tolerance=0.02) == []  # computed in float32, by the oracle too, but rounded elsewhere
    casts = [layer for layer in run.times.layers if layer.op == "Cast"]
    assert casts
    assert all(layer.is_overhead for layer in casts)
    assert all(not layer.makes for layer in casts if not layer.reads)  # of weights
    assert run.owners["n_h"] == run.owners["n_i"] == ("FusedGemm",)
    assert run.owners["n_y"] == ("Sigmoid",)
    assert {layer.compute_dtype for layer in run.times.layers if layer.op == "Conv"} == {"float32"}


def test_quantised_convolutions_own_their_arithmetic(profile_model: Profile) -> None:
    """ONNX Runtime turns signed activations into unsigned ones, under names of its own."""
    generator = np.random.default_rng(0)
    weights = {f"w{i}": generator.integers(-127, 128, (16, 16, 3, 3)).astype(np.int8) for i in range(2)}
    constants: dict[str, Any] = {**weights, "s": np.float32(0.05), "z": np.int8(-128)}
    nodes = [node("QuantizeLinear", "x s z", "q0"), node("DequantizeLinear", "q0 s z", "t0")]
    for i in range(2):
        nodes += [
            node("DequantizeLinear", f"w{i} s", f"v{i}"),
            conv(f"t{i} v{i}", f"c{i}"),
            node("Relu", f"c{i}", f"r{i}"),
        ]
        nodes += [
            node("QuantizeLinear", f"r{i} s z", f"q{i + 1}"),
            node("DequantizeLinear", f"q{i + 1} s z", f"t{i + 1}"),
        ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 16, 8, 8])],
        [helper.make_tensor_value_info("t2", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    run = profile_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))
    assert run.coverage.macs_attributed_fraction == 1.0
    assert run.owners["n_c0"] == run.owners["n_c1"] == ("QLinearConv",)


def test_a_chain_of_half_precision_convolutions_stays_apart(build: Build, profile_model: Profile) -> None:
    """ONNX Runtime keeps the values between them in float32, under names made from those of its casts."""
    nodes = [step for i in range(4) for step in (conv(f"t{i} w{i}", f"c{i}"), node("Relu", f"c{i}", f"t{i + 1}"))]
    model = build.model(
        nodes, {"t0": IMAGE["x"]}, ["t4"], {f"w{i}": KERNEL for i in range(4)}, dtype=TensorProto.FLOAT16
    )
    run = profile_model(model)
    run.check()
    assert run.nodes_of("Conv") == [{f"n_c{i}", f"n_t{i + 1}"} for i in range(4)]


@pytest.mark.parametrize(
    ("op", "attributes"), [("Mish", {}), ("HardSwish", {}), ("GroupNormalization", {"num_groups": 4})]
)
def test_a_function_that_the_runtime_expands_is_shared_by_its_parts(
    op: str, attributes: dict[str, Any], build: Build, profile_model: Profile
) -> None:
    extra = " s t" if op == "GroupNormalization" else ""
    nodes = [node("Sigmoid", "x", "c"), node(op, f"c{extra}", "g", **attributes), node("Relu", "g", "y")]
    run = profile_model(build.model(nodes, IMAGE, ["y"], {"s": (16,), "t": (16,)}, opset=21))
    run.check()
    assert run.wrong_claims() == []
    assert len(run.owners["n_g"]) > 1
    parts = [owned.layer for owned in run.attribution.owned if "n_g" in dict(owned.shared)]
    assert all((part.reads, part.makes) == (("c",), ("g",)) for part in parts)


@pytest.mark.parametrize("tokens", [(4,), (2, 3)])
@pytest.mark.parametrize("bias", ["", " b1"])
def test_products_keep_their_own_where_they_take_in_parts_of_what_is_expanded(
    tokens: tuple[int, ...], bias: str, build: Build, profile_model: Profile
) -> None:
    """In float16 the CPU has no FastGelu: its bias goes into the product in front, its last scale into that behind."""
    nodes = [node("MatMul", "x w1", "a"), node("FastGelu", f"a{bias}", "g", domain="com.microsoft")]
    nodes += [node("MatMul", "g w2", "d"), node("Sigmoid", "d", "y")]
    weights: dict[str, Any] = {name: LINEAR[name] for name in ("w1", "b1", "w2")}
    model = build.model(nodes, {"x": (*tokens, 64)}, ["y"], weights, dtype=TensorProto.FLOAT16)
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    run = profile_model(model)
    run.check()
    assert run.nodes_of("FusedMatMul") == [{"n_d"}]
    assert run.nodes_of("Gemm" if bias else "MatMul") == [{"n_a"}]
    assert run.nodes_of("Tanh") == [{"n_g"}]


def test_a_cast_to_the_type_of_another_tensor_is_the_users_node(build: Build, profile_model: Profile) -> None:
    """ONNX Runtime expands CastLike, which onnxscript writes for every number, to a Cast without a name."""
    nodes = [
        *(conv("x w b", "c"), node("Sigmoid", "c", "s"), node("CastLike", "number c", "n"), node("Add", "s n", "y")),
        node("CastLike", "s half", "z"),
    ]
    numbers = {"half": np.array(0.5, np.float16), "number": np.array(3, np.int32)}
    model = build.model(nodes, IMAGE, ["y", "z"], CONV | numbers)
    model.graph.output[1].type.tensor_type.elem_type = TensorProto.FLOAT16
    run = profile_model(model)
    run.check()
    assert run.wrong_claims(1e-3) == []
    assert sorted(map(list, run.nodes_of("Cast"))) == [["n_n"], ["n_z"]]


def branches() -> tuple[GraphProto, GraphProto]:
    result = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    # A node of a branch may have the name of one outside.
    heavy = [conv("c w b", "inner"), node("Relu", "inner", "out", "n_c")]
    return helper.make_graph(heavy, "then", [], [result]), helper.make_graph(
        [node("Sigmoid", "c", "out")], "else", [], [result]
    )


def test_kernels_inside_a_branch_are_not_counted_twice(build: Build, profile_model: Profile) -> None:
    then, other = branches()
    nodes = [
        *(conv("x w b", "c"), node("ReduceSum", "x", "m", keepdims=0), node("Greater", "m low", "k")),
        *(node("If", "k", "z", then_branch=then, else_branch=other), node("Relu", "z", "y")),
    ]
    run = profile_model(build.model(nodes, IMAGE, ["y"], CONV | {"low": np.array(-1e9, np.float32)}))
    run.check()
    assert run.wrong_claims() == []
    assert run.owners["n_z"] == ("If",)
    (branch,) = [layer for layer in run.layers if layer.op == "If"]
    assert set(branch.inputs) == {"k", "c"}  # what the branches take from around them, too
    for index, whole in enumerate(run.times.run_s):
        assert (
            sum(samples[index] for samples in run.times.samples_s.values()) <= whole + 1e-5
        )  # the trace rounds to microseconds


def test_a_branch_that_is_always_taken_is_dissolved(build: Build, profile_model: Profile) -> None:
    then, other = branches()
    nodes = [conv("x w b", "c"), node("If", "k", "z", then_branch=then, else_branch=other), node("Relu", "z", "y")]
    run = profile_model(build.model(nodes, IMAGE, ["y"], CONV | {"k": np.array(True)}))
    run.check()
    assert run.wrong_claims() == []


def test_the_body_of_a_loop_belongs_to_the_loop(build: Build, profile_model: Profile) -> None:
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 16, 8, 8)) for name in ("v", "out")]
    goes_on = [helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("go", "on")]
    count = helper.make_tensor_value_info("i", TensorProto.INT64, [])
    body = helper.make_graph(
        [node("Identity", "go", "on"), conv("v w b", "q"), node("Relu", "q", "out")],
        "body",
        [count, goes_on[0], value[0]],
        [goes_on[1], value[1]],
    )
    nodes = [conv("x w b", "c"), node("Loop", "times true c", "z", body=body), node("Sigmoid", "z", "y")]
    weights = CONV | {"times": np.array(3), "true": np.array(True)}
    run = profile_model(build.model(nodes, IMAGE, ["y"], weights))
    run.check()
    assert run.owners["n_z"] == ("Loop",)


def test_linear_layers_in_a_row_own_their_arithmetic_each(build: Build, profile_model: Profile) -> None:
    run = profile_model(build.model(*SMALL["linear layers in a row"]))
    assert run.nodes_of("Gemm") == [{f"n_{name}_product", f"n_{name}"} for name in "acy"]
    assert [layer.macs for layer in run.layers if layer.onnx_nodes] == [32 * 64 * 32, 32 * 32 * 48, 32 * 48 * 48]


def test_linear_layers_in_half_precision_own_their_arithmetic_each(build: Build, profile_model: Profile) -> None:
    run = profile_model(build.model(*SMALL["linear layers in a row"], dtype=TensorProto.FLOAT16))
    run.check()
    assert run.nodes_of("Gemm") == [{f"n_{name}_product", f"n_{name}"} for name in "acy"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("f/MatMulAddFusion", "f"),
        ("f", "f/MatMulAddFusion"),
        ("f", "f_token_0"),
        ("f_token_1/MatMulAddFusion_token_0", "f_token_1"),
    ],
)
def test_linear_layers_that_are_named_like_those_of_the_runtime(
    first: str, second: str, build: Build, profile_model: Profile
) -> None:
    nodes = [
        *(node("Identity", "x", "i", "f/MatMulAddFusion_token_1"), *linear("i", 1, "a", first)),
        *(*linear("a", 2, "c", second), *linear("c", 3, "y", "gemm_output_reshape")),
    ]
    run = profile_model(build.model(nodes, TOKENS, ["y"], LINEAR))
    run.check()
    assert run.wrong_claims() == []


@pytest.mark.parametrize("weights", ["w3 b3", "w1 b1"])
def test_a_linear_layer_of_a_branch_under_the_name_of_one_that_was_merged(
    weights: str, build: Build, profile_model: Profile
) -> None:
    """The name that ONNX Runtime gives it is free again: it was that of the first of two equal layers."""
    weight, bias = weights.split()
    inside = [node("Sigmoid", "x", "g")] if weight == "w1" else []
    inside += [node("MatMul", f"{'g' if inside else 'x'} {weight}", "h"), node("Add", f"h {bias}", "k")]
    result = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    then = helper.make_graph([*inside, *linear("k", 2, "out")], "then", [], [result])
    other = helper.make_graph([node("Relu", "x", "out")], "else", [], [result])
    nodes = [
        *(*linear("x", 1, "a", "_if_then_branch_MatMul"), *linear("x", 1, "c"), node("Sub", "a c", "d")),
        *(*linear("d", 2, "e"), node("If", "true", "z", then_branch=then, else_branch=other), node("Sub", "e z", "y")),
    ]
    constants = LINEAR | {"w3": (64, 32), "b3": (32,), "true": np.array(True)}
    run = profile_model(build.model(nodes, TOKENS, ["y"], constants))
    optimised = onnx.load(run.folder / OPTIMISED_MODEL, load_external_data=False).graph.node
    assert any(item.name == "_if_then_branch_MatMul/MatMulAddFusion" and weight in item.input for item in optimised)
    run.check()
    assert run.wrong_claims() == []
    owner = next(owned for owned in run.attribution.owned if "_if_then_branch_MatMul" in owned.nodes)
    assert {*owner.nodes} == {"_if_then_branch_MatMul", "n_a", "n_c_product", "n_c"}


def test_random_numbers_are_not_taken_for_constants(build: Build, profile_model: Profile) -> None:
    nodes = [node("RandomNormal", "", "r", shape=[1, 16, 8, 8]), node("Add", "x r", "y")]
    run = profile_model(build.model(nodes, IMAGE, ["y"], {}))
    run.check()
    assert run.owners["n_y"] == ("Add",)


@pytest.mark.parametrize(
    "name",
    [
        *("bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50"),
        *("shufflenet", "squeezenet", "vgg19", "zfnet512"),
    ],
)
def test_the_models_of_the_onnx_package_as_they_are(
    name: str, light_models: dict[str, Path], profile_model: Profile
) -> None:
    assert len(light_models) == 9
    run = profile_model(light_models[name])
    run.check()
    (run.folder / "weights.bin").unlink()


@pytest.mark.parametrize("name", architectures.names())
def test_the_reference_networks(name: str, profile_model: Profile) -> None:
    run = profile_model(without_weights(name))
    run.check()
    (run.folder / "weights.bin").unlink()
    assert sum(layer.macs or 0 for layer in run.layers) == counts.count(architectures.get(name)).macs


def without_weights(name: str) -> ModelProto:
    """A reference network whose weights are made by nodes, so that its file is small."""
    network = architectures.get(name)
    empty = {key: np.zeros(shape, np.float32) for key, shape in tensor_shapes(network).items()}
    model = build_model(network, empty)
    for weight in [item for item in model.graph.initializer if item.data_type == TensorProto.FLOAT]:
        shape = helper.make_tensor(f"{weight.name} shape", TensorProto.INT64, [len(weight.dims)], weight.dims)
        model.graph.initializer.remove(weight)
        model.graph.initializer.append(shape)
        model.graph.node.insert(0, helper.make_node("ConstantOfShape", [shape.name], [weight.name]))
    return model
