"""The check of leaks that a real card is tested with."""

from __future__ import annotations

import pytest

from tests.unit.backends.lives import LIVES, kept_bytes


@pytest.mark.parametrize(("first", "each", "kept"), [(100, 0, 0), (0, 7, 7 * (LIVES - 2)), (100, 7, 7 * (LIVES - 2))])
def test_what_each_life_keeps_is_told_from_what_the_first_sets_up(first: int, each: int, kept: int) -> None:
    free, lives = 10_000, 0

    def live() -> None:
        nonlocal free, lives
        free -= each + (0 if lives else first)
        lives += 1

    assert kept_bytes(lambda: free, live) == kept
    assert lives == LIVES
