"""How many threads a runtime can be given on this machine, whoever asks for them."""

from __future__ import annotations

from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.machine import usable_cpus
from alexnet_bench.core.text import plural

_MOST_PER_CPU = 8
"""More of them spend minutes on waiting for each other, and tell nothing."""


def check_threads(threads: int | None) -> None:
    """Raises UsageError for a number of threads that nothing can be run with; None leaves the choice to the tool."""
    most = _MOST_PER_CPU * usable_cpus()
    if threads is not None and not 1 <= threads <= most:
        cpus = plural(usable_cpus(), "processor")
        raise UsageError(f"{threads:,} threads cannot be used on {cpus}", f"give from 1 to {most:,} threads")
