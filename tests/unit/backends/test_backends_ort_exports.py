"""ONNX Runtime's layers on models as people bring them: from torch's exporters, quantised, in half precision."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed, whose exporters make these models")

from torch import nn  # noqa: E402

from alexnet_bench.network import architectures  # noqa: E402
from alexnet_bench.network.initialise import initialise  # noqa: E402
from alexnet_bench.network.onnx_export import build_model  # noqa: E402
from tests.unit.backends import torch_models  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from onnx import ModelProto

    from tests.unit.backends.conftest import Profile

DYNAMO = pytest.param(
    True,
    id="dynamo",
    marks=pytest.mark.skipif(
        importlib.util.find_spec("onnxscript") is None, reason="onnxscript is not installed, which dynamo=True needs"
    ),
)
EXPORTERS = pytest.mark.parametrize("dynamo", [DYNAMO, pytest.param(False, id="tracing")])
SEQUENCE = torch.linspace(-1, 1, 2 * 12 * 64).reshape(2, 12, 64).sin()
MACS = 2 * (12 * 64 * (3 + 1 + 4 + 4) * 64 + 2 * 12 * 12 * 64)


@EXPORTERS
@pytest.mark.parametrize("norm_first", [True, False])
def test_a_transformer_block(norm_first: bool, dynamo: bool, tmp_path: Path, profile_model: Profile) -> None:
    torch.manual_seed(0)
    block = torch_models.TransformerBlock(norm_first=norm_first)
    run = profile_model(torch_models.exported(block, SEQUENCE, tmp_path / "block.onnx", dynamo=dynamo))
    run.check()
    assert run.wrong_claims(1e-3) == []
    assert sum(layer.macs or 0 for layer in run.layers) == MACS
    assert [layer for layer in run.layers if layer.macs is None or layer.bytes is None] == []
    if not dynamo or not norm_first:  # fused, and so owned by one layer each
        assert len(run.nodes_of("LayerNormalization") + run.nodes_of("SkipLayerNormalization")) == 2


@EXPORTERS
def test_a_transformer_block_in_half_precision(dynamo: bool, tmp_path: Path, profile_model: Profile) -> None:
    """ONNX Runtime has no kernels for float16 here: it computes in float32, and expands Gelu and Softmax."""
    torch.manual_seed(0)
    path = torch_models.exported(torch_models.TransformerBlock(), SEQUENCE, tmp_path / "block.onnx", dynamo=dynamo)
    run = profile_model(torch_models.half(path))
    run.check()
    assert run.wrong_claims(correlation=0.97) == []
    assert sum(layer.macs or 0 for layer in run.layers) == MACS
    assert {layer.compute_dtype for layer in run.layers if layer.macs} == {"float32"}


@EXPORTERS
@pytest.mark.parametrize(("kind", "gates"), [(nn.RNN, 1), (nn.GRU, 3), (nn.LSTM, 4)])
def test_recurrent_layers(
    kind: type[nn.RNNBase], gates: int, dynamo: bool, tmp_path: Path, profile_model: Profile
) -> None:
    torch.manual_seed(0)
    if kind is nn.RNN and dynamo:
        pytest.skip("that exporter writes an Elman network out step by step, and leaves the first step's zeros out")
    ids = torch.arange(24).reshape(2, 12)
    run = profile_model(
        torch_models.exported(torch_models.Recurrent(kind), ids, tmp_path / "recurrent.onnx", dynamo=dynamo)
    )
    run.check()
    assert run.wrong_claims(1e-3) == []
    steps = 2 * 12
    layers = sum(steps * 2 * gates * 48 * (inputs + 48) for inputs in (32, 96))
    assert sum(layer.macs or 0 for layer in run.layers) == layers + steps * 96 * 10
    assert len(run.nodes_of(kind.__name__)) == 2


@EXPORTERS
@pytest.mark.parametrize("activation", [nn.SiLU, nn.Hardswish, nn.GELU])
def test_squeeze_and_excitation(
    activation: type[nn.Module], dynamo: bool, tmp_path: Path, profile_model: Profile
) -> None:
    torch.manual_seed(0)
    image = torch.linspace(-1, 1, 32 * 16 * 16).reshape(1, 32, 16, 16).sin()
    module = torch_models.InvertedResidual(activation=activation)
    run = profile_model(torch_models.exported(module, image, tmp_path / "residual.onnx", dynamo=dynamo))
    run.check()
    assert run.wrong_claims(1e-3) == []
    assert sum(layer.macs or 0 for layer in run.layers) == 16 * 16 * (128 * 32 * 2 + 128 * 9) + 2 * 128 * 8


@EXPORTERS
def test_linear_layers_around_a_convolution(dynamo: bool, tmp_path: Path, profile_model: Profile) -> None:
    """ONNX Runtime merges the reshapes between them, and gives what they make the name of a node."""
    torch.manual_seed(0)
    tokens = torch.linspace(-1, 1, 64 * 16).reshape(1, 64, 16).sin()
    run = profile_model(
        torch_models.exported(torch_models.MixFeedForward(), tokens, tmp_path / "mixed.onnx", dynamo=dynamo)
    )
    run.check()
    assert run.wrong_claims(1e-3) == []
    convolution, products = run.nodes_of("Conv"), run.nodes_of("Gemm")
    kinds = {item.name: item.op_type for item in run.graph.nodes}
    assert [{kinds[name] for name in nodes} & {"Conv", "MatMul", "Gemm"} for nodes in convolution] == [{"Conv"}]
    assert len(products) == 2
    assert all({kinds[name] for name in nodes} & {"Conv", "MatMul", "Gemm"} == {"MatMul"} for nodes in products)
    assert sum(layer.macs or 0 for layer in run.layers) == 64 * 64 * (2 * 16 + 9)


@EXPORTERS
def test_linear_layers_with_a_dropout_between(dynamo: bool, tmp_path: Path, profile_model: Profile) -> None:
    """ONNX Runtime keeps no tensor between them: their names are left."""
    torch.manual_seed(0)
    tokens = torch.linspace(-1, 1, 2 * 16 * 64).reshape(2, 16, 64).sin()
    run = profile_model(torch_models.exported(torch_models.LowRank(), tokens, tmp_path / "rank.onnx", dynamo=dynamo))
    run.check()
    assert run.wrong_claims(1e-3) == []
    steps = 2 * 16
    macs = [layer.macs for layer in run.layers if layer.macs]
    assert macs == [steps * 64 * 8, steps * 8 * 64, steps * 64 * 64]


@pytest.mark.parametrize("form", ["QDQ", "symmetric QDQ", "QOperator"])
@pytest.mark.parametrize("name", ["alexnet-2012", "resnet50", "inception_v1"])
def test_quantised_networks(
    name: str,
    form: str,
    tmp_path: Path,
    light_models: dict[str, Path],
    profile_model: Profile,
    randomised: Callable[[Path], ModelProto],
) -> None:
    model = _alexnet() if name == "alexnet-2012" else randomised(light_models[name])
    weights = {item.name for item in model.graph.initializer}
    image = next(item.name for item in model.graph.input if item.name not in weights)
    feeds = {image: np.random.default_rng(0).standard_normal((1, 3, 224, 224)).astype(np.float32)}
    run = profile_model(torch_models.quantised(model, feeds, tmp_path, **_options(form)))
    run.check()
    assert run.wrong_claims(correlation=0.97) == []
    assert {layer.compute_dtype for layer in run.layers if layer.op == "QLinearConv"} <= {"uint8", "int8"}
    convolutions = {item.name for item in run.graph.live_nodes if item.op_type in ("Conv", "QLinearConv")}
    owners = [nodes & convolutions for op in ("QLinearConv", "Conv") for nodes in run.nodes_of(op)]
    # A convolution that is not quantised on both sides stays one in float32.
    assert run.nodes_of("QLinearConv")
    assert all(len(nodes) == 1 for nodes in owners)
    assert set().union(*owners) == convolutions


def test_a_product_of_bytes_between_floats_is_held_to_the_roof_of_bytes(tmp_path: Path, profile_model: Profile) -> None:
    from onnxruntime.quantization import quantize_dynamic

    torch.manual_seed(0)
    path = torch_models.exported(torch_models.TransformerBlock(), SEQUENCE, tmp_path / "block.onnx", dynamo=False)
    quantize_dynamic(path, tmp_path / "dynamic.onnx")
    run = profile_model(tmp_path / "dynamic.onnx")
    run.check()
    assert sum(layer.macs or 0 for layer in run.layers) == MACS
    fused = [layer for layer in run.layers if layer.op in ("DynamicQuantizeMatMul", "MatMulIntegerToFloat")]
    assert fused
    assert {(layer.input_dtypes[0], layer.compute_dtype) for layer in fused} <= {("float32", "int8"), ("uint8", "int8")}


def _alexnet() -> ModelProto:
    network = architectures.get("alexnet-2012")
    return build_model(network, initialise(network, 0, "he"))


def _options(form: str) -> dict[str, Any]:
    from onnxruntime.quantization import QuantFormat, QuantType

    if form == "QOperator":
        return {"quant_format": QuantFormat.QOperator}
    if form == "QDQ":
        return {"quant_format": QuantFormat.QDQ}
    return {
        "quant_format": QuantFormat.QDQ,
        "per_channel": True,
        "activation_type": QuantType.QInt8,
        "weight_type": QuantType.QInt8,
        "extra_options": {"ActivationSymmetric": True, "QuantizeBias": False},
    }
