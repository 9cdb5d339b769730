"""Initial weights: the authors' rules, and a stream that is the same everywhere."""

import hashlib
import math
import statistics

import numpy as np
import pytest

from alexnet_bench.core.errors import UsageError
from alexnet_bench.network import architectures, portable_random
from alexnet_bench.network.initialise import initialise
from alexnet_bench.network.shapes import tensor_shapes


def test_the_paper_rule_has_the_deviations_and_biases_of_2012() -> None:
    weights = initialise(architectures.get("alexnet-2012"))
    for layer in ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"):
        expected = 0.03 if layer in ("conv3", "conv4", "conv5") else 0.01
        assert weights[f"{layer}.weight"].std(dtype=np.float64) == pytest.approx(expected, rel=0.02), layer
        bias = 1.0 if layer in ("conv2", "conv4", "conv5", "fc6", "fc7") else 0.0
        assert (weights[f"{layer}.bias"] == bias).all(), layer


def test_the_he_rule_divides_by_the_fan_in_of_a_group() -> None:
    weights = initialise(architectures.get("alexnet-2012"), init="he")
    deviation = weights["conv2.weight"].std(dtype=np.float64)
    assert deviation == pytest.approx(math.sqrt(2.0 / (48 * 5 * 5)), rel=0.01)
    assert not weights["fc6.bias"].any()


def test_lenet_starts_uniform_within_its_fan_in() -> None:
    weight = initialise(architectures.get("lenet-5"))["conv3.weight"]
    limit = 2.4 / 400
    assert 0.99 * limit < np.abs(weight).max() <= np.float32(limit)
    assert weight.std(dtype=np.float64) == pytest.approx(limit / math.sqrt(3.0), rel=0.01)


def test_batch_normalisation_starts_as_the_identity() -> None:
    weights = initialise(architectures.get("alexnet-bn"))
    values = [float(weights[f"bn3.{part}"].mean()) for part in ("weight", "bias", "running_mean", "running_var")]
    assert values == [1.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize("name", ["lenet-5", "alexnet-bn"])
def test_every_tensor_is_there_in_order_as_float32(name: str) -> None:
    network = architectures.get(name)
    weights = initialise(network)
    assert {key: array.shape for key, array in weights.items()} == tensor_shapes(network)
    assert list(weights) == list(tensor_shapes(network))
    assert {array.dtype for array in weights.values()} == {np.dtype(np.float32)}


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(UsageError, match="xavier") as caught:
        initialise(architectures.get("lenet-5"), init="xavier")
    assert "paper, he" in caught.value.hint


def test_streams_differ_by_seed_and_by_tensor() -> None:
    first = portable_random.gaussian(0, "conv1.weight", (64,), 1.0)
    assert not np.array_equal(first, portable_random.gaussian(1, "conv1.weight", (64,), 1.0))
    assert not np.array_equal(first, portable_random.gaussian(0, "conv2.weight", (64,), 1.0))


def test_a_stream_depends_neither_on_the_shape_nor_on_the_pieces_it_is_drawn_in() -> None:
    long = portable_random.gaussian(3, "w", (200_001,), 1.0)
    for shape in ((5,), (65_535,), (65_537,), (7, 11, 13)):
        part = portable_random.gaussian(3, "w", shape, 1.0)
        assert np.array_equal(part.ravel(), long[: part.size])


def test_values_are_normal() -> None:
    values = portable_random.gaussian(0, "w", (1_000_000,), 1.0).astype(np.float64)
    # Four standard errors of each statistic at a million values.
    assert abs(values.mean()) < 4e-3
    assert abs(values.var() - 1.0) < 4 * math.sqrt(2.0) * 1e-3
    assert abs((values**3).mean()) < 4 * math.sqrt(15.0) * 1e-3
    assert abs((values**4).mean() - 3.0) < 4 * math.sqrt(96.0) * 1e-3
    for at in (-3.0, -1.0, 0.5, 2.0, 4.0):
        share = statistics.NormalDist().cdf(at)
        assert abs((values < at).mean() - share) < 4 * math.sqrt(share * (1 - share)) * 1e-3 + 1e-6
    assert np.unique(values).size > 900_000


def test_no_quantile_is_near_enough_to_a_rounding_boundary_for_a_libm_to_matter() -> None:
    """Exact quantiles, 10^-12 away from every midpoint of two floats: all good implementations round alike."""
    exact = np.array([statistics.NormalDist().inv_cdf((index + 0.5) / 65_536) for index in range(32_768)])
    rounded = exact.astype(np.float32)
    for direction in (-10.0, 10.0):
        neighbour = np.nextafter(rounded, np.float32(direction))
        midpoint = (rounded.astype(np.float64) + neighbour.astype(np.float64)) / 2.0
        assert (np.abs(exact - midpoint) / np.abs(exact)).min() > 1e-12


def test_the_table_is_pinned() -> None:
    table, unit = portable_random._quantiles()
    digest = hashlib.sha256(table.astype("<f4").tobytes()).hexdigest()
    assert digest == "1cfbba1e07e34386a57626f82aeb43e6ed54ba70a3ea6b7d964dc66a841074a8"
    assert unit.hex() == "0x1.fffeabbe860d7p-1"


def test_the_streams_are_pinned() -> None:
    normal = portable_random.gaussian(0, "conv1.weight", (4,), 1.0)
    even = portable_random.uniform(0, "conv1.weight", (4,), 1.0)
    assert [float.fromhex(text) for text in ("-0x1.6ce02ep-1", "0x1.65a398p-4", "-0x1.333a9p-2", "0x1.2591c8p-2")] == (
        normal.tolist()
    )
    assert [float.fromhex(text) for text in ("0x1.20f426p-1", "0x1.b99aap-2", "0x1.2961b4p-2", "0x1.bce08ap-1")] == (
        even.tolist()
    )
