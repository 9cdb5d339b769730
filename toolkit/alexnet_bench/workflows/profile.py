"""`alexnet-bench profile`: a model in, a profile out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alexnet_bench.core.devices import Budget, parse_budget
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.profile import Profile, ProfileSet
from alexnet_bench.core.text import printable
from alexnet_bench.core.workspace import find_workspace
from alexnet_bench.graph.onnx_io import open_model
from alexnet_bench.measure import environment
from alexnet_bench.workflows.counted import count_case, static_profile
from alexnet_bench.workflows.options import DEFAULT_MODEL, Options, Progress, check, silent
from alexnet_bench.workflows.resolve import resolve

READ_FROM = "trtexec:"
"""Before a folder with files of trtexec, which are read in place of a run."""


def profile(
    model: str | Path = DEFAULT_MODEL,
    *,
    batch: int | None = None,
    options: Options | None = None,
    progress: Progress = silent,
) -> Profile:
    """Profiles one model at one batch size.

    Args:
        model: a name that `alexnet-bench models` lists, the path of an ONNX file, or "trtexec:" and the folder of files
            that trtexec wrote.
        batch: size of a lone symbolic first dimension; None takes 1.
        options: backend, threads, time, budgets.
        progress: told what is done next; never called while something is timed.

    Raises:
        AlexnetBenchError: its subclass says what is wrong with the model, the options or the machine.
    """
    return profile_set(model, batches=(batch,), options=options, progress=progress).profiles[0]


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
    if chosen.model is not None and not is_read:
        raise UsageError(
            f"--model {printable(chosen.model)} is for files of trtexec", "profile trtexec:DIR --model MODEL"
        )
    budgets = tuple(parse_budget(text, find_workspace(Path.cwd())) for text in chosen.budgets)
    if is_read:
        from alexnet_bench.workflows.trtexec import read_run

        return read_run(str(model), batches=batches, options=chosen, budgets=budgets, progress=progress)
    if chosen.backend is not None:
        from alexnet_bench.backends.registry import get_backend

        get_backend(chosen.backend)  # a name that is not known is wrong even where nothing is run
    if chosen.static:
        return _static(model, batches, chosen, budgets, progress)
    from alexnet_bench.workflows.run import run  # counting does not need what runs a model, and starts faster without

    return run(model, batches=batches, options=chosen, budgets=budgets, progress=progress)


def _static(
    model: str | Path,
    batches: Sequence[int | None],
    options: Options,
    budgets: Sequence[Budget],
    progress: Progress,
) -> ProfileSet:
    resolved = resolve(model)
    progress(f"reading {model}")
    file = open_model(resolved.path)
    here = environment.describe(backend=None, backend_version=None, threads=None)
    counted = [count_case(file, resolved, batch, options.shapes) for batch in batches]
    return ProfileSet(tuple(static_profile(case, budgets, here) for case in counted))
