"""`alexnet-bench profile`: a model counted, run, timed by layer, and set against its roofs and budgets."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from alexnet_bench.attribution.roofline import ABOVE_ROOF
from alexnet_bench.backends.protocol import Backend, LoadRequest
from alexnet_bench.backends.registry import availability, choose_backend, get_backend
from alexnet_bench.backends.worker import write_arrays
from alexnet_bench.core.devices import Budget, parse_budget
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.machine import usable_cores
from alexnet_bench.core.profile import Ceilings, Profile, ProfileSet
from alexnet_bench.core.text import printable
from alexnet_bench.core.workspace import cache_dir, find_workspace
from alexnet_bench.graph import external
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.onnx_io import ModelFile, build_graph, named_copy, open_model, weights_sha256
from alexnet_bench.measure import environment
from alexnet_bench.measure.ceilings import measured_ceilings
from alexnet_bench.measure.inputs import generate
from alexnet_bench.measure.latency import PROCESSES, LatencyCase, measure_latency
from alexnet_bench.measure.layer_run import measure_layers
from alexnet_bench.workflows import limits
from alexnet_bench.workflows.assemble import Counted, EngineGraph, Measured, measured_profile, static_profile
from alexnet_bench.workflows.build_steps import load_request
from alexnet_bench.workflows.ceilings import check_threads
from alexnet_bench.workflows.engine_subject import EngineInUse, build_for, given_engine
from alexnet_bench.workflows.resolve import ResolvedModel, resolve

DEFAULT_MODEL = "alexnet-2012"
DEFAULT_BUDGETS = ("gtx-580:2",)
DEFAULT_SECONDS = 3.0
_MAX_SECONDS = 3600

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """How to profile.

    Attributes:
        backend: name in the registry, None for the first that works here.
        shapes: sizes by input name.
        threads: None takes the physical cores that this process may use.
        seconds: timed seconds for each case; warming up and layer times come on top.
        budgets: devices to compare with, as NAME:COUNT; the first also gives each layer's predicted time.
        seed: of generated inputs.
        static: count only.
        processes: fresh processes that the timed seconds are spread over.
        recipe: builds an engine by it, and profiles that; name of a recipe or path of its file.
        precision: likewise, with the usual recipe of the backend for "fp32", "fp16" or "bf16".
        optimize: likewise: whether to apply the passes that make a graph faster.
        timeout_s: how long the runtime may take to load the model, and for each forward pass, before it is ended; None
            takes ten minutes to load, and what the counted work allows for a pass.
    """

    backend: str | None = None
    shapes: Mapping[str, Sequence[int]] | None = None
    threads: int | None = None
    seconds: float = DEFAULT_SECONDS
    budgets: tuple[str, ...] = DEFAULT_BUDGETS
    seed: int = 0
    static: bool = False
    processes: int = PROCESSES
    recipe: str | None = None
    precision: str | None = None
    optimize: bool | None = None
    timeout_s: float | None = None

    @property
    def wants_engine(self) -> bool:
        """Whether an engine is to be built first."""
        return (self.recipe, self.precision, self.optimize) != (None, None, None)


def _silent(_: str) -> None:
    """Progress for callers that show none."""


def profile(
    model: str | Path = DEFAULT_MODEL,
    *,
    batch: int | None = None,
    options: Options | None = None,
    progress: Progress = _silent,
) -> Profile:
    """Profiles one model at one batch size.

    Args:
        model: a name that `alexnet-bench models` lists, or the path of an ONNX file.
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
    progress: Progress = _silent,
) -> ProfileSet:
    """As `profile`, for several batch sizes; their timed runs are interleaved.

    Raises:
        AlexnetBenchError: as `profile`.
    """
    chosen = options or Options()
    _check(chosen, batches)
    budgets = tuple(parse_budget(text, find_workspace(Path.cwd())) for text in chosen.budgets)
    if chosen.backend is not None:
        get_backend(chosen.backend)  # a name that is not known is wrong even where nothing is run
    if chosen.static:
        resolved = resolve(model)
        progress(f"reading {model}")
        file = open_model(resolved.path)
        here = environment.describe(backend=None, backend_version=None, threads=None)
        counted = [_count_case(file, resolved, chosen, batch) for batch in batches]
        return ProfileSet(tuple(static_profile(case, budgets, here) for case in counted))
    subject = _subject(model, chosen, progress)
    cases = [_count_subject(subject, chosen, batch) for batch in batches]
    backend = subject.backend
    with tempfile.TemporaryDirectory(prefix="alexnet-bench-") as scratch:
        runs = _run(subject, cases, chosen, Path(scratch), progress)
    profiles = _assemble(cases, runs, budgets)
    if any(map(_above_compute_roof, profiles)):
        progress("layers are faster than the ceilings of this machine, which are measured again")
        ceilings = _ceilings(backend.name, runs[0].threads, refresh=True)
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


def _check(options: Options, batches: Sequence[int | None]) -> None:
    if not batches or any(batch is not None and batch < 1 for batch in batches):
        raise UsageError("a batch is a whole number from 1", "for example --batch 1,8,32")
    if not 0 < options.seconds <= _MAX_SECONDS:
        raise UsageError(
            f"{options.seconds:g} s is no time to measure for", f"give --seconds above 0, up to {_MAX_SECONDS}"
        )
    check_threads(options.threads)
    limits.check_timeout(options.timeout_s)
    if options.seed < 0:
        raise UsageError(f"the seed {options.seed} is negative", "give --seed from 0")
    if options.static and options.wants_engine:
        raise UsageError("--static counts the model as it is, and builds no engine", "leave --static out")
    if options.processes < 1:
        raise UsageError("at least one process has to measure", "give processes from 1")


def _count_case(file: ModelFile, resolved: ResolvedModel, options: Options, batch: int | None) -> Counted:
    graph = build_graph(file, name=resolved.name, batch=batch, given_shapes=options.shapes)
    sizes = graph.tensor(graph.inputs[0]).sizes if graph.inputs else None
    return Counted(
        graph, count(graph), batch or (sizes[0] if sizes and sizes[0] > 0 else 1), resolved.whole_on_one_card
    )


def _count_subject(subject: _Subject, options: Options, batch: int | None) -> Counted:
    case = _count_case(subject.file, subject.model, options, batch)
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
