"""Arrays that are made when they are read, so that one at a time is in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar, overload

from alexnet_bench.verdict.parity import Array

_T = TypeVar("_T")


class Lazy(Sequence[Array], Generic[_T]):
    """One array for each of some things: a file to load, an array to change.

    Args:
        things: in order.
        make: turns one into its array.
    """

    def __init__(self, things: Sequence[_T], make: Callable[[_T], Array]) -> None:
        self._things, self._make = things, make

    def __len__(self) -> int:
        return len(self._things)

    @overload
    def __getitem__(self, at: int) -> Array: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Array]: ...

    def __getitem__(self, at: int | slice) -> Array | Sequence[Array]:
        if isinstance(at, slice):
            return Lazy(self._things[at], self._make)
        return self._make(self._things[at])
