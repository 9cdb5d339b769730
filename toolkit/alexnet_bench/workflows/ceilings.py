"""`alexnet-bench ceilings`: what this machine reaches at best."""

from __future__ import annotations

from alexnet_bench.backends.registry import availability, choose_backend
from alexnet_bench.core.machine import usable_cores
from alexnet_bench.core.profile import Ceilings
from alexnet_bench.core.threads import check_threads
from alexnet_bench.core.workspace import cache_dir
from alexnet_bench.measure.ceilings import measured_ceilings
from alexnet_bench.workflows.options import Progress, silent


def machine_ceilings(
    backend: str | None = None, *, threads: int | None = None, refresh: bool = False, progress: Progress = silent
) -> Ceilings:
    """The ceilings of this machine for a backend, measured now or before.

    Raises:
        UsageError: unknown backend, or a number of threads that no runtime takes.
        MissingRuntimeError: its runtime is not installed.
    """
    check_threads(threads)
    chosen = choose_backend(backend)
    progress(f"ceilings of this machine with {chosen.name}")
    return measured_ceilings(
        chosen.name,
        availability(chosen).version,
        threads or usable_cores(),
        cache=cache_dir() / "ceilings",
        refresh=refresh,
    )
