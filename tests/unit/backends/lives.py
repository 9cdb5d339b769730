"""Whether something that is made and ended again and again keeps memory."""

from __future__ import annotations

from collections.abc import Callable

LIVES = 6


def kept_bytes(free_bytes: Callable[[], int], live: Callable[[], None]) -> int:
    """By how much free memory has fallen from the second life to the last; what the first one sets up is not a leak.

    Args:
        free_bytes: what is free now.
        live: one life, from making to ending.
    """
    counted = []
    for _ in range(LIVES):
        live()
        counted.append(free_bytes())
    return counted[1] - counted[-1]
