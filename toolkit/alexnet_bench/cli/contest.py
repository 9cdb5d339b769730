"""`alexnet-bench profile --backend all` and `--backend fastest`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from alexnet_bench.cli.options import progress
from alexnet_bench.cli.outputs import Outputs
from alexnet_bench.core.errors import UsageError
from alexnet_bench.workflows.options import ALL, FASTEST

if TYPE_CHECKING:
    from alexnet_bench.workflows.contests.options import ContestOptions
    from alexnet_bench.workflows.options import Options


def is_meant(backend: str | None, precision: str | None) -> bool:
    """Whether several entries are to be compared."""
    return backend in (ALL, FASTEST) or precision == ALL


def is_asked_for(options: Options, tolerance: float | None) -> bool:
    """As `is_meant`.

    Raises:
        UsageError: options that only serve a contest, without one.
    """
    if is_meant(options.backend, options.precision):
        return True
    if tolerance is not None:
        raise UsageError("--tolerance serves --backend all and fastest", "to verify one engine: alexnet-bench verify")
    return False


def run(
    model: str,
    batches: Sequence[int | None],
    options: Options,
    *,
    tolerance: float | None,
    outputs: Outputs,
    top: int | None,
    quiet: bool,
) -> None:
    """Compares the entries and shows the table, or profiles the fastest of them.

    Raises:
        UsageError: options that do not go with it.
    """
    from alexnet_bench.workflows.contests.choice import BRIEF_SECONDS, hold, profile_fastest

    _check(options)
    say = progress(quiet=quiet)
    if options.backend == FASTEST:
        brief = _contest_options(options, tolerance, min(options.timed_s, BRIEF_SECONDS))
        profiles = profile_fastest(model, batches=batches, options=options, contest_options=brief, progress=say)
        outputs.write(profiles if len(batches) > 1 else profiles.profiles[0], top=top, quiet=quiet)
        return
    found = hold(model, batches=batches, options=_contest_options(options, tolerance, options.timed_s), progress=say)
    outputs.write(found, top=top, quiet=quiet)


def _contest_options(options: Options, tolerance: float | None, seconds: float) -> ContestOptions:
    from alexnet_bench.workflows.contests.options import DEFAULT_PRECISIONS, ContestOptions

    named = options.backend not in (ALL, FASTEST, None)
    return ContestOptions(
        backends=(str(options.backend),) if named else None,
        precisions=(options.precision,) if options.precision else DEFAULT_PRECISIONS,
        tolerance=tolerance,
        shapes=options.shapes,
        threads=options.threads,
        seconds=seconds,
        seed=options.input_seed,
        timeout_s=options.timeout_s,
    )


def _check(options: Options) -> None:
    if options.static:
        raise UsageError("--static runs nothing that could be compared", "leave --static or --backend out")
    if options.inputs is not None:
        raise UsageError(
            "entries are compared on inputs that are generated",
            "leave --inputs out, or name one --backend; alexnet-bench verify ENGINE --inputs compares on your own",
        )
    if options.host_code:
        raise UsageError("--host-code is for one engine without a passport", "leave it out, or give the engine alone")
    if options.device_api is not None:
        raise UsageError("--cuda-python and --pycuda are for one backend", "leave them out, or name one --backend")
    if options.settings:
        raise UsageError("each backend has settings of its own", "leave --set out, or name one --backend")
    if options.recipe is not None or options.optimize is not None:
        raise UsageError(
            "engines that are compared follow the usual recipe of their backend and precision",
            "leave --recipe and --optimize out, or name one --backend",
        )
