"""`alexnet-bench profile --backend fastest`: a short contest, or the one in the cache, and a profile of its winner."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import msgspec

from alexnet_bench import __version__
from alexnet_bench.core import atomic
from alexnet_bench.core.contest import CONTEST_VERSION, STOCK, Contest, ContestCase, Entry
from alexnet_bench.core.document import decode, encode
from alexnet_bench.core.errors import AlexnetBenchError, BackendRefusal, OutputError, UsageError
from alexnet_bench.core.machine import usable_cores
from alexnet_bench.core.profile import Profile, ProfileSet
from alexnet_bench.core.units import digits, quantity
from alexnet_bench.core.uses import in_use
from alexnet_bench.core.workspace import contests_cache, memo_folder
from alexnet_bench.engine.hashes import model_hash
from alexnet_bench.engine.key import this_place
from alexnet_bench.engine.recipe import as_document
from alexnet_bench.workflows.contests.contest import check, contest
from alexnet_bench.workflows.contests.entries import Planned, plan
from alexnet_bench.workflows.contests.options import ContestOptions
from alexnet_bench.workflows.engines.choose_recipe import choose_recipe
from alexnet_bench.workflows.engines.options import BuildOptions
from alexnet_bench.workflows.options import Options, Progress
from alexnet_bench.workflows.options import check as check_options
from alexnet_bench.workflows.profile import budgets_of, profile_set
from alexnet_bench.workflows.resolve import resolve

BRIEF_SECONDS = 1.0
"""Timed for each entry when the contest only serves to choose."""


@in_use()
def profile_fastest(
    model: str | Path,
    *,
    batches: Sequence[int | None],
    options: Options,
    contest_options: ContestOptions,
    progress: Progress,
) -> ProfileSet:
    """Profiles the fastest entry within the tolerance, at each batch the one that is fastest there.

    Batches with the same winner, and the same engine of it, take turns.

    The choice is kept in the user's cache, by the model, the shapes, the machine, and the versions of all runtimes and
    of this tool; a second call takes it from there.

    Args:
        model: a name or the path of an ONNX file.
        batches: as for a profile.
        options: of the profile; its backend, precision, recipe and optimize are those of the winner.
        contest_options: how to choose.
        progress: told what was chosen, and why.

    Raises:
        BackendRefusal: nothing that runs the model here is within the tolerance.
        AlexnetBenchError: as `contest` and `profile_set`.
    """
    check_options(options, batches)
    budgets_of(options)  # a device that is not known is said before minutes of a contest
    cases = [choose(model, batch=batch, options=contest_options, progress=progress).cases[0] for batch in batches]
    winners = [_winner(case) for case in cases]
    profiles: dict[int, Profile] = {}
    for together in _of_one_winner(winners):
        for at in together:
            progress(describe(cases[at], winners[at]))
        winner = winners[together[0]]
        chosen = replace(options, backend=winner.backend, precision=winner.precision, recipe=None, optimize=None)
        found = profile_set(model, batches=[batches[at] for at in together], options=chosen, progress=progress)
        profiles |= zip(together, found.profiles, strict=True)
    return ProfileSet(tuple(profiles[at] for at in range(len(batches))))


def _of_one_winner(winners: Sequence[Entry]) -> Iterable[list[int]]:
    """The places of the winners, those together that are the same with the same engine.

    An engine for several batches is not the one that was tried for each of them.
    """
    same: dict[tuple[str, str | None, str | None], list[int]] = {}
    for at, winner in enumerate(winners):
        same.setdefault((winner.backend, winner.precision, winner.passport_key), []).append(at)
    return same.values()


def choose(model: str | Path, *, batch: int | None, options: ContestOptions, progress: Progress) -> Contest:
    """The contest that was held before under the same conditions, else one that is held now and kept.

    Raises:
        AlexnetBenchError: as `contest`.
    """
    check(model, (batch,), options)
    found = _kept(_place(model, batch, options))
    if found is not None:
        progress(f"the choice was made {found.environment.described.get('date')}, and is taken from the cache")
        return found
    return hold(model, batches=(batch,), options=options, progress=progress)


def hold(model: str | Path, *, batches: Sequence[int | None], options: ContestOptions, progress: Progress) -> Contest:
    """A contest that is held in any case; each of its cases takes the place of a choice that was kept.

    One that an entry fell out of for a reason that may be gone the next time is not kept, and progress says so.

    Raises:
        AlexnetBenchError: as `contest`.
    """
    found = contest(model, batches=batches, options=options, progress=progress)
    for batch, case in zip(batches, found.cases, strict=True):
        fell_out = [entry for entry in case.entries if entry.transient]
        if not fell_out:
            _keep(replace(found, cases=(case,)), _place(model, batch, options))
        for entry in fell_out:
            progress(f"batch {case.batch}: {entry.backend}, {_how(entry)}: left out this time: {entry.refused}")
    return found


def describe(case: ContestCase, winner: Entry) -> str:
    """What was chosen and why, on one line."""
    how = _how(winner)
    if winner.latency is None or winner.error is None:  # no winner is without
        return f"batch {case.batch}: {winner.backend}, {how}"
    ratio = winner.latency.ratio
    against = "" if ratio is None or ratio == 1.0 else f", {digits(ratio)} of the time of {STOCK} as given"
    error = f"error {winner.error.error or 0.0:.1e} of {winner.error.tolerance:.0e}"
    return f"batch {case.batch}: {winner.backend}, {how}: {quantity(winner.latency.median_s, 's')}{against}, {error}"


def _how(entry: Entry) -> str:
    return f"engine in {entry.precision}" if entry.precision else "the model as given"


def _keep(found: Contest, path: Path) -> None:
    """Writes a contest into the cache; one that cannot be written costs time, and nothing else."""
    with contextlib.suppress(OSError, OutputError):
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_bytes(path, encode(found))


def _winner(case: ContestCase) -> Entry:
    if case.judges_nothing:
        error = next(entry.error for entry in case.entries if entry.error is not None)
        raise BackendRefusal(
            f"batch {case.batch}: the fastest cannot be named, as nothing can be said of the error of any that ran: "
            f"{'; '.join(error.reasons)}",
            "profile MODEL --backend all shows how long each takes; a model without random numbers can be judged",
        )
    if case.winner is None:
        raise BackendRefusal(
            f"batch {case.batch}: nothing that runs the model here is within the tolerance",
            "profile MODEL --backend all shows every error and every reason; --tolerance allows more",
        )
    return case.winner


def _kept(path: Path) -> Contest | None:
    try:
        found = decode(path.read_bytes())
    except (OSError, UsageError):  # not there, damaged, or of another version
        return None
    return found if isinstance(found, Contest) and found.cases else None


def _place(model: str | Path, batch: int | None, options: ContestOptions) -> Path:
    """The file of a choice, named after all that it depends on; not after how long was measured."""
    depends_on = {
        "model": model_hash(resolve(model).path, memo_folder()).sha256,
        "batch": batch,
        "shapes": {name: list(sizes) for name, sizes in (options.shapes or {}).items()},
        "threads": (options.threads, usable_cores()),  # a recipe's own hold where none are asked for
        "tolerance": options.tolerance,
        "entries": [_conditions(planned) for planned in plan(options.backends, options.precisions)],
        "versions": (__version__, CONTEST_VERSION, metadata.version("onnx")),
    }
    key = hashlib.sha256(msgspec.json.encode(depends_on, order="deterministic")).hexdigest()
    return contests_cache() / f"{key}.json"


def _conditions(planned: Planned) -> Mapping[str, object]:
    """What an entry depends on: the runtime, the device, and the recipe of its engine."""
    here: dict[str, object] = {
        "backend": planned.backend.name,
        "version": planned.version,
        "precision": planned.precision,
        "missing": planned.missing,
    }
    if planned.missing:
        return here
    here["device"] = this_place(planned.backend.name, planned.version).device
    if planned.precision is not None:
        options = BuildOptions(backend=planned.backend.name, precision=planned.precision)
        try:
            here["recipe"] = as_document(choose_recipe(options)[0])
        except AlexnetBenchError as error:
            here["recipe"] = error.message
    return here
