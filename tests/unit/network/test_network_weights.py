"""Weights from files of every format, and the message for each way in which a file does not fit."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch_file

from alexnet_bench.core.errors import MissingRuntimeError, WeightsError
from alexnet_bench.network import architectures, portable_random
from alexnet_bench.network.initialise import initialise
from alexnet_bench.network.onnx_export import build_model, export
from alexnet_bench.network.shapes import tensor_shapes
from alexnet_bench.network.spec import (
    BatchNorm,
    Conv,
    Flatten,
    FullyConnected,
    Init,
    InputConvention,
    Network,
    ReLU,
)
from alexnet_bench.network.torch_module import build_module
from alexnet_bench.network.weights import load_weights, save_weights

Arrays = dict[str, NDArray[np.float32]]

_TINY = Network(
    name="tiny",
    title="",
    source="a test",
    input_shape=(2, 4, 4),
    input=InputConvention("grey", 1.0, (0.0,), (1.0,), "a test"),
    layers=(
        Conv("conv1", 4, kernel=3, groups=2, init=Init(1.0)),
        BatchNorm("bn1"),
        ReLU("relu1"),
        Flatten("flatten"),
        FullyConnected("fc2", 5, init=Init(1.0)),
        ReLU("relu2"),
        FullyConnected("fc3", 3, init=Init(1.0)),
    ),
)
_LENET = architectures.get("lenet-5")


def _random(network: Network) -> Arrays:
    return {name: portable_random.gaussian(5, name, shape, 1.0) for name, shape in tensor_shapes(network).items()}


def _assert_equal(found: Arrays, expected: Arrays) -> None:
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], array, err_msg=name)


# --- every format gives back what went in


def _as_safetensors(path: Path, weights: Arrays) -> None:
    save_weights(path, _TINY, weights)


def _as_state_dict(path: Path, weights: Arrays) -> None:
    torch.save(build_module(_TINY, weights).state_dict(), path)


def _as_old_state_dict(path: Path, weights: Arrays) -> None:
    state = {name: torch.tensor(array) for name, array in weights.items()}
    torch.save(state, path, _use_new_zipfile_serialization=False)


def _as_checkpoint(path: Path, weights: Arrays) -> None:
    state = {f"module.{name}": torch.tensor(array) for name, array in weights.items()}
    torch.save({"epoch": 3, "state_dict": state}, path)


def _as_onnx(path: Path, weights: Arrays) -> None:
    export(_TINY, weights, path)


def _as_onnx_with_data_beside_it(path: Path, weights: Arrays) -> None:
    model = build_model(_TINY, weights)
    onnx.save(model, str(path), format="protobuf", save_as_external_data=True, location="data.bin", size_threshold=0)


_WRITERS = [
    _as_safetensors,
    _as_state_dict,
    _as_old_state_dict,
    _as_checkpoint,
    _as_onnx,
    _as_onnx_with_data_beside_it,
]


@pytest.mark.parametrize("write", _WRITERS)
def test_a_round_trip_keeps_every_bit(write: Callable[[Path, Arrays], None], tmp_path: Path) -> None:
    path = tmp_path / "weights.bin"  # told by the content: the name says nothing
    weights = _random(_TINY)
    write(path, weights)
    _assert_equal(load_weights(path, _TINY), weights)


def test_the_same_weights_give_the_same_safetensors_bytes(tmp_path: Path) -> None:
    weights = initialise(_LENET)
    save_weights(tmp_path / "a", _LENET, weights)
    save_weights(tmp_path / "b", _LENET, dict(reversed(weights.items())))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_views_are_saved_as_what_they_show(tmp_path: Path) -> None:
    weights = _random(_TINY)
    turned = weights | {"fc2.weight": np.asfortranarray(weights["fc2.weight"])}
    save_weights(tmp_path / "w.safetensors", _TINY, turned)
    _assert_equal(load_weights(tmp_path / "w.safetensors", _TINY), weights)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("form", ["safetensors", "torch", "onnx"])
def test_other_floating_types_become_float32(dtype: torch.dtype, form: str, tmp_path: Path) -> None:
    path = tmp_path / "weights"
    narrow = {name: torch.tensor(array).to(dtype) for name, array in _random(_TINY).items()}
    if form == "torch":
        torch.save(narrow, path)
    elif form == "safetensors":
        save_torch_file(narrow, path)
    else:
        path.write_bytes(_with_types(narrow).SerializeToString())
    _assert_equal(
        load_weights(path, _TINY), {name: tensor.to(torch.float32).numpy() for name, tensor in narrow.items()}
    )


def _with_types(tensors: dict[str, torch.Tensor]) -> onnx.ModelProto:
    kinds = {
        torch.float16: TensorProto.FLOAT16,
        torch.bfloat16: TensorProto.BFLOAT16,
        torch.float64: TensorProto.DOUBLE,
    }
    model = build_model(_TINY, _random(_TINY))
    for stored in model.graph.initializer:
        tensor = tensors[stored.name]
        stored.data_type = kinds[tensor.dtype]
        stored.raw_data = tensor.view(torch.uint8).numpy().tobytes()
    return model


def test_torchvisions_state_dict_is_alexnet_owt(tmp_path: Path) -> None:
    network = architectures.get("alexnet-owt")
    weights = initialise(network)
    foreign = {
        "conv1": "features.0",
        "conv2": "features.3",
        "conv3": "features.6",
        "conv4": "features.8",
        "conv5": "features.10",
        "fc6": "classifier.1",
        "fc7": "classifier.4",
        "fc8": "classifier.6",
    }
    state = {}
    for name, array in weights.items():
        layer, part = name.split(".")
        state[f"{foreign[layer]}.{part}"] = torch.from_numpy(array)
    torch.save(state, tmp_path / "alexnet-owt.pth")
    _assert_equal(load_weights(tmp_path / "alexnet-owt.pth", network), weights)


def test_torchvisions_names_lead_to_the_network_that_has_them(tmp_path: Path) -> None:
    foreign = [module for _, module in architectures.get("alexnet-owt").foreign_names]
    save_file({f"{module}.weight": np.zeros(1, np.float32) for module in foreign}, tmp_path / "w")
    with pytest.raises(WeightsError, match=r"unexpected: features\.0\.weight") as caught:
        load_weights(tmp_path / "w", architectures.get("alexnet-2012"))
    assert "alexnet-owt" in caught.value.hint


# --- ONNX graphs that others wrote


def test_weights_in_nodes_and_not_in_initialisers() -> None:
    """The onnx package's AlexNet makes each weight by a ConstantOfShape node."""
    light = Path(onnx.__file__).parent / "backend/test/data/light/light_bvlc_alexnet.onnx"
    weights = load_weights(light, architectures.get("alexnet-bvlc"))
    assert {name: array.shape for name, array in weights.items()} == tensor_shapes(architectures.get("alexnet-bvlc"))


def _foreign_graph(weights: Arrays, *, as_nodes: bool) -> onnx.ModelProto:
    """The tiny network as other exporters write it: untransposed Gemm, MatMul with Add, names of their own."""
    stored = {
        "a": weights["conv1.weight"],
        "b": weights["conv1.bias"],
        **{part: weights[f"bn1.{part}"] for part in ("weight", "bias", "running_mean", "running_var")},
        "c": weights["fc2.weight"].T * np.float32(0.5),
        "d": weights["fc2.bias"].reshape(1, -1),
        "e": weights["fc3.weight"],
        "f": weights["fc3.bias"],
    }
    tensors = [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in stored.items()]
    nodes = [
        helper.make_node("Transpose", ["e"], ["e.T"], perm=[1, 0]),
        helper.make_node("Conv", ["input", "a", "b"], ["1"], group=2),
        helper.make_node("BatchNormalization", ["1", "weight", "bias", "running_mean", "running_var"], ["2"]),
        helper.make_node("Relu", ["2"], ["3"]),
        helper.make_node("Flatten", ["3"], ["4"]),
        helper.make_node("Gemm", ["4", "c", "d"], ["5"], alpha=2.0),
        helper.make_node("Relu", ["5"], ["6"]),
        helper.make_node("MatMul", ["6", "e.T"], ["7"]),
        helper.make_node("Add", ["f", "7"], ["logits"]),
    ]
    if as_nodes:
        nodes = [helper.make_node("Constant", [], [tensor.name], value=tensor) for tensor in tensors] + nodes
    images = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 2, 4, 4])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 3])
    graph = helper.make_graph(nodes, "foreign", [images], [logits], [] if as_nodes else tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("as_nodes", [False, True])
def test_a_foreign_graph_is_matched_by_the_order_of_its_layers(as_nodes: bool, tmp_path: Path) -> None:
    weights = _random(_TINY)
    onnx.save(_foreign_graph(weights, as_nodes=as_nodes), tmp_path / "foreign.onnx")
    _assert_equal(load_weights(tmp_path / "foreign.onnx", _TINY), weights)


def test_a_bias_that_the_graph_leaves_out_is_zero(tmp_path: Path) -> None:
    model = build_model(_TINY, _random(_TINY))
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm"):
            del node.input[2]
    onnx.save(model, tmp_path / "plain.onnx")
    weights = load_weights(tmp_path / "plain.onnx", _TINY)
    assert not weights["conv1.bias"].any()
    assert not weights["fc3.bias"].any()


def test_an_onnx_file_of_another_network_names_every_difference(tmp_path: Path) -> None:
    export(_LENET, initialise(_LENET), tmp_path / "lenet.onnx")
    with pytest.raises(WeightsError) as caught:
        load_weights(tmp_path / "lenet.onnx", _TINY)
    message = caught.value.message
    assert "missing: bn1.running_var [4]" in message
    assert "unexpected: conv2.weight [16, 6, 5, 5]" in message
    assert "conv1.weight: expected shape [4, 1, 3, 3], found [6, 1, 5, 5]" in message
    assert "fc2.weight: expected shape [5, 16], found [84, 120]" in message


def test_a_weight_that_the_graph_computes_from_its_input_is_refused(tmp_path: Path) -> None:
    model = build_model(_TINY, _random(_TINY))
    model.graph.node[0].input[1] = "input"
    onnx.save(model, tmp_path / "odd.onnx")
    with pytest.raises(WeightsError, match="'input' is not a constant"):
        load_weights(tmp_path / "odd.onnx", _TINY)


def test_an_absurd_constant_of_shape_costs_no_memory(tmp_path: Path) -> None:
    model = build_model(_TINY, _random(_TINY))
    shape = helper.make_tensor("huge", TensorProto.INT64, [2], [1 << 30, 1 << 20])
    model.graph.initializer.append(shape)
    model.graph.node.insert(0, helper.make_node("ConstantOfShape", ["huge"], ["made"]))
    model.graph.node[-1].input[1] = "made"
    onnx.save(model, tmp_path / "huge.onnx")
    with pytest.raises(WeightsError, match=r"found \[1073741824, 1048576\]"):
        load_weights(tmp_path / "huge.onnx", _TINY)


@pytest.mark.parametrize("location", ["../data.bin", "/etc/hostname", "sub/../../data.bin"])
def test_external_data_outside_the_folder_is_refused(location: str, tmp_path: Path) -> None:
    (tmp_path / "data.bin").write_bytes(bytes(4096))
    folder = tmp_path / "model"
    folder.mkdir()
    _write_external(folder / "m.onnx", location)
    with pytest.raises(WeightsError, match="outside the model's folder"):
        load_weights(folder / "m.onnx", _TINY)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.bin").write_bytes(bytes(4096))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "link.bin").symlink_to(tmp_path / "data.bin")
    _write_external(folder / "m.onnx", "link.bin")
    with pytest.raises(WeightsError, match="outside the model's folder"):
        load_weights(folder / "m.onnx", _TINY)


@pytest.mark.parametrize("size", [None, 8])
def test_external_data_that_is_missing_or_short_is_refused(size: int | None, tmp_path: Path) -> None:
    _write_external(tmp_path / "m.onnx", "data.bin")
    if size is not None:
        (tmp_path / "data.bin").write_bytes(bytes(size))
    with pytest.raises(WeightsError, match=r"conv1\.weight"):
        load_weights(tmp_path / "m.onnx", _TINY)


def _write_external(path: Path, location: str) -> None:
    model = build_model(_TINY, _random(_TINY))
    tensor = model.graph.initializer[0]
    length = len(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    tensor.external_data.add(key="length", value=str(length))
    path.write_bytes(model.SerializeToString())


# --- tensors that do not fit


def test_all_that_does_not_fit_is_named(tmp_path: Path) -> None:
    weights: dict[str, NDArray[np.generic]] = dict(_random(_TINY))
    del weights["fc2.bias"], weights["bn1.bias"]
    weights["fc9.weight"] = np.zeros((2, 3), np.float32)
    weights["fc3.weight"] = np.zeros((3, 4), np.float32)
    weights["fc3.bias"] = np.zeros(3, np.int32)
    weights["conv1.bias"] = np.array([0, np.nan, np.inf, 1], np.float32)
    weights["fc2.weight"] = np.full((5, 16), 1e300)
    save_file(weights, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError) as caught:
        load_weights(tmp_path / "w.safetensors", _TINY)
    assert caught.value.message.splitlines()[1:] == [
        "  missing: bn1.bias [4]",
        "  missing: fc2.bias [5]",
        "  unexpected: fc9.weight [2, 3]",
        "  conv1.bias: 2 of 4 values are not finite",
        "  fc2.weight: 80 of 80 values are not finite",
        "  fc3.weight: expected shape [3, 5], found [3, 4]",
        "  fc3.bias: expected floating point, found int32",
    ]
    assert caught.value.hint
    assert caught.value.exit_code == 2


# --- files that are no weights


class _Attack:
    """What a pickle may do to whoever opens it."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("form", ["zip", "legacy", "pickle"])
def test_a_pickle_with_code_is_refused_and_not_run(form: str, tmp_path: Path) -> None:
    marker, path = tmp_path / "marker", tmp_path / "weights.pt"
    content = {"conv1.weight": _Attack(marker)}
    if form == "pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(WeightsError) as caught:
        load_weights(path, _TINY)
    assert not marker.exists()
    assert caught.value.hint


def test_a_whole_pickled_module_is_refused(tmp_path: Path) -> None:
    torch.save(build_module(_TINY, _random(_TINY)), tmp_path / "module.pt")
    with pytest.raises(WeightsError, match="weights-only"):
        load_weights(tmp_path / "module.pt", _TINY)


def test_a_checkpoint_without_tensors_is_no_state_dict(tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "c.pt")
    with pytest.raises(WeightsError, match="not a state dict"):
        load_weights(tmp_path / "c.pt", _TINY)


@pytest.mark.parametrize("write", _WRITERS[:5])
@pytest.mark.parametrize("kept", [20, 200, -1])
def test_a_truncated_file_is_refused(write: Callable[[Path, Arrays], None], kept: int, tmp_path: Path) -> None:
    path = tmp_path / "weights"
    write(path, _random(_TINY))
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(WeightsError) as caught:
        load_weights(path, _TINY)
    assert caught.value.hint


@pytest.mark.parametrize("name", ["weights.onnx", "weights.pt", "weights.safetensors", "weights"])
@pytest.mark.parametrize(
    "content",
    [b"", b"hello, world, I hold no weights at all", bytes(100), b"\x89PNG\r\n\x1a\n", b"\x08", b"PK\x03\x04"],
)
def test_a_foreign_file_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=name) as caught:
        load_weights(path, _TINY)
    assert caught.value.hint


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be read"):
        load_weights(tmp_path / "nothing", _TINY)
    with pytest.raises(WeightsError, match="is a folder"):
        load_weights(tmp_path, _TINY)


def test_without_torch_a_torch_file_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _as_state_dict(tmp_path / "w.pt", _random(_TINY))
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(MissingRuntimeError) as caught:
        load_weights(tmp_path / "w.pt", _TINY)
    assert "; or save the weights as safetensors" in caught.value.hint
