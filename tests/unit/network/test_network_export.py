"""The written graph: determinism, names, structure, and what ONNX's own checker and shape inference make of it."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from alexnet_bench.core.errors import OutputError, WeightsError
from alexnet_bench.network import architectures
from alexnet_bench.network.initialise import initialise
from alexnet_bench.network.onnx_export import build_model, export, serialise

# What seed 0 and the paper's rule give. A change here changes every stored hash of a reference model.
_SHA256 = {
    "alexnet-2012": "cac7751d5b726c38abd114af4f545e21b4289d4f0ec0ebfafa0285178fbae818",
    "lenet-5": "cc6ba4f3f11c75e18fb6e649f04501d11b9fe1898b636999f3042c0d38f3fe30",
}
_HASH_OF = """
import hashlib, sys
from alexnet_bench.network import architectures
from alexnet_bench.network.initialise import initialise
from alexnet_bench.network.onnx_export import build_model, serialise
for name in sys.argv[1:]:
    network = architectures.get(name)
    print(hashlib.sha256(serialise(build_model(network, initialise(network, seed=0, init="paper")))).hexdigest())
"""


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_two_processes_write_the_same_pinned_bytes(hash_seed: str) -> None:
    environment = os.environ | {"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-c", _HASH_OF, *_SHA256]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert dict(zip(_SHA256, done.stdout.split(), strict=True)) == _SHA256


def test_another_seed_gives_other_bytes() -> None:
    network = architectures.get("lenet-5")
    other = serialise(build_model(network, initialise(network, seed=1)))
    assert hashlib.sha256(other).hexdigest() != _SHA256["lenet-5"]


def test_the_file_holds_the_model_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    network = architectures.get("lenet-5")
    target = tmp_path / "lenet.onnx"
    export(network, initialise(network), target)
    assert hashlib.sha256(target.read_bytes()).hexdigest() == _SHA256["lenet-5"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_is_not_there_is_an_output_error(tmp_path: Path) -> None:
    network = architectures.get("lenet-5")
    with pytest.raises(OutputError, match="does not exist"):
        export(network, initialise(network), tmp_path / "nowhere" / "lenet.onnx")


def test_weights_of_another_network_are_refused() -> None:
    lenet, owt = architectures.get("lenet-5"), architectures.get("alexnet-owt")
    with pytest.raises(WeightsError, match=r"missing: fc6\.weight"):
        build_model(owt, initialise(lenet))


def test_old_runtimes_are_served_and_no_date_is_written() -> None:
    network = architectures.get("lenet-5")
    model = build_model(network, initialise(network))
    assert (model.ir_version, model.opset_import[0].version, len(model.opset_import)) == (8, 17, 1)
    assert (model.producer_name, model.producer_version, model.doc_string) == ("alexnet-bench", "", "")


def test_the_2012_graph_has_one_node_per_layer_and_two_reshapes_per_norm() -> None:
    network = architectures.get("alexnet-2012")
    model = build_model(network, initialise(network))
    names = [node.name for node in model.graph.node]
    assert names == [
        *("conv1", "relu1", "norm1/split_towers", "norm1", "norm1/join_towers", "pool1"),
        *("conv2", "relu2", "norm2/split_towers", "norm2", "norm2/join_towers", "pool2"),
        *("conv3", "relu3", "conv4", "relu4", "conv5", "relu5", "pool5", "flatten"),
        *("fc6", "relu6", "fc7", "relu7", "fc8"),
    ]
    assert [node.name for node in model.graph.node if node.op_type == "LRN"] == ["norm1", "norm2"]
    constants = [tensor for tensor in model.graph.initializer if tensor.data_type == onnx.TensorProto.INT64]
    shapes = {tensor.name: onnx.numpy_helper.to_array(tensor).tolist() for tensor in constants}
    assert shapes == {
        "norm1/split_towers.shape": [-1, 48, 55, 55],
        "norm1/join_towers.shape": [-1, 96, 55, 55],
        "norm2/split_towers.shape": [-1, 128, 27, 27],
        "norm2/join_towers.shape": [-1, 256, 27, 27],
    }


def test_input_and_output_are_dynamic_in_the_batch_only() -> None:
    network = architectures.get("lenet-5")
    graph = build_model(network, initialise(network)).graph
    dims = {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output)
    }
    assert dims == {"input": ["N", 1, 32, 32], "logits": ["N", 10]}


def test_weights_are_stored_unchanged() -> None:
    network = architectures.get("lenet-5")
    weights = initialise(network)
    stored = {
        tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in build_model(network, weights).graph.initializer
    }
    assert list(stored) == list(weights)
    assert all(np.array_equal(stored[name], array) for name, array in weights.items())
