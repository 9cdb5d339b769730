"""What torch's exporters write out, put together again."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path

import onnx
import pytest
from onnx import ModelProto, helper, numpy_helper, version_converter

torch = pytest.importorskip("torch", reason="torch is not installed, whose exporters make these models")

from torch import Tensor, nn  # noqa: E402

from alexnet_bench.graph.passes import apply  # noqa: E402
from alexnet_bench.network import architectures  # noqa: E402
from alexnet_bench.network.initialise import initialise  # noqa: E402
from alexnet_bench.network.torch_module import build_module  # noqa: E402
from tests.unit.backends.torch_models import exported  # noqa: E402
from tests.unit.graph.passes.conftest import (  # noqa: E402
    EVALUATOR,
    EXACT,
    check,
    error,
    named,
    operators,
    random_feeds,
)

DYNAMO = pytest.param(
    True,
    id="dynamo",
    marks=pytest.mark.skipif(
        importlib.util.find_spec("onnxscript") is None, reason="onnxscript is not installed, which dynamo=True needs"
    ),
)
EXPORTERS = pytest.mark.parametrize("dynamo", [DYNAMO, pytest.param(False, id="tracing")])


def from_torch(module: nn.Module, example: Tensor, folder: Path, *, dynamo: bool) -> ModelProto:
    return named(onnx.load(exported(module, example, folder / "model.onnx", dynamo=dynamo)))


@EXPORTERS
@pytest.mark.parametrize("size", [1, 3, 5])
def test_lrn(size: int, dynamo: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(3, 12, 3), nn.ReLU(), nn.LocalResponseNorm(size, 1e-3, 0.6, 2.0))
    model = from_torch(layers, torch.randn(2, 3, 9, 8), tmp_path, dynamo=dynamo)
    feeds = random_feeds(model, high=90)
    result = check(model, "recompose", feeds)
    assert operators(result.model) == ["Conv", "Relu", "LRN"]
    node = result.model.graph.node[2]
    found = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    assert found == pytest.approx({"size": size, "alpha": 1e-3, "beta": 0.6, "bias": 2.0})
    assert error(model, result.model, feeds) < EXACT
    assert len(result.origins[node.name]) > 7
    lowered = apply(model, ["recompose", "lower-lrn"], evaluator=EVALUATOR)
    assert "LRN" not in operators(lowered.model)
    assert lowered.origins[lowered.model.graph.node[-1].name] == result.origins[node.name]
    assert error(model, lowered.model, feeds) < EXACT


def test_lrn_of_a_dynamic_batch_with_its_sizes_computed_in_the_graph(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    layers = nn.Sequential(nn.Conv2d(3, 12, 3), nn.LocalResponseNorm(5), nn.Conv2d(12, 4, 1), nn.LocalResponseNorm(3))
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the tracing exporter says that it is the older one
        torch.onnx.export(
            layers.eval(), (torch.randn(2, 3, 9, 8),), path, dynamo=False, input_names=["x"],
            dynamic_axes={"x": {0: "N"}},
        )  # fmt: skip
    model = named(onnx.load(path))
    assert {"If", "Shape", "ConstantOfShape"} <= set(operators(model))
    feeds = random_feeds(model, high=300)
    result = check(model, "recompose", feeds)
    assert operators(result.model) == ["Conv", "LRN", "Conv", "LRN"]
    assert error(model, result.model, feeds) < EXACT


@EXPORTERS
def test_lrn_of_a_product(dynamo: bool, tmp_path: Path) -> None:
    """SiLU ends in a Mul, which is not part of LRN's square."""
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(3, 12, 3), nn.SiLU(), nn.LocalResponseNorm(5, 1e-2))
    model = from_torch(layers, torch.randn(2, 3, 9, 8), tmp_path, dynamo=dynamo)
    feeds = random_feeds(model, high=90)
    result = check(model, "recompose", feeds)
    assert operators(result.model) == ["Conv", "Sigmoid", "Mul", "LRN"]
    assert error(model, result.model, feeds) < EXACT


@EXPORTERS
def test_an_even_window_is_another_operator(dynamo: bool, tmp_path: Path) -> None:
    """Torch pads it by one more in front, ONNX behind."""
    layers = nn.Sequential(nn.Conv2d(3, 12, 3), nn.LocalResponseNorm(4, 1e-2))
    model = from_torch(layers, torch.randn(2, 3, 9, 8), tmp_path, dynamo=dynamo)
    assert check(model, "recompose", []).changes == ()


@EXPORTERS
def test_the_net_of_2012(dynamo: bool, tmp_path: Path) -> None:
    described = architectures.get("alexnet-2012")
    module = build_module(described, initialise(described, init="he"))
    model = from_torch(module, torch.zeros(2, 3, 224, 224), tmp_path, dynamo=dynamo)
    feeds = random_feeds(model, 2, low=-118, high=137)
    result = check(model, "recompose", feeds)
    assert operators(result.model).count("LRN") == 2
    lowered = apply(model, ["recompose", "lower-lrn"], evaluator=EVALUATOR)
    assert {"LRN", "Pow", "AveragePool"}.isdisjoint(operators(lowered.model))
    assert error(model, lowered.model, feeds) < EXACT


@EXPORTERS
@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu(approximate: str, dynamo: bool, tmp_path: Path) -> None:
    layers = nn.Sequential(nn.Linear(8, 8), nn.GELU(approximate=approximate))
    model = from_torch(layers, torch.randn(3, 8), tmp_path, dynamo=dynamo)
    feeds = random_feeds(model, low=-4, high=4)
    if model.opset_import[0].version < 20:
        assert check(model, "recompose", feeds).changes == ()
        result = check(model, "recompose-ort", feeds)
        expected = "Gelu" if approximate == "none" else "FastGelu"
        assert operators(result.model)[-1] == expected
        assert result.model.graph.node[-1].domain == "com.microsoft"
        assert error(model, result.model, feeds) < EXACT
    newer = named(version_converter.convert_version(model, 20))
    result = check(newer, "recompose", feeds)
    assert operators(result.model)[-1] == "Gelu"
    assert error(model, result.model, feeds) < EXACT


@pytest.mark.parametrize("opset", [17, 18, 20])
def test_layer_norm(opset: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    path = tmp_path / "model.onnx"
    layers = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 8), nn.LayerNorm((5, 8), eps=0.01))
    for weights in layers.parameters():
        nn.init.normal_(weights)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(layers.eval(), (torch.randn(3, 5, 8),), path, dynamo=False, opset_version=13)
    old = named(onnx.load(path))
    assert check(old, "recompose", []).changes == ()  # opset 13 has no such operator
    model = named(version_converter.convert_version(old, opset))
    feeds = random_feeds(model)
    result = check(model, "recompose", feeds)
    assert operators(apply(model, ["recompose", "fold-constants"]).model) == [
        "MatMul", "Add", "LayerNormalization", "MatMul", "Add", "LayerNormalization",
    ]  # fmt: skip
    assert error(old, result.model, feeds) < EXACT
    shapes = {item.name: list(numpy_helper.to_array(item).shape) for item in result.model.graph.initializer}
    axes = [
        (item.i, len(shapes[node.input[1]]))
        for node in result.model.graph.node
        for item in node.attribute
        if item.name == "axis"
    ]
    assert axes == [(-1, 1), (-2, 2)]
