"""The lines about memory: the curves, and the difference between what was counted and what was measured."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest

from alexnet_bench.core.profile import Profile
from alexnet_bench.report.markdown import to_markdown
from alexnet_bench.report.memory import curve, memory_texts
from alexnet_bench.report.table import print_profile

Read = Callable[[str], Profile]
MIB = 1 << 20


def with_curves(
    profile: Profile, live: list[int | None], arena: list[tuple[int, int] | None], *, loaded: int | None, static: int
) -> Profile:
    """The profile with these sizes in MiB: alive as counted, in use and requested after each layer."""
    layers = [
        msgspec.structs.replace(
            layer,
            name=f"layer{index}",
            live_bytes=None if alive is None else alive * MIB,
            arena_bytes=None if held is None else held[0] * MIB,
            arena_requested_bytes=None if held is None else held[1] * MIB,
        )
        for index, (layer, alive, held) in enumerate(zip(profile.layers, live, arena, strict=False))
    ]
    memory = replace(
        profile.memory,
        static_peak_bytes=static * MIB,
        arena_loaded_bytes=None if loaded is None else loaded * MIB,
        arena_peak_bytes=(loaded or 0) * MIB + 20 * MIB,
    )
    return replace(profile, layers=tuple(layers), memory=memory)


def test_both_curves_have_one_scale_and_name_their_peaks(read: Read) -> None:
    arena: list[tuple[int, int] | None] = [(101, 101), (108, 106), (116, 109), (102, 102)]
    profile = with_curves(read("alexnet-2012"), [2, 8, 4, 2], arena, loaded=100, static=8)
    counted, measured, difference, peak, _ = memory_texts(profile)
    assert counted == "▂▅▃▂ counted: 8.00 MiB of activations at most, in layer1"
    assert measured == "▁▅█▂ measured: 16.0 MiB at most in the arena, in layer2, 9.00 MiB asked for"
    assert difference == (
        "8.00 MiB more than counted: the runtime asks for 1.00 MiB more, its arena rounds up by 7.00 MiB"
    )
    assert peak == "arena 120 MiB at its peak: 100 MiB from loading, 20.0 MiB from running"


def test_a_runtime_that_needs_less_than_counted_says_less(read: Read) -> None:
    profile = with_curves(read("alexnet-2012"), [8, 8], [(5, 4), (1, 1)], loaded=0, static=8)
    assert memory_texts(profile)[2] == (
        "3.00 MiB less than counted: the runtime asks for 4.00 MiB less, its arena rounds up by 1.00 MiB"
    )
    equal = with_curves(read("alexnet-2012"), [8, 8], [(8, 8), (1, 1)], loaded=0, static=8)
    assert memory_texts(equal)[2] == "as much as counted: the runtime asks for as much, its arena rounds up by 0 B"


def test_what_is_not_known_is_carried_and_not_shown_as_nothing(read: Read) -> None:
    profile = with_curves(
        read("alexnet-2012"), [None, 8, None, 1], [None, (8, 8), None, (4, 4)], loaded=0, static=8
    )  # fmt: skip
    counted, measured = memory_texts(profile)[:2]
    assert counted.startswith("███▂ ")
    assert measured.startswith("███▅ ")


def test_without_a_measured_curve_there_are_only_the_peaks(read: Read) -> None:
    for loaded, arena in ((None, (5, 5)), (0, None)):
        profile = with_curves(read("alexnet-2012"), [8, 8], [arena, arena], loaded=loaded, static=8)
        assert not any("measured" in text or "more than counted" in text for text in memory_texts(profile))
    static = memory_texts(read("lenet-5-static"))
    assert len(static) == 1
    assert static[0].endswith("counted: 36.8 KiB of activations at most, in tanh1")


def test_an_arena_that_asked_for_less_than_loading_left_says_no_difference(read: Read) -> None:
    profile = with_curves(read("alexnet-2012"), [8, 8], [(110, 90), (105, 90)], loaded=100, static=8)
    texts = memory_texts(profile)
    assert texts[1].endswith("measured: 10.0 MiB at most in the arena, in layer0")
    assert not any("counted:" in text for text in texts[1:])


def test_a_document_of_version_1_says_what_it_knows(read: Read) -> None:
    old = read("version-1/alexnet-2012")
    texts = memory_texts(old)
    assert "counted: 2.22 MiB of activations at most, in conv1 + relu1" in texts[0]
    assert texts[1:] == ("arena 230 MiB", "process 457 MiB while loading, 314 MiB while running")


def test_what_an_engine_takes_on_its_device_is_said_as_far_as_it_is_known(read: Read) -> None:
    found = read("lenet-5")
    whole = replace(
        found.memory,
        device_peak_bytes=4 << 20,
        device_weight_bytes=2 << 20,
        device_activation_bytes=1 << 20,
        device_context_bytes=3 << 20,
    )
    texts = memory_texts(replace(found, memory=whole))
    assert texts[-2].endswith("device 4.00 MiB")
    assert texts[-1] == (
        "on the device: 2.00 MiB of weights, 1.00 MiB of activations, "
        "3.00 MiB by which its free memory fell for the context"
    )
    part = replace(whole, device_weight_bytes=None, device_context_bytes=None)
    assert memory_texts(replace(found, memory=part))[-1] == "on the device: 1.00 MiB of activations"
    assert not any("on the device" in text for text in memory_texts(found))


@pytest.mark.parametrize("name", ["version-1/alexnet-2012", "alexnet-2012", "lenet-5-static"])
def test_every_document_renders(read: Read, name: str) -> None:
    stream = io.StringIO()
    print_profile(read(name), stream, width=120)
    assert "of activations at most" in stream.getvalue()
    assert "of activations at most" in to_markdown(read(name))
    assert "None" not in stream.getvalue()


def test_of_many_layers_a_column_shows_the_most() -> None:
    values = [0] * 1000
    values[500] = 8
    shown = curve(values, 8)
    assert len(shown) == 25
    assert shown.count("█") == 1
    assert shown[12] == "█"


@pytest.mark.parametrize(
    ("values", "top", "shown"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7, 8], 8, "▁▂▃▄▅▆▇██ "),
        ([5], 5, ""),
        ([], 5, ""),
        ([0, 0], 0, ""),
        ([10**18, 0], 10**18, "█▁ "),
        ([3, 3], 1, "██ "),
    ],
)
def test_curves(values: list[int], top: int, shown: str) -> None:
    assert curve(values, top) == shown
