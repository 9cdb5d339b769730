"""`build-engine --builds`: one engine built several times, and what differs between the builds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import msgspec

from alexnet_bench.backends.registry import availability, get_backend
from alexnet_bench.core.builds import BuildResult, Builds
from alexnet_bench.core.passport import EngineLayerInfo, Passport
from alexnet_bench.core.scratch import ScratchFolder
from alexnet_bench.engine.differences import differing_layers
from alexnet_bench.engine.hashes import engine_hash
from alexnet_bench.engine.loading import engine_files
from alexnet_bench.engine.recipe import Recipe
from alexnet_bench.measure.latency import LatencyCase, measure_latency
from alexnet_bench.workflows.engines.sized import at_usual_sizes
from alexnet_bench.workflows.engines.steps import load_request, make
from alexnet_bench.workflows.resolve import ResolvedModel

_SECONDS, _PROCESSES = 1.5, 3
_NO_TIMINGS = {"timing_cache": "off"}
"""So that kernels are chosen anew; with the timings of the build before, the choice would be the same."""


@dataclass(frozen=True)
class _Build:
    """An engine, with what was read back of it."""

    file: Path
    size_bytes: int
    engine_sha256: str
    build_s: float
    layers: tuple[EngineLayerInfo, ...]


def compare_builds(
    first: Passport,
    model: ResolvedModel,
    recipe: Recipe,
    number: int,
    *,
    timeout_s: float | None,
    progress: Callable[[str], None],
) -> Builds:
    """Builds an engine again, each time in a fresh worker, and holds the builds against the first.

    Only the first stays. Builds after it choose their kernels without kept timings.

    Args:
        first: of the engine in the cache.
        model: that it was built from.
        recipe: that it was built by.
        number: of builds, the first among them.
        timeout_s: for each load and run.
        progress: told what is done next.

    Raises:
        AlexnetBenchError: as the build itself.
    """
    again = recipe
    if get_backend(recipe.backend).planner:
        again = msgspec.structs.replace(recipe, settings=recipe.settings | _NO_TIMINGS)
    with ScratchFolder() as scratch:
        builds = [_Build(Path(first.path), first.size_bytes, first.engine_sha256, first.build_s, first.layers)]
        for at in range(1, number):
            progress(f"build {at + 1} of {number}")
            builds.append(_build(model, again, first.key, Path(scratch) / str(at), timeout_s, progress))
        here = availability(get_backend(recipe.backend))
        not_run = "" if here.works else here.reason
        times = [] if not_run else _latencies(builds, model, recipe, Path(scratch), timeout_s, progress)
    results = [_result(build, builds[0]) for build in builds]
    if times:
        results = [
            replace(result, samples_s=samples, median_s=median(sample for process in samples for sample in process))
            for result, samples in zip(results, times, strict=True)
        ]
    return Builds(tuple(results), differing_layers([build.layers for build in builds]), first.cache_hit, not_run)


def _build(
    model: ResolvedModel,
    recipe: Recipe,
    key: str,
    folder: Path,
    timeout_s: float | None,
    progress: Callable[[str], None],
) -> _Build:
    folder.mkdir()
    begun = time.perf_counter()
    built = make(model, recipe, key, folder, timeout_s=timeout_s, progress=progress)
    build_s = round(time.perf_counter() - begun, 3)
    files = engine_files(built.written.file, key)
    size_bytes = sum(file.stat().st_size for file in files)
    return _Build(built.written.file, size_bytes, engine_hash(files, None), build_s, built.layers)


def _result(build: _Build, first: _Build) -> BuildResult:
    differing = len(differing_layers([first.layers, build.layers]))
    return BuildResult(build.size_bytes, build.engine_sha256, build.build_s, len(build.layers), differing)


def _latencies(
    builds: Sequence[_Build],
    model: ResolvedModel,
    recipe: Recipe,
    scratch: Path,
    timeout_s: float | None,
    progress: Callable[[str], None],
) -> list[tuple[tuple[float, ...], ...]]:
    """Wall times of each build by process, in rounds of all of them, at the shapes that they are made for."""
    usual, inputs = at_usual_sizes(model, recipe, timeout_s), scratch / "inputs"
    inputs.mkdir()
    usual.write_feeds(inputs)
    request = load_request(recipe, builds[0].file, usual.graph)
    loads = [replace(request, model_path=str(build.file.resolve())) for build in builds]
    cases = [LatencyCase(load, inputs, usual.deadlines) for load in loads]
    runs = measure_latency(cases, seconds=_SECONDS, processes=_PROCESSES, progress=progress)
    return [tuple(run.samples_s) for run in runs]
