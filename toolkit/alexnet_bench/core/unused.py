"""Options that would be dropped are refused in place of that."""

from __future__ import annotations

from collections.abc import Sequence

from alexnet_bench.core.errors import UsageError


def check_none(why: str, typed: Sequence[str], *, other: str = "") -> None:
    """Refuses options that have no use.

    Args:
        why: they have none.
        typed: those that were given, as they are typed.
        other: the option beside which they have none, where it may be left out as well.

    Raises:
        UsageError: there are any.
    """
    if typed:
        leave = f"{other} or " if other else ""
        those = "that" if len(typed) == 1 else "those"
        raise UsageError(f"{why}: {', '.join(typed)} would do nothing", f"leave {leave}{those} out")
