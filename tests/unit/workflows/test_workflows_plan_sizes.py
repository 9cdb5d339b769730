from __future__ import annotations

import pytest

from alexnet_bench.backends.protocol import EngineInput, ShapeBounds
from alexnet_bench.core.errors import ShapeError
from alexnet_bench.core.graph import Dim
from alexnet_bench.workflows.engines.plan_sizes import sizes_to_run

_FIXED = EngineInput("mask", "int64", (1, 8))
_SMALL = ShapeBounds((1, 4), (2, 4), (8, 4))
_LARGE = ShapeBounds((16, 4), (32, 16), (64, 16))
_OPEN = EngineInput("x", "float32", (-1, -1), (_SMALL, _LARGE))
_OTHER = EngineInput("n", "int32", (-1,), (ShapeBounds((1,), (2,), (8,)), ShapeBounds((16,), (32,), (64,))))


def test_what_is_fixed_is_taken_and_what_is_open_is_usual() -> None:
    assert sizes_to_run([_FIXED, _OPEN], {}, None) == {"mask": (1, 8), "x": (2, 4)}
    assert sizes_to_run([], {}, None) == {}
    assert sizes_to_run([EngineInput("s", "float32", ())], {}, None) == {"s": ()}


def test_a_batch_is_of_every_open_first_axis() -> None:
    assert sizes_to_run([_OPEN, _OTHER, _FIXED], {}, 8) == {"x": (8, 4), "n": (8,), "mask": (1, 8)}


def test_all_sizes_are_of_one_profile() -> None:
    assert sizes_to_run([_OPEN, _OTHER], {}, 16) == {"x": (16, 16), "n": (16,)}
    assert sizes_to_run([_OPEN, _OTHER], {"x": (40, 9)}, None) == {"x": (40, 9), "n": (32,)}
    with pytest.raises(ShapeError, match="does not take x as 40x9, n as 2"):
        sizes_to_run([_OPEN, _OTHER], {"x": (40, 9), "n": (2,)}, None)


@pytest.mark.parametrize(
    ("given", "batch", "why"),
    [
        ({"x": (9, 4)}, None, "does not take x as 9x4"),
        ({"x": (2, 4, 1)}, None, "does not take x as 2x4x1"),
        ({"mask": (1, 9)}, None, "does not take mask as 1x9"),
        ({}, 65, "does not take a batch of 65"),
        ({"y": (1,)}, None, "has no input y"),
    ],
)
def test_what_the_engine_does_not_take_is_refused_with_what_it_takes(
    given: dict[str, tuple[int, ...]], batch: int | None, why: str
) -> None:
    with pytest.raises(ShapeError, match=why) as refused:
        sizes_to_run([_OPEN, _FIXED], given, batch)
    if "no input" not in why:
        assert refused.value.hint == (
            "it takes x from 1x4 to 8x4 (profile 0); x from 16x4 to 64x16 (profile 1); mask as 1x8"
        )


def test_a_batch_that_no_input_has_is_refused() -> None:
    assert sizes_to_run([EngineInput("x", "float32", (3, 4))], {}, 3) == {"x": (3, 4)}
    with pytest.raises(ShapeError, match="no input of the engine takes a batch of 3"):
        sizes_to_run([_FIXED], {}, 3)


def test_sizes_follow_by_the_names_that_the_model_has_for_what_the_engine_leaves_open() -> None:
    inputs = [EngineInput(name, "int64", (-1, 8), (ShapeBounds((1, 8), (2, 8), (9, 8)),)) for name in ("ids", "mask")]
    assert sizes_to_run(inputs, {"ids": (5, 8)}, None) == {"ids": (5, 8), "mask": (2, 8)}
    named: dict[str, tuple[Dim, ...]] = {"ids": ("N", 8), "mask": ("N", "T")}
    assert sizes_to_run(inputs, {"ids": (5, 8)}, None, named) == {"ids": (5, 8), "mask": (5, 8)}
    assert sizes_to_run(inputs, {"ids": (5, 8)}, None, {"mask": ("N",)}) == {"ids": (5, 8), "mask": (2, 8)}
