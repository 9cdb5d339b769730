"""`alexnet-bench profile --symbolic`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alexnet_bench.cli import options
from alexnet_bench.cli.outputs import Outputs
from alexnet_bench.core.errors import UsageError


def count_symbolically(
    model: str,
    *,
    batches: Sequence[int | None],
    shapes: Mapping[str, Sequence[int]],
    outputs: Outputs,
    top: int | None,
    quiet: bool,
) -> None:
    """Counts as formulas, shown and written as a profile would be.

    Raises:
        UsageError: several batches, which a formula has no use for.
        OutputError: a file cannot be written.
    """
    if len(batches) > 1:
        raise UsageError("a formula holds for every batch", "leave --batch out, or give one to have it as a number")
    from alexnet_bench.workflows.symbolic import symbolic_counts

    counts = symbolic_counts(model, batch=batches[0], shapes=shapes, progress=options.progress(quiet=quiet))
    outputs.write(counts, top=top, quiet=quiet)
