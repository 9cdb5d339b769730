"""What shares a symbolic dimension with sizes that are given follows from them."""

from __future__ import annotations

import pytest

from alexnet_bench.graph.followed import Shape, Sizes, followed

_DECLARED: dict[str, Shape | None] = {
    "ids": ("N", "T"),
    "mask": ("N", "T"),
    "past": ("N", 4, "P", 16),
    "table": ("T", "K"),
    "picture": (None, 3),
    "any": None,
}
_USUAL = {
    "ids": (1, 12),
    "mask": (1, 12),
    "past": (1, 4, 7, 16),
    "table": (12, 2),
    "picture": (2, 3),
    "any": (5,),
}


@pytest.mark.parametrize(
    ("given", "batch", "other"),
    [
        ({}, None, {}),
        ({"ids": (4, 64)}, None, {"mask": (4, 64), "past": (4, 4, 7, 16), "table": (64, 2)}),
        ({"past": (1, 4, 20, 16)}, None, {}),
        ({"picture": (9, 3)}, None, {}),
        ({"any": (4, 4)}, None, {}),
        ({"ids": (4, 64), "mask": (4, 9)}, None, {"past": (4, 4, 7, 16), "table": (64, 2)}),  # refused when it is bound
        ({"ids": (4, 64, 1)}, None, {}),
        ({}, 8, {"ids": (8, 12), "mask": (8, 12), "past": (8, 4, 7, 16), "picture": (8, 3)}),
        (
            {"ids": (1, 9)},
            8,
            {"ids": (8, 9), "mask": (8, 9), "past": (8, 4, 7, 16), "picture": (8, 3), "table": (9, 2)},
        ),
    ],
)
def test_what_is_bound_takes_the_place_of_the_usual_size(given: Sizes, batch: int | None, other: Sizes) -> None:
    assert followed(_DECLARED, _USUAL, given, batch) == {**_USUAL, **given, **other}


def test_a_batch_is_no_size_that_another_input_has_further_back() -> None:
    """The rows of a table are as many as there are tokens; nodes of a graph are its batch, and its columns too."""
    assert followed({"table": ("T", 2), "ids": ("N", "T")}, {"table": (12, 2), "ids": (1, 12)}, {}, 8) == {
        "table": (12, 2),
        "ids": (8, 12),
    }
    assert followed({"x": ("N", 3), "joined": ("N", "N")}, {"x": (1, 3), "joined": (1, 1)}, {}, 8) == {
        "x": (8, 3),
        "joined": (8, 8),
    }
