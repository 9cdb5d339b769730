"""`alexnet-bench build-engine`: a recipe and a model give an engine with its passport, or the one in the cache."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from alexnet_bench.core.errors import EngineError, ModelError, UsageError
from alexnet_bench.core.passport import Passport, encode_passport, read_passport
from alexnet_bench.core.text import plural, printable
from alexnet_bench.core.uses import in_use
from alexnet_bench.core.workspace import engines_root, memo_folder
from alexnet_bench.engine import cache, judging, loading
from alexnet_bench.engine.hashes import Hashed, model_hash
from alexnet_bench.engine.key import Place, engine_key, this_place
from alexnet_bench.engine.recipe import Recipe, as_document
from alexnet_bench.engine.settings import plain_settings
from alexnet_bench.engine.sizes import check_inputs, has_open_batch, settled, with_open_sizes
from alexnet_bench.graph.onnx_io import open_model
from alexnet_bench.workflows.engines.choose_recipe import choose_recipe
from alexnet_bench.workflows.engines.copy import check_other, check_suffix, check_target, copy_out
from alexnet_bench.workflows.engines.options import BuildOptions
from alexnet_bench.workflows.engines.passports import Made, passport_of
from alexnet_bench.workflows.engines.steps import make
from alexnet_bench.workflows.options import DEFAULT_MODEL, Progress, check_timeout, silent
from alexnet_bench.workflows.resolve import ResolvedModel, check_input_names, resolve
from alexnet_bench.workflows.tuning.check import check_tuning

if TYPE_CHECKING:
    from alexnet_bench.core.builds import Builds

_MOST_BUILDS = 32


@dataclass(frozen=True)
class _Job:
    """One build, with all that its key depends on."""

    key: str
    model: ResolvedModel
    hashed: Hashed
    recipe: Recipe
    place: Place
    timeout_s: float | None


@in_use()
def build_engine(
    model: str | Path = DEFAULT_MODEL,
    *,
    options: BuildOptions | None = None,
    output: str | Path | None = None,
    progress: Progress = silent,
) -> Passport:
    """Builds an engine, or finds it in the cache.

    The cache promises that equal inputs are built once, by one process at a time, and that a build that was killed
    leaves nothing that could be taken for an engine.

    Args:
        model: a name that `alexnet-bench models` lists, or the path of an ONNX file.
        options: recipe, backend, precision, shapes.
        output: a file that the engine is copied to, its passport beside it as FILE.passport.json.
        progress: told what is done next.

    Returns:
        the passport, with the engine's `path`, and `cache_hit`.

    Raises:
        PrecisionError: the engine computes in another type than it was asked to.
        AlexnetBenchError: its subclass says what is wrong with the model, the recipe or the machine.
    """
    chosen = options or BuildOptions()
    check_timeout(chosen.timeout_s)
    if not 1 <= chosen.builds <= _MOST_BUILDS:
        raise UsageError(f"{chosen.builds} builds cannot be compared", f"give --builds a number up to {_MOST_BUILDS}")
    target = None if output is None else check_target(Path(output))
    job = _job(model, chosen, progress)
    if target is not None:
        check_suffix(target, job.recipe.backend)
        check_other(target, job.model.path)
    if chosen.tune_s is not None:
        check_tuning(job.recipe, chosen.tune_s)
    passport = _obtain(job, rebuild=chosen.rebuild, progress=progress)
    if chosen.builds != 1:
        passport = replace(passport, builds=_compared(job, passport, chosen.builds, progress))
    if chosen.tune_s is not None:
        passport = _tuned(job, passport, chosen.tune_s, progress)
    return passport if target is None else copy_out(passport, target)


def _job(model: str | Path, options: BuildOptions, progress: Progress) -> _Job:
    def leads_open(name: str) -> bool:
        return has_open_batch(open_model(resolve(model, progress).path).proto.graph, name)

    chosen, version = choose_recipe(options, leads_open=leads_open)
    settings = plain_settings(chosen)
    resolved = resolve(model, progress)
    ranged = {name: None for ranges in options.profiles for name in ranges}
    if ranged:
        check_input_names(resolved.path, ranged)
    if options.recipe is not None:
        given = {*(options.shapes or {}), *ranged}
        check_inputs(chosen, resolved.path, file=options.recipe, given=given)
    recipe = with_open_sizes(chosen, resolved.path)
    hashed = model_hash(resolved.path, memo_folder())
    place = this_place(recipe.backend, version)
    plain = settled(msgspec.structs.replace(recipe, settings=settings), resolved.path)
    key = engine_key(hashed.sha256, plain, place)
    return _Job(key, resolved, hashed, recipe, place, options.timeout_s)


def _obtain(job: _Job, *, rebuild: bool, progress: Progress) -> Passport:
    root = engines_root()

    def waiting() -> None:
        progress("another process is building this engine, and is waited for")

    def fill(folder: Path) -> None:
        _fill(job, folder, progress)

    folder, hit = cache.obtain(root, job.key, fill, rebuild=rebuild, waiting=waiting)
    try:
        passport = _checked(job, folder, hit)
    except EngineError as error:
        if not hit:
            raise
        progress(f"the engine in the cache is damaged, and built again: {error.message}")
        passport = _checked(job, *cache.obtain(root, job.key, fill, rebuild=True, waiting=waiting))
    if not passport.cache_hit:
        for gone in cache.prune(root, cache.DEFAULT_MAX_BYTES, keep=job.key):
            progress(f"engine {gone.key[:12]} was used longest ago, and is removed from the cache")
    return passport


def _checked(job: _Job, folder: Path, hit: bool) -> Passport:
    """The passport of an engine in the cache. Raises EngineError where either is damaged."""
    file = loading.engine_in(folder)
    passport = replace(
        read_passport(folder / cache.PASSPORT_FILE),
        path=str(file.resolve()),
        cache_hit=hit,
        recipe=as_document(job.recipe),
        tuning=None,  # only whoever asks for it, or names the engine, gets it tuned
    )
    judging.check_whole(loading.Engine(file, passport), memo_folder())
    return passport


def _tuned(job: _Job, passport: Passport, seconds: float, progress: Progress) -> Passport:
    from alexnet_bench.workflows.tuning.tune import tune

    folder = engines_root() / job.key
    return tune(passport, folder, job.model, job.recipe, seconds=seconds, timeout_s=job.timeout_s, progress=progress)


def _compared(job: _Job, passport: Passport, number: int, progress: Progress) -> Builds:
    from alexnet_bench.workflows.engines.builds import compare_builds

    return compare_builds(passport, job.model, job.recipe, number, timeout_s=job.timeout_s, progress=progress)


def _fill(job: _Job, folder: Path, progress: Progress) -> None:
    begun = time.perf_counter()
    built = make(job.model, job.recipe, job.key, folder, timeout_s=job.timeout_s, progress=progress)
    if model_hash(job.model.path, memo_folder()).sha256 != job.hashed.sha256:
        raise ModelError(f"{printable(str(job.model.path), 1000)} changed while it was read", "run the command again")
    made = Made(job.key, job.hashed.sha256, job.recipe, job.place, time.perf_counter() - begun)
    passport = passport_of(made, built, engines_root() / job.key)
    (folder / cache.PASSPORT_FILE).write_bytes(encode_passport(passport))
    for change in built.written.changes[:20]:
        progress(change)
    if built.unattributed:
        progress(f"{plural(len(built.unattributed), 'node')} of the model without a layer of the engine")
