"""OpenVINO's kernels on models as people bring them: from torch's exporters, quantised, in other precisions."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("openvino", reason="openvino is not installed")
torch = pytest.importorskip("torch", reason="torch is not installed, whose exporters make these models")

from torch import nn  # noqa: E402

from alexnet_bench.network import architectures  # noqa: E402
from alexnet_bench.network.initialise import initialise  # noqa: E402
from alexnet_bench.network.onnx_export import build_model  # noqa: E402
from tests.unit.backends import torch_models  # noqa: E402
from tests.unit.backends.conftest import with_random_weights  # noqa: E402
from tests.unit.backends.openvino_runs import lost_claims, profiled  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

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
def test_a_transformer_block(norm_first: bool, dynamo: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    block = torch_models.TransformerBlock(norm_first=norm_first)
    run = profiled(torch_models.exported(block, SEQUENCE, tmp_path / "block.onnx", dynamo=dynamo))
    run.check()
    assert sum(layer.macs or 0 for layer in run.layers) == MACS
    assert len(run.nodes_of("FullyConnected")) == 4
    norms = {item.name for item in run.graph.live_nodes if item.op_type == "LayerNormalization"}
    assert [nodes & norms == nodes for nodes in run.nodes_of("MVN")] == [True, True]
    # Attention writes its result transposed, unless that result is asked for.
    attention = [layer for layer in run.layers if any("Softmax" in name for name in layer.onnx_nodes)]
    assert len(attention) == 1
    scales = {item.name for item in run.graph.live_nodes if item.op_type == "Mul"}
    assert len(scales) == 2
    assert {run.owners[name] for name in scales} == {("Subgraph",)}
    assert scales.isdisjoint(attention[0].onnx_nodes)  # OpenVINO moved them to before the heads are taken apart
    made = {item.name: item.writes for item in run.graph.live_nodes}
    assert lost_claims(run) <= {name for item in attention[0].onnx_nodes for name in made[item]}


@EXPORTERS
def test_a_transformer_block_in_half_precision(dynamo: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    path = torch_models.exported(torch_models.TransformerBlock(), SEQUENCE, tmp_path / "block.onnx", dynamo=dynamo)
    run = profiled(torch_models.half(path))
    run.check()
    assert sum(layer.macs or 0 for layer in run.layers) == MACS
    assert {layer.compute_dtype for layer in run.layers if layer.macs} == {"float32"}


@EXPORTERS
@pytest.mark.parametrize(("kind", "gates"), [(nn.GRU, 3), (nn.LSTM, 4)])
def test_recurrent_layers(kind: type[nn.RNNBase], gates: int, dynamo: bool, tmp_path: Path) -> None:
    """OpenVINO runs the two directions one after the other, and joins them."""
    torch.manual_seed(0)
    ids = torch.arange(24).reshape(2, 12)
    run = profiled(torch_models.exported(torch_models.Recurrent(kind), ids, tmp_path / "recurrent.onnx", dynamo=dynamo))
    run.check()
    assert lost_claims(run) == set()
    steps = 2 * 12
    layers = [steps * 2 * gates * 48 * (inputs + 48) for inputs in (32, 96)]
    assert sum(layer.macs or 0 for layer in run.layers) == sum(layers) + steps * 96 * 10
    recurrent = [layer for layer in run.layers if layer.op == "RNNSeq"]
    assert [layer.macs for layer in recurrent] == [macs // 2 for macs in layers for _ in range(2)]
    assert all(layer.bound == "overhead" for layer in run.layers if layer.op == "Concatenation")


@EXPORTERS
@pytest.mark.parametrize("activation", [nn.SiLU, nn.Hardswish, nn.GELU])
def test_squeeze_and_excitation(activation: type[nn.Module], dynamo: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    image = torch.linspace(-1, 1, 32 * 16 * 16).reshape(1, 32, 16, 16).sin()
    module = torch_models.InvertedResidual(activation=activation)
    run = profiled(torch_models.exported(module, image, tmp_path / "residual.onnx", dynamo=dynamo))
    run.check()
    assert lost_claims(run) == set()
    assert sum(layer.macs or 0 for layer in run.layers) == 16 * 16 * (128 * 32 * 2 + 128 * 9) + 2 * 128 * 8


@pytest.mark.parametrize("is_symmetric", [False, True], ids=["QDQ", "symmetric QDQ"])
@pytest.mark.parametrize("name", ["alexnet-2012", "resnet50"])
def test_quantised_networks(name: str, is_symmetric: bool, tmp_path: Path, light_models: dict[str, Path]) -> None:
    network = architectures.get("alexnet-2012")
    model = (
        build_model(network, initialise(network, 0, "he"))
        if name == "alexnet-2012"
        else with_random_weights(light_models[name])
    )
    weights = {item.name for item in model.graph.initializer}
    image = next(item.name for item in model.graph.input if item.name not in weights)
    feeds = {image: np.random.default_rng(0).standard_normal((1, 3, 224, 224)).astype(np.float32)}
    run = profiled(torch_models.quantised(model, feeds, tmp_path, **_options(is_symmetric=is_symmetric)))
    run.check()
    working = [layer for layer in run.layers if layer.macs]
    assert {layer.compute_dtype for layer in working} <= {"uint8", "int8"}
    products = {item.name for item in run.graph.live_nodes if item.op_type in ("Conv", "Gemm", "MatMul")}
    owners = [products & {*layer.onnx_nodes, *(part.name for part in layer.shared_nodes)} for layer in working]
    assert all(len(nodes) == 1 for nodes in owners)
    assert set().union(*owners) == products
    assert len(owners) == len(products)


def _options(*, is_symmetric: bool) -> dict[str, Any]:
    from onnxruntime.quantization import QuantFormat, QuantType

    if not is_symmetric:
        return {"quant_format": QuantFormat.QDQ}
    return {
        "quant_format": QuantFormat.QDQ,
        "per_channel": True,
        "activation_type": QuantType.QInt8,
        "weight_type": QuantType.QInt8,
        "extra_options": {"ActivationSymmetric": True, "QuantizeBias": False},
    }
