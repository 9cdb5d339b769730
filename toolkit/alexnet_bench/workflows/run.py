"""A model, or an engine of it, run and profiled."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from alexnet_bench.attribution.roofline import ABOVE_ROOF
from alexnet_bench.backends.protocol import Backend, LoadRequest
from alexnet_bench.backends.registry import availability, choose_backend, get_backend
from alexnet_bench.backends.worker import write_arrays
from alexnet_bench.core.devices import Budget
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.machine import usable_cores
from alexnet_bench.core.profile import Ceilings, Profile, ProfileSet
from alexnet_bench.core.text import printable
from alexnet_bench.core.workspace import cache_dir
from alexnet_bench.graph import external
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.onnx_io import ModelFile, build_graph, named_copy, open_model, weights_sha256
from alexnet_bench.measure import environment
from alexnet_bench.measure.ceilings import measured_ceilings
from alexnet_bench.measure.inputs import generate
from alexnet_bench.measure.latency import LatencyCase, measure_latency
from alexnet_bench.measure.layer_run import measure_layers
from alexnet_bench.workflows import limits
from alexnet_bench.workflows.assemble import Measured, measured_profile
from alexnet_bench.workflows.build_steps import load_request
from alexnet_bench.workflows.counted import Counted, EngineGraph, count_case
from alexnet_bench.workflows.engine_subject import EngineInUse, build_for, given_engine
from alexnet_bench.workflows.options import Options, Progress
from alexnet_bench.workflows.resolve import ResolvedModel, resolve


def run(
    model: str | Path,
    *,
    batches: Sequence[int | None],
    options: Options,
    budgets: Sequence[Budget],
    progress: Progress,
) -> ProfileSet:
    """Runs a model, or the engine that is asked for, and profiles it.

    Args:
        model: a name, the path of a model, or of an engine.
        batches: sizes of a lone symbolic first dimension; their timed runs are interleaved.
        options: checked before.
        budgets: devices to compare with.
        progress: told what is done next.

    Raises:
        AlexnetBenchError: its subclass says what is wrong with the model, the options or the machine.
    """
    subject = _subject(model, options, progress)
    cases = [_count_subject(subject, options, batch) for batch in batches]
    with tempfile.TemporaryDirectory(prefix="alexnet-bench-") as scratch:
        runs = _run(subject, cases, options, Path(scratch), progress)
    profiles = _assemble(cases, runs, budgets)
    if any(map(_above_compute_roof, profiles)):
        progress("layers are faster than the ceilings of this machine, which are measured again")
        ceilings = _ceilings(subject.backend.name, runs[0].threads, refresh=True)
        profiles = _assemble(cases, [replace(run, ceilings=ceilings) for run in runs], budgets)
    return ProfileSet(profiles)


@dataclass(frozen=True)
class _Subject:
    """What is profiled: the user's model, and what is run for it.

    Attributes:
        model: the user's.
        file: of the model.
        backend: that runs it.
        engine: that was built from it, or is the model itself; None when the model runs as it is.
        run: the file that the backend loads.
    """

    model: ResolvedModel
    file: ModelFile
    backend: Backend
    engine: EngineInUse | None
    run: ModelFile


def _subject(model: str | Path, options: Options, progress: Progress) -> _Subject:
    given = given_engine(str(model), backend=options.backend)
    if given is not None:
        if options.wants_engine:
            raise UsageError(
                f"{printable(str(model), 200)} is an engine already", "leave --recipe, --precision and --optimize out"
            )
        engine, resolved = given
        file = open_model(resolved.path)
        return _Subject(resolved, file, get_backend(engine.recipe.backend), engine, file)
    backend = choose_backend(options.backend)
    progress(f"reading {model}")
    resolved = resolve(model)
    file = open_model(resolved.path)
    if not options.wants_engine:
        if options.backend is None:
            progress(f"backend {backend.name} {availability(backend).version}, the first that works here")
        return _Subject(resolved, file, backend, None, file)
    built = build_for(
        model,
        backend=options.backend,
        recipe=options.recipe,
        precision=options.precision,
        optimize=options.optimize,
        timeout_s=options.timeout_s,
        progress=progress,
    )
    return _Subject(resolved, file, get_backend(built.recipe.backend), built, open_model(built.file))


def _assemble(cases: Sequence[Counted], runs: Sequence[Measured], budgets: Sequence[Budget]) -> tuple[Profile, ...]:
    profiles = []
    for case, run in zip(cases, runs, strict=True):
        version = run.latency.loaded.backend_version
        here = environment.describe(backend=run.backend, backend_version=version, threads=run.threads)
        profiles.append(measured_profile(case, run, budgets, here))
    return tuple(profiles)


def _above_compute_roof(profile: Profile) -> bool:
    """Whether the arithmetic ceiling must be wrong: measured on a busy machine, and kept."""
    return any(layer.bound == "compute" and (layer.fraction_of_ceiling or 0.0) > ABOVE_ROOF for layer in profile.layers)


def _count_subject(subject: _Subject, options: Options, batch: int | None) -> Counted:
    case = count_case(subject.file, subject.model, batch, options.shapes)
    if subject.engine is None:
        return case
    graph = build_graph(subject.run, name=subject.model.name, batch=batch, given_shapes=options.shapes)
    return replace(case, engine=EngineGraph(graph, count(graph), subject.engine.passport))


def _run(
    subject: _Subject, cases: Sequence[Counted], options: Options, scratch: Path, progress: Progress
) -> list[Measured]:
    external.check_present(subject.file.path, subject.file.proto)
    limits.check_functions(subject.file)
    for case in cases:
        limits.check_memory(case.costs, case.batch)
    threads = options.threads or usable_cores()
    to_run = [
        LatencyCase(
            _request(subject, case, threads),
            _write_inputs(case, subject.model, options.seed, scratch / str(index)),
            limits.deadlines(case.costs, options.timeout_s),
        )
        for index, case in enumerate(cases)
    ]
    latencies = measure_latency(to_run, seconds=options.seconds, processes=options.processes, progress=progress)
    progress("layer times")
    named = named_copy(subject.run)
    times = [
        measure_layers(case, counted.run_graph, seconds=options.seconds / 3, named_model=named)
        for case, counted in zip(to_run, cases, strict=True)
    ]
    progress("ceilings of this machine")
    ceilings = _ceilings(subject.backend.name, threads)
    weights = weights_sha256(subject.file)
    return [
        Measured(subject.backend.name, latency, layer_times, ceilings, threads, options.seed, weights)
        for latency, layer_times in zip(latencies, times, strict=True)
    ]


def _request(subject: _Subject, case: Counted, threads: int) -> LoadRequest:
    if subject.engine is not None:
        return load_request(subject.engine.recipe, subject.engine.file, case.graph, threads)
    path = str(subject.model.path.resolve())
    return LoadRequest(subject.backend.name, path, threads, shapes=_input_shapes(case))


def _ceilings(backend: str, threads: int, *, refresh: bool = False) -> Ceilings:
    version = availability(get_backend(backend)).version
    return measured_ceilings(backend, version, threads, cache=cache_dir() / "ceilings", refresh=refresh)


def _input_shapes(case: Counted) -> dict[str, tuple[int, ...]]:
    """The sizes of the case by input name, where all of them are known."""
    sizes = {name: case.graph.tensor(name).sizes for name in case.graph.inputs}
    return {name: size for name, size in sizes.items() if size is not None}


def _write_inputs(case: Counted, resolved: ResolvedModel, seed: int, folder: Path) -> Path:
    folder.mkdir()
    write_arrays(folder, generate(case.graph, seed=seed, pixel_range=resolved.pixel_range))
    return folder
