"""`alexnet-bench profile`: a model in, a profile out."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from alexnet_bench.core.devices import Budget, parse_budget
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.places import READ_FROM
from alexnet_bench.core.profile import Profile, ProfileSet
from alexnet_bench.core.text import printable
from alexnet_bench.core.uses import in_use
from alexnet_bench.core.workspace import current_workspace
from alexnet_bench.graph.onnx_io import open_model
from alexnet_bench.measure import environment
from alexnet_bench.workflows.counted import count_case, static_profile
from alexnet_bench.workflows.options import DEFAULT_BUDGETS, DEFAULT_MODEL, Options, Progress, check, or_without, silent
from alexnet_bench.workflows.resolve import resolve


def profile(
    model: str | Path = DEFAULT_MODEL,
    *,
    batch: int | None = None,
    options: Options | None = None,
    progress: Progress = silent,
) -> Profile:
    """Profiles one model at one batch size.

    Args:
        model: a name that `alexnet-bench models` lists, the path of an ONNX file or an engine, or "trtexec:" and the
            folder of files that trtexec wrote.
        batch: size of a lone symbolic first dimension; None takes 1.
        options: backend, threads, time, budgets.
        progress: told what is done next; never called while something is timed.

    Raises:
        AlexnetBenchError: its subclass says what is wrong with the model, the options or the machine.
    """
    return profile_set(model, batches=(batch,), options=options, progress=progress).profiles[0]


@in_use()
def profile_set(
    model: str | Path = DEFAULT_MODEL,
    *,
    batches: Sequence[int | None],
    options: Options | None = None,
    progress: Progress = silent,
) -> ProfileSet:
    """As `profile`, for several batch sizes; their timed runs are interleaved.

    Raises:
        AlexnetBenchError: as `profile`.
    """
    chosen = options or Options()
    check(chosen, batches)
    is_read = str(model).startswith(READ_FROM)
    foreign = None if is_read else _foreign_plan(str(model))
    if foreign is None and not is_read:
        _check_has_passport(chosen)
    if chosen.model is None and (is_read or foreign is not None) and tuple(chosen.budgets) != DEFAULT_BUDGETS:
        raise UsageError(
            "--budget predicts times of what is counted, and without the model nothing is",
            "give --model MODEL too, or leave --budget out",
        )
    budgets = budgets_of(chosen)
    if is_read:
        from alexnet_bench.workflows.trtexec.read import read_run

        return read_run(str(model), batches=batches, options=chosen, budgets=budgets, progress=progress)
    if chosen.backend is not None:
        from alexnet_bench.backends.registry import get_backend

        get_backend(chosen.backend)  # a name that is not known is wrong even where nothing is run
    if foreign is not None:
        return _run_foreign(foreign, batches, chosen, budgets, progress)
    if chosen.static:
        return _static(model, batches, chosen, budgets, progress)
    from alexnet_bench.workflows.engines.subject import is_engine
    from alexnet_bench.workflows.run import run  # counting does not need what runs a model, and starts faster without

    with or_without(_looking_into(model)) if is_engine(str(model)) else or_without():
        return run(model, batches=batches, options=chosen, budgets=budgets, progress=progress)


def budgets_of(options: Options) -> tuple[Budget, ...]:
    """The devices to compare with.

    Raises:
        UsageError: there is no such device.
    """
    return tuple(parse_budget(text, current_workspace()) for text in options.budgets)


def _foreign_plan(text: str) -> Path | None:
    """The file of an engine without a passport; what tells one is only imported for files that may be one."""
    if text.endswith(".onnx") or not os.path.isfile(text):  # noqa: PTH113 - odd names raise nothing
        return None
    from alexnet_bench.engine.loading import foreign_plan

    return foreign_plan(text)


def _check_has_passport(options: Options) -> None:
    """Raises UsageError for options that tell what a passport or a model tells itself."""
    if options.model is not None:
        raise UsageError(
            f"--model {printable(options.model)} is for files of trtexec, and for engines without a passport",
            "profile trtexec:DIR --model MODEL, or profile FILE.plan --model MODEL",
        )
    if options.host_code:
        raise UsageError(
            "--host-code is for engines of TensorRT without a passport",
            "leave it out: a passport tells whether its engine carries code",
        )


def _looking_into(engine: str | Path) -> str:
    return f"look into the engine without a runtime: alexnet-bench inspect {printable(shlex.quote(str(engine)), 200)}"


def _run_foreign(
    path: Path, batches: Sequence[int | None], options: Options, budgets: Sequence[Budget], progress: Progress
) -> ProfileSet:
    if options.static:
        raise UsageError(
            f"{printable(str(path), 200)} is an engine without a graph to count",
            "alexnet-bench inspect shows its layers; --static counts the model that it was built from",
        )
    from alexnet_bench.workflows.run_plan import run_plan

    with or_without(_looking_into(path)):
        return run_plan(path, batches=batches, options=options, budgets=budgets, progress=progress)


def _static(
    model: str | Path,
    batches: Sequence[int | None],
    options: Options,
    budgets: Sequence[Budget],
    progress: Progress,
) -> ProfileSet:
    resolved = resolve(model, progress)
    progress(f"reading {model}")
    file = open_model(resolved.path)
    here = environment.describe(backend=None, backend_version=None, threads=None)
    counted = [count_case(file, resolved, batch, options.shapes) for batch in batches]
    return ProfileSet(tuple(static_profile(case, budgets, here) for case in counted))
