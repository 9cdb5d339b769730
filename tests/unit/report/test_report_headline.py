from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from alexnet_bench.core.profile import LayerProfile, Profile
from alexnet_bench.report.headline import by_operator, headline, operator

Read = Callable[[str], Profile]


def _layer(op: str, time_s: float, **fields: Any) -> LayerProfile:
    fixed: dict[str, Any] = {
        "name": op,
        "op": op,
        "onnx_nodes": (op,),
        "shared_nodes": (),
        "output_shapes": (),
        "params": 0,
        "weight_bytes": 0,
        "activation_bytes": 0,
        "live_bytes": 0,
        "macs": 0,
        "flop": 100,
        "bytes": 0,
        "time_s": time_s,
        "bound": "compute",
        "fraction_of_ceiling": 0.8,
    }
    return LayerProfile(**(fixed | fields))


@pytest.fixture
def said(read: Read) -> Callable[..., str]:
    """The headline of some layers, on a quiet machine with a cheap profiler."""

    def say(layers: Sequence[LayerProfile], *, profiler: float | None = 0.05, **coverage: float) -> str:
        profile = read("alexnet-2012")
        assert profile.latency is not None
        kept: dict[str, Any] = {"overhead_fraction": 0.0, "outside_kernels_fraction": 0.01}
        return headline(
            replace(
                profile,
                layers=tuple(layers),
                latency=replace(profile.latency, profiling_overhead_fraction=profiler),
                coverage=replace(profile.coverage, **(kept | coverage)),
            )
        )

    return say


def test_the_real_one(read: Read) -> None:
    assert headline(read("alexnet-2012")).startswith(
        "LRN (2 layers) takes 38 % of the time for 0.4 % of the FLOP, and is on neither roof"
    )


def test_too_short_to_time(read: Read, said: Callable[..., str]) -> None:
    assert headline(read("lenet-5")).startswith("Too short to time by layer: a run takes 18.9 µs, and watching its 10")
    text = said([_layer("Conv", 1.0), _layer("Gemm", 1.0)], profiler=2.4)
    assert text.startswith("Layer times are not to be trusted: the runs that gave them took 3.4 times as long, far")


def test_what_runs_inside_of_a_layer_is_watched_at_every_turn(read: Read) -> None:
    profile = read("alexnet-2012")

    def said(kernels: int | None) -> str:
        assert profile.latency is not None
        took = replace(profile.latency, median_s=20e-6, profiling_overhead_fraction=8.0, profiled_kernels=kernels)
        return headline(replace(profile, layers=(_layer("Loop", 1.0), _layer("Gemm", 0.1)), latency=took))

    assert said(17).startswith(
        "Too short to time by layer: a run takes 20.0 µs, and watching its 17 kernels in 2 layers makes that 9.0 times"
    )
    for kernels in (None, 2, 3):
        assert said(kernels).startswith("Layer times are not to be trusted")
    assert "watching 2 layers costs" in said(2)
    assert "watching 3 kernels in 2 layers costs" in said(3)


def test_outside_kernels(said: Callable[..., str]) -> None:
    text = said([_layer("Conv", 1.0)], outside_kernels_fraction=0.34)
    assert text.startswith("34 % of a run is spent outside kernels, on starting it and its 1 layer:")


def test_a_weak_kernel(said: Callable[..., str]) -> None:
    layers = [
        _layer("Conv", 0.6, flop=9_950),
        _layer("LRN", 0.28, flop=50, bound="neither", fraction_of_ceiling=0.013),
        _layer("Softmax", 0.12, flop=0, bound="neither", fraction_of_ceiling=0.1),
    ]
    assert said(layers) == (
        "LRN takes 28 % of the time for 0.5 % of the FLOP, and is on neither roof (at 1.3 % of the closer one): "
        "a weak kernel, and the first thing to replace."
    )


def test_a_weak_kernel_is_worth_more_than_a_slower_good_one(said: Callable[..., str]) -> None:
    weak = _layer("LRN", 0.2, flop=1, bound="neither", fraction_of_ceiling=0.01)
    assert said([_layer("Gemm", 0.5, bound="memory"), _layer("Conv", 0.3), weak]).startswith("LRN takes 20 %")
    assert said([_layer("Conv", 0.8), weak]).startswith("LRN takes 20 %")


def test_a_machine_that_is_not_used_well(said: Callable[..., str]) -> None:
    text = said([_layer("Conv", 0.9, flop=95, bound="neither", fraction_of_ceiling=0.3), _layer("Relu", 0.1, flop=5)])
    assert "is on neither roof (at 30 % of the closer one)" in text
    assert "--threads" in text
    assert "first thing to replace" not in text


def test_a_small_weak_kernel_is_not_news(said: Callable[..., str]) -> None:
    assert "Conv takes" in said([_layer("Conv", 0.95), _layer("Softmax", 0.05, flop=0, bound="neither")])


def test_overhead(said: Callable[..., str]) -> None:
    assert said([_layer("Conv", 1.0)], overhead_fraction=0.16).startswith("16 % of the kernel time is overhead")


def test_memory(said: Callable[..., str]) -> None:
    layers = [_layer("FusedGemm", 0.5, weight_bytes=151_000_000, bound="memory"), _layer("Conv", 0.3)]
    assert said(layers).startswith("Gemm takes 62 % of the time to read 151 MB of weights, bound by memory")
    assert "to read" not in said([_layer("MaxPool", 1.0, bound="memory")])


def test_compute(said: Callable[..., str]) -> None:
    assert said([_layer("Conv", 0.5), _layer("Conv", 0.5)]).startswith(
        "Conv (2 layers) takes 100 % of the time, bound by arithmetic at 80 % of this machine's peak"
    )


def test_how_close_to_a_roof_is_said_of_the_layers_under_it(said: Callable[..., str]) -> None:
    layers = [
        _layer("Conv", 0.5),
        _layer("Conv", 0.2, fraction_of_ceiling=None),
        _layer("Conv", 0.2, bound="memory", fraction_of_ceiling=0.4),
        _layer("Conv", 0.1, bound="neither", fraction_of_ceiling=0.1),
    ]
    assert "bound by arithmetic at 80 % of this machine's peak" in said(layers)
    unknown = [_layer("Conv", 1.0, fraction_of_ceiling=None)]
    assert by_operator(unknown)[0].fraction_of_ceiling is None


def test_nothing_stands_out(said: Callable[..., str]) -> None:
    layers = [_layer(f"Op{index}", 1.0 - index / 100) for index in range(20)]
    assert said(layers) == "Op0 takes 5.5 % of the time, and no other kind of layer takes more."
    assert "no other kind" in said([_layer("Conv", 1.0, bound=None, fraction_of_ceiling=None)])


def test_nothing_at_all(said: Callable[..., str]) -> None:
    assert said([]) == "Nothing of this model is left to run."


def test_counted_only(read: Read) -> None:
    profile = read("lenet-5-static")
    assert headline(profile) == (
        "Counted without running: conv2 does 57 % of the FLOP, conv3 holds 78 % of the parameters."
    )
    one = replace(profile, layers=tuple(layer for layer in profile.layers if layer.name == "conv3"))
    assert headline(one) == "Counted without running: conv3 does 11 % of the FLOP and holds 78 % of the parameters."
    bare = replace(profile, model=replace(profile.model, params=0))
    assert headline(bare) == "Counted without running: conv2 does 57 % of the FLOP."
    nothing = replace(profile, layers=())
    assert headline(nothing) == "Counted without running: there is no arithmetic in this model."
    unknown = replace(nothing, coverage=replace(profile.coverage, nodes=3, nodes_counted=1))
    assert headline(unknown).endswith("there is no arithmetic in the nodes that could be counted, 2 could not.")


def test_fused_forms_and_reorders_are_grouped() -> None:
    layers = [
        _layer("FusedConv", 1.0),
        _layer("Conv", 2.0),
        _layer("ReorderInput", 0.5, bound="overhead"),
        _layer("ReorderOutput", 0.5, bound="overhead"),
    ]
    assert [(group.op, group.layers) for group in by_operator(layers)] == [("Conv", 2), ("Reorder", 2)]
    assert sum(group.time_fraction for group in by_operator(layers)) == pytest.approx(1)
    assert operator(layers[2]) == "Reorder"


def test_names_of_strangers_are_escaped(said: Callable[..., str]) -> None:
    assert said([_layer("evil\x1b[2J\n", 1.0)]).isprintable()
