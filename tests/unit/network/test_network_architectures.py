"""The table of reference networks, and what may be imported to read it."""

import subprocess
import sys

import pytest

from alexnet_bench.core.errors import UsageError
from alexnet_bench.network import architectures
from alexnet_bench.network.spec import LRN, Conv, Init, InputConvention, Network, ReLU


def test_the_table_holds_the_reference_networks() -> None:
    assert architectures.names() == (
        "alexnet-2012",
        "alexnet-owt",
        "alexnet-bvlc",
        "caffenet",
        "alexnet-bn",
        "alexnet-2012-extra-conv",
        "lenet-5",
    )


@pytest.mark.parametrize("name", architectures.names())
def test_every_entry_is_found_under_its_name_and_cites_a_source(name: str) -> None:
    network = architectures.get(name)
    assert network.name == name
    assert network.title
    assert network.source
    assert len(network.input.mean) == len(network.input.std) == network.input_shape[0]


@pytest.mark.parametrize(("wrong", "near"), [("alexnet2012", "alexnet-2012"), ("AlexNet-OWT", "alexnet-owt")])
def test_an_unknown_name_gets_the_nearest(wrong: str, near: str) -> None:
    with pytest.raises(UsageError, match=wrong) as caught:
        architectures.get(wrong)
    assert caught.value.hint == f"did you mean {near}?"


def test_a_name_near_to_nothing_gets_them_all() -> None:
    with pytest.raises(UsageError) as caught:
        architectures.get("???")
    assert all(name in caught.value.hint for name in architectures.names())


def test_pooling_stands_before_the_norm_in_caffenet_only() -> None:
    def first_norm_after(name: str) -> str:
        layers = [layer.name for layer in architectures.get(name).layers]
        return layers[layers.index("norm1") - 1]

    assert first_norm_after("caffenet") == "pool1"
    assert first_norm_after("alexnet-bvlc") == first_norm_after("alexnet-2012") == "relu1"


def test_norms_see_one_tower_in_2012_and_all_channels_in_caffe() -> None:
    def norms(name: str) -> set[tuple[int, float]]:
        return {(layer.towers, layer.k) for layer in architectures.get(name).layers if isinstance(layer, LRN)}

    assert norms("alexnet-2012") == {(2, 2.0)}
    assert norms("alexnet-bvlc") == norms("caffenet") == {(1, 1.0)}
    assert norms("alexnet-bn") == norms("alexnet-owt") == set()


def test_input_ranges_follow_from_mean_and_deviation() -> None:
    assert architectures.get("alexnet-2012").input.low == (-123.0, -117.0, -104.0)
    assert architectures.get("alexnet-2012").input.high == (132.0, 138.0, 151.0)
    lenet = architectures.get("lenet-5").input
    assert (*lenet.low, *lenet.high) == pytest.approx((-0.1, 1.175))


_GREY = InputConvention("grey", 1.0, (0.0,), (1.0,), "a test")


def test_a_network_with_two_layers_of_one_name_is_refused() -> None:
    layers = (Conv("conv1", 1, kernel=1, init=Init(0.1)), ReLU("conv1"))
    with pytest.raises(ValueError, match="share a name"):
        Network("twice", "", "", (1, 1, 1), _GREY, layers)


def test_a_network_that_places_an_unknown_layer_is_refused() -> None:
    with pytest.raises(ValueError, match="fc9"):
        Network("lost", "", "", (1, 1, 1), _GREY, (ReLU("relu1"),), single_card=("fc9",))


def test_an_even_lrn_window_is_refused() -> None:
    with pytest.raises(ValueError, match="odd"):
        LRN("norm1", size=4, alpha=1e-4, beta=0.75, k=1.0)


def test_the_table_and_the_counts_import_nothing_heavy() -> None:
    code = (
        "import sys; import alexnet_bench.network.architectures, alexnet_bench.network.counts; "
        "print([name for name in ('numpy', 'onnx', 'torch', 'safetensors') if name in sys.modules])"
    )
    environment = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
