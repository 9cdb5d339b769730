"""One table, two programs: ONNX Runtime on the written graph equals torch on the module, for every network."""

from dataclasses import dataclass, replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from alexnet_bench.network import architectures, portable_random
from alexnet_bench.network.counts import count
from alexnet_bench.network.initialise import initialise
from alexnet_bench.network.onnx_export import build_model, serialise
from alexnet_bench.network.shapes import place
from alexnet_bench.network.spec import LRN, Dropout, InputConvention, Network
from alexnet_bench.network.torch_module import build_module

Array = NDArray[np.float32]
_BATCH = 3


@dataclass(frozen=True)
class Case:
    network: Network
    weights: dict[str, Array]
    model: onnx.ModelProto


@pytest.fixture(scope="module", params=architectures.names())
def case(request: pytest.FixtureRequest) -> Case:
    network = architectures.get(request.param)
    weights = _telling(initialise(network, init="he"))
    return Case(network, weights, build_model(network, weights))


def _telling(weights: dict[str, Array]) -> dict[str, Array]:
    """Biases and statistics that a program could not leave out unnoticed, as it could zeros and ones."""
    plain = {name: array for name, array in weights.items() if array.ndim == 1}
    noise = {name: portable_random.uniform(7, name, array.shape, 0.5) for name, array in plain.items()}
    return weights | {name: array + noise[name] for name, array in plain.items()}


def _images(network: Network) -> Array:
    """Uniform pixels, each image with its own brightness, in the network's own range."""
    low, high = (np.array(side, np.float32).reshape(-1, 1, 1) for side in (network.input.low, network.input.high))
    noise = portable_random.uniform(0, "images", (_BATCH, *network.input_shape), 0.5) + np.float32(0.5)
    brightness = np.linspace(0.3, 1.0, _BATCH, dtype=np.float32).reshape(-1, 1, 1, 1)
    return (low + (high - low) * noise * brightness).astype(np.float32)


def _run_onnx(model: onnx.ModelProto, images: Array) -> Array:
    session = onnxruntime.InferenceSession(serialise(model), providers=["CPUExecutionProvider"])
    output: Array = session.run(None, {"input": images})[0]
    return output


def _run_torch(network: Network, weights: dict[str, Array], images: Array) -> Array:
    with torch.no_grad():
        output: Array = build_module(network, weights)(torch.from_numpy(images)).numpy()
    return output


def _error(found: Array, expected: Array) -> float:
    """Against what differs between the images: an error of the size of the common part would hide in it."""
    centred = expected - expected.mean(axis=0)
    return float(np.linalg.norm(found - expected) / np.linalg.norm(centred))


def test_onnx_runtime_equals_torch_to_float32_rounding(case: Case) -> None:
    images = _images(case.network)
    expected = _run_torch(case.network, case.weights, images)
    found = _run_onnx(case.model, images)
    assert found.shape == (_BATCH, *place(case.network)[-1].output_shape)
    assert _error(found, expected) < 2e-5
    assert _error(found[::-1], expected) > 0.1  # the images are told apart


def test_the_checker_accepts_the_graph(case: Case) -> None:
    onnx.checker.check_model(serialise(case.model), full_check=True)


def test_shape_inference_agrees_with_the_counts(case: Case) -> None:
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = _BATCH
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    inferred = {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in (*graph.value_info, *graph.output)
    }
    outputs = {node.name.removesuffix("/join_towers"): node.output[0] for node in graph.node}
    counted = [layer for layer in count(case.network).layers if layer.kind != "Dropout"]
    assert {layer.name: inferred[outputs[layer.name]][1:] for layer in counted} == {
        layer.name: layer.output_shape for layer in counted
    }


def test_the_module_has_the_counted_parameters_under_our_names(case: Case) -> None:
    module = build_module(case.network, case.weights)
    counted = count(case.network)
    state = {name: tensor for name, tensor in module.state_dict().items() if "num_batches" not in name}
    assert list(state) == list(case.weights)
    assert sum(parameter.numel() for parameter in module.parameters()) == counted.trainable_params
    assert sum(tensor.numel() for tensor in state.values()) == counted.params
    assert not module.training
    assert all(not tensor.item() for name, tensor in module.state_dict().items() if "num_batches" in name)
    assert all(parameter.requires_grad for parameter in module.parameters())
    dropouts = sum(isinstance(layer, Dropout) for layer in case.network.layers)
    assert sum(isinstance(child, torch.nn.Dropout) for child in module) == dropouts


def test_the_module_owns_its_weights() -> None:
    network = architectures.get("lenet-5")
    weights = initialise(network)
    module = build_module(network, weights)
    before = weights["fc5.weight"].copy()
    with torch.no_grad():
        module.get_parameter("fc5.weight").zero_()
    assert np.array_equal(weights["fc5.weight"], before)


_NORM = LRN("norm1", size=5, alpha=2.0, beta=0.75, k=2.0, towers=2)
_ONLY_NORM = Network(
    name="only-norm",
    title="",
    source="a test",
    input_shape=(8, 3, 3),
    input=InputConvention("grey", 1.0, (0.0,), (1.0,), "a test"),
    layers=(_NORM,),
)


def _lrn_by_hand(images: Array, layer: LRN) -> Array:
    """The formula of `spec.LRN` in float64, tower by tower."""
    towers = np.split(images.astype(np.float64), layer.towers, axis=1)
    half = layer.size // 2
    results = []
    for tower in towers:
        padded = np.pad(tower**2, ((0, 0), (half, half), (0, 0), (0, 0)))
        sums = sum(padded[:, start : start + tower.shape[1]] for start in range(layer.size))
        results.append(tower / (layer.k + layer.alpha / layer.size * sums) ** layer.beta)
    return np.concatenate(results, axis=1).astype(np.float32)


@pytest.mark.parametrize("towers", [1, 2, 4])
def test_lrn_sums_within_a_tower_and_divides_alpha_by_the_window(towers: int) -> None:
    layer = replace(_NORM, towers=towers)
    network = replace(_ONLY_NORM, layers=(layer,))
    images = portable_random.gaussian(0, "images", (_BATCH, 8, 3, 3), 1.0)
    expected = _lrn_by_hand(images, layer)
    np.testing.assert_allclose(_run_onnx(build_model(network, {}), images), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(_run_torch(network, {}, images), expected, rtol=1e-5, atol=1e-6)


def test_the_seam_matters_at_the_channels_beside_it_only() -> None:
    images = portable_random.gaussian(0, "images", (_BATCH, 8, 3, 3), 1.0)
    apart, across = (_lrn_by_hand(images, replace(_NORM, towers=towers)) for towers in (2, 1))
    differs = [bool((apart[:, channel] != across[:, channel]).any()) for channel in range(8)]
    assert differs == [False, False, True, True, True, True, False, False]
