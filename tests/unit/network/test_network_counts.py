"""Counts against numbers worked out by hand from the papers' layer tables."""

import math

import pytest

from alexnet_bench.network import architectures
from alexnet_bench.network.counts import LayerCount, count


@pytest.mark.parametrize(
    ("name", "params", "trainable_params", "macs"),
    [
        ("alexnet-2012", 60_965_224, 60_965_224, 724_406_816),
        ("alexnet-owt", 61_100_840, 61_100_840, 714_188_480),
        ("alexnet-bvlc", 60_965_224, 60_965_224, 724_406_816),
        ("caffenet", 60_965_224, 60_965_224, 724_406_816),
        ("alexnet-bn", 60_965_224 + 2 * 2_752, 60_965_224 + 2_752, 724_406_816),
        ("alexnet-2012-extra-conv", 60_965_224 + 590_080, 60_965_224 + 590_080, 724_406_816 + 21_233_664),
        ("lenet-5", 61_706, 61_706, 416_520),
    ],
)
def test_totals(name: str, params: int, trainable_params: int, macs: int) -> None:
    counted = count(architectures.get(name))
    assert (counted.params, counted.trainable_params, counted.macs) == (params, trainable_params, macs)
    assert counted.mac_flop == 2 * macs


def test_every_network_has_its_expected_totals() -> None:
    cases = test_totals.pytestmark[0].args[1]  # type: ignore[attr-defined]  # pytest sets it on the function
    assert {case[0] for case in cases} == set(architectures.names())


_2012 = [
    ("conv1", (96, 55, 55), 34_944, 105_415_200),
    ("pool1", (96, 27, 27), 0, 0),
    ("conv2", (256, 27, 27), 307_456, 223_948_800),
    ("pool2", (256, 13, 13), 0, 0),
    ("conv3", (384, 13, 13), 885_120, 149_520_384),
    ("conv4", (384, 13, 13), 663_936, 112_140_288),
    ("conv5", (256, 13, 13), 442_624, 74_760_192),
    ("pool5", (256, 6, 6), 0, 0),
    ("fc6", (4096,), 37_752_832, 37_748_736),
    ("fc7", (4096,), 16_781_312, 16_777_216),
    ("fc8", (1000,), 4_097_000, 4_096_000),
]
_OWT = [
    ("conv1", (64, 55, 55), 23_296, 70_276_800),
    ("conv2", (192, 27, 27), 307_392, 223_948_800),
    ("conv3", (384, 13, 13), 663_936, 112_140_288),
    ("conv4", (256, 13, 13), 884_992, 149_520_384),
    ("conv5", (256, 13, 13), 590_080, 99_680_256),
    ("pool5", (256, 6, 6), 0, 0),
    ("fc8", (1000,), 4_097_000, 4_096_000),
]
_LENET = [
    ("conv1", (6, 28, 28), 156, 117_600),
    ("pool1", (6, 14, 14), 0, 0),
    ("conv2", (16, 10, 10), 2_416, 240_000),
    ("conv3", (120, 1, 1), 48_120, 48_000),
    ("fc4", (84,), 10_164, 10_080),
    ("fc5", (10,), 850, 840),
]


@pytest.mark.parametrize(
    ("name", "expected"), [("alexnet-2012", _2012), ("alexnet-bvlc", _2012), ("alexnet-owt", _OWT), ("lenet-5", _LENET)]
)
def test_layers(name: str, expected: list[tuple[str, tuple[int, ...], int, int]]) -> None:
    layers = _by_name(name)
    counted = [(layer, layers[layer].output_shape, layers[layer].params, layers[layer].macs) for layer, *_ in expected]
    assert counted == expected


def test_the_2012_network_has_the_659272_units_of_the_original() -> None:
    """Five convolutions and three dense layers: the paper's 650,000 neurons."""
    units = sum(math.prod(layer.output_shape) for layer in _by_name("alexnet-2012").values() if layer.macs)
    assert units == 659_272


def test_batch_normalisation_counts_its_statistics_apart() -> None:
    layer = _by_name("alexnet-bn")["bn1"]
    assert (layer.params, layer.trainable_params, layer.macs) == (4 * 96, 2 * 96, 0)


def test_the_seven_networks_of_the_ensemble() -> None:
    """Five of the plain network and two with the extra convolution: 10.23 GFLOP for one crop."""
    plain, extra = (count(architectures.get(name)).mac_flop for name in ("alexnet-2012", "alexnet-2012-extra-conv"))
    assert round((5 * plain + 2 * extra) / 1e9, 2) == 10.23


def _by_name(name: str) -> dict[str, LayerCount]:
    return {layer.name: layer for layer in count(architectures.get(name)).layers}
