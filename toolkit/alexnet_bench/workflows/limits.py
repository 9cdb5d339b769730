"""What is refused before a run, and how long a run is waited for."""

from __future__ import annotations

from alexnet_bench.backends.client import MAX_WAIT_S, Deadlines
from alexnet_bench.core.cost import CostTable
from alexnet_bench.core.errors import ModelError, UsageError
from alexnet_bench.core.machine import memory_bytes
from alexnet_bench.core.text import printable
from alexnet_bench.core.units import binary_bytes
from alexnet_bench.graph.functions import calls_explode
from alexnet_bench.graph.onnx_io import ModelFile

_SLOW_FLOP_PER_S, _SLOW_BYTES_PER_S = 1e9, 1e9
"""Slower than any kernel of a runtime on one core that was seen so far, LRN and interpolation included."""
_SPARE_S = 60.0


def deadlines(costs: CostTable | None, timeout_s: float | None) -> Deadlines:
    """How long the runtime may take to load a model, and for each forward pass.

    Without a time from the user, loading may take ten minutes, and a pass what its work takes at a pace slower than
    that of any kernel, and a minute on top; ten minutes at most, and where not all of the work is known.

    Args:
        costs: of one forward pass; None where they are not known.
        timeout_s: what the user gave, for both.
    """
    if timeout_s is not None:
        return Deadlines(timeout_s, timeout_s)
    if costs is None or not all(row.counted and not row.assumed for row in costs.rows):
        return Deadlines()
    if costs.bytes_read is None or costs.bytes_written is None:
        return Deadlines()
    moved = costs.bytes_read + costs.bytes_written
    work_s = costs.flop / _SLOW_FLOP_PER_S + moved / _SLOW_BYTES_PER_S
    return Deadlines(pass_s=min(MAX_WAIT_S, _SPARE_S + work_s))


def check_memory(costs: CostTable, batch: int) -> None:
    """Refuses what the machine cannot hold, before the system ends the process for it.

    Raises:
        UsageError: weights and activations are larger than the memory that may be used.
    """
    needed, there = costs.weight_bytes + costs.activation_peak_bytes, memory_bytes()
    if needed > there:
        raise UsageError(
            f"batch {batch:,} needs {binary_bytes(needed)} for weights and activations, "
            f"and this machine has {binary_bytes(there)}",
            "give a smaller --batch or --shape, or count without running: profile --static",
        )


def check_functions(file: ModelFile) -> None:
    """Refuses a model whose functions a runtime would expand for hours.

    Raises:
        ModelError: its functions mean too many nodes, or call each other without end.
    """
    if calls_explode(file.proto):
        raise ModelError(
            f"{printable(str(file.path), 1000)}: its functions call each other without end, or mean more nodes than "
            "can be run",
            "count without running: profile --static",
        )
