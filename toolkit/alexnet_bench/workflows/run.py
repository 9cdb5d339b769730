"""A model, or an engine of it, run and profiled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from alexnet_bench.backends.protocol import Backend, LoadRequest
from alexnet_bench.backends.registry import BACKENDS, availability, choose_backend, get_backend, settings_of
from alexnet_bench.backends.settings import chosen
from alexnet_bench.backends.tunable import THREADS
from alexnet_bench.core.devices import Budget
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.file_states import FileState, states_of
from alexnet_bench.core.machine import usable_cores
from alexnet_bench.core.profile import Profile, ProfileSet
from alexnet_bench.core.scratch import ScratchFolder
from alexnet_bench.core.text import printable
from alexnet_bench.core.threads import check_threads
from alexnet_bench.engine.loading import graph_file, is_plan
from alexnet_bench.engine.sizes import by_input, usual_sizes
from alexnet_bench.graph import external
from alexnet_bench.graph.convert import required_inputs
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.model_bytes import named_copy, weights_sha256
from alexnet_bench.graph.onnx_io import ModelFile, build_graph, open_model
from alexnet_bench.measure.latency import LatencyCase
from alexnet_bench.verdict.input_files import Feeds
from alexnet_bench.workflows import cautions, limits
from alexnet_bench.workflows.assemble import Measured, measured_profile
from alexnet_bench.workflows.counted import Counted, EngineGraph, count_case
from alexnet_bench.workflows.engines.choose_recipe import choose_recipe
from alexnet_bench.workflows.engines.options import BuildOptions
from alexnet_bench.workflows.engines.steps import load_request
from alexnet_bench.workflows.engines.subject import EngineInUse, build_for, given_engine
from alexnet_bench.workflows.given_inputs import read_given, with_sizes, write_inputs
from alexnet_bench.workflows.measuring import Prepared, here, measure, profiled
from alexnet_bench.workflows.options import Options, Progress, check_builds_none
from alexnet_bench.workflows.resolve import ResolvedModel, resolve
from alexnet_bench.workflows.seen import counted_as_run, told_apart


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
    subject = _subject(model, options, batches, progress)
    options = with_sizes(options, subject.given)
    cases = [_count_subject(subject, options, batch) for batch in batches]
    with ScratchFolder() as scratch:
        runs = _run(subject, cases, options, Path(scratch), progress)
    if subject.engine is None:
        cases = [
            counted_as_run(case, subject.file, run.times.seen, batch=batch, shapes=options.shapes)
            for case, run, batch in zip(cases, runs, batches, strict=True)
        ]
    cases = [told_apart(case, run.times.seen) for case, run in zip(cases, runs, strict=True)]
    return profiled(runs, lambda found: _assemble(cases, found, budgets), progress)


@dataclass(frozen=True)
class _Subject:
    """What is profiled: the user's model, and what is run for it.

    Attributes:
        model: the user's.
        file: of the model.
        backend: that runs it.
        engine: that was built from it, or is the model itself; None when the model runs as it is.
        run: the file that the backend loads, or its graph.
        states: of the files that the backend loads.
        given: inputs of the user's to run on; None where they are generated.
    """

    model: ResolvedModel
    file: ModelFile
    backend: Backend
    engine: EngineInUse | None
    run: ModelFile
    states: tuple[FileState, ...]
    given: Feeds | None

    @property
    def is_plan(self) -> bool:
        """Whether the engine is in the format of its runtime, and `run` its graph alone, without weights."""
        return self.engine is not None and is_plan(self.engine.file)


def _subject(model: str | Path, options: Options, batches: Sequence[int | None], progress: Progress) -> _Subject:
    given = given_engine(str(model), backend=options.backend)
    if given is not None:
        check_builds_none(options, model)
        engine, resolved = given
        _check_device_api(options, get_backend(engine.recipe.backend))
        if engine.tuned:
            progress(engine.tuned)
        file = open_model(resolved.path)
        inputs = read_given(options, required_inputs(file.proto.graph))
        states = (*file.states, *states_of([engine.file]))
        return _Subject(resolved, file, get_backend(engine.recipe.backend), engine, file, states, inputs)
    backend = choose_backend(options.backend)
    progress(f"reading {model}")
    resolved = resolve(model, progress)
    file = open_model(resolved.path)
    inputs = read_given(options, required_inputs(file.proto.graph))
    if not (options.wants_engine or backend.planner):  # those run nothing but engines
        _check_device_api(options, backend)
        _check_settings(options, backend)
        if options.backend is None:
            progress(f"backend {backend.name} {availability(backend).version}, the first that works here")
        return _Subject(resolved, file, backend, None, file, file.states, inputs)
    if options.device_api is not None:
        _check_device_api(options, _builder(options))
    built = build_for(
        model,
        backend=options.backend,
        recipe=options.recipe,
        precision=options.precision,
        optimize=options.optimize,
        settings=options.settings,
        timeout_s=options.timeout_s,
        progress=progress,
        batches=batches,
        shapes=with_sizes(options, inputs).shapes,
    )
    graph = open_model(graph_file(built.file))
    states = (*graph.states, *states_of([built.file]))
    return _Subject(resolved, file, get_backend(built.recipe.backend), built, graph, states, inputs)


def _builder(options: Options) -> Backend:
    """The backend of the engine that the options ask for, which a recipe may name."""
    asked = BuildOptions(
        recipe=options.recipe, backend=options.backend, precision=options.precision, optimize=options.optimize
    )
    return get_backend(choose_recipe(asked)[0].backend)


def _assemble(cases: Sequence[Counted], runs: Sequence[Measured], budgets: Sequence[Budget]) -> tuple[Profile, ...]:
    return tuple(measured_profile(case, run, budgets, here(run)) for case, run in zip(cases, runs, strict=True))


def _count_subject(subject: _Subject, options: Options, batch: int | None) -> Counted:
    if subject.engine is None:
        return count_case(subject.file, subject.model, batch, options.shapes)
    sizes = by_input(subject.engine.recipe, subject.run.path)
    given = usual_sizes(subject.file.proto.graph, sizes, options.shapes or {}, batch)
    case = count_case(subject.file, subject.model, batch, given)
    graph = build_graph(subject.run, name=subject.model.name, batch=batch, given_shapes=given)
    beyond = not subject.is_plan and all(ranges.outside(graph.input_sizes) for ranges in sizes)
    said = (cautions.of_range("; ".join(map(str, sizes))),) if beyond else ()
    engine = EngineGraph(graph, count(graph), subject.engine.passport)
    return replace(case, engine=engine, cautions=(*case.cautions, *said))


def _run(
    subject: _Subject,
    cases: Sequence[Counted],
    options: Options,
    scratch: Path,
    progress: Progress,
) -> list[Measured]:
    has_weights = not (subject.is_plan and subject.file is subject.run)
    if has_weights:
        external.check_present(subject.file.path, subject.file.data_files)
    limits.check_functions(subject.file)
    for case in cases:
        limits.check_memory(case.costs, case.batch)
    threads = options.threads or (subject.engine and subject.engine.recipe.threads) or usable_cores()
    check_threads(threads)
    prepared = [
        Prepared(
            LatencyCase(
                _request(subject, case, threads, options),
                write_inputs(scratch / str(index), case.graph, subject.given, options, subject.model.pixel_range),
                limits.deadlines(case.costs, options.timeout_s),
            ),
            case.run_graph,
        )
        for index, case in enumerate(cases)
    ]
    choose_backend(subject.backend.name)  # what is wrong with an engine or its sizes comes before what is missing here
    return measure(
        prepared,
        options=options,
        named_model=lambda: None if subject.is_plan else named_copy(subject.run),
        weights_sha256=lambda: weights_sha256(subject.file) if has_weights else None,
        progress=progress,
    )


def _check_device_api(options: Options, backend: Backend) -> None:
    """Raises UsageError where a package for a device is named, and the backend does not ask for any."""
    if options.device_api is not None and not backend.planner:
        having = " and ".join(item.name for item in BACKENDS if item.planner)
        raise UsageError(
            f"--{options.device_api} is for {having}, and {backend.name} manages its own memory",
            f"leave it out, or name another --backend than {backend.name}",
        )


def _check_settings(options: Options, backend: Backend) -> None:
    """Raises UsageError for settings that a model cannot be run with as it is."""
    given = options.settings or {}
    if THREADS in given:
        raise UsageError(f"--set {THREADS} is a setting of engines", f"give --{THREADS} {printable(given[THREADS])}")
    chosen(backend.name, settings_of(backend), given)


def _request(subject: _Subject, case: Counted, threads: int, options: Options) -> LoadRequest:
    if subject.engine is not None:
        request = load_request(subject.engine.recipe, subject.engine.file, case.graph, threads)
    else:
        path, shapes = str(subject.model.path.resolve()), _input_shapes(case)
        request = LoadRequest(subject.backend.name, path, threads, settings=dict(options.settings or {}), shapes=shapes)
    return replace(request, settings=request.settings | options.run_settings, files=subject.states)


def _input_shapes(case: Counted) -> dict[str, tuple[int, ...]]:
    """The sizes of the case by input name, where all of them are known."""
    sizes = {name: case.graph.tensor(name).sizes for name in case.graph.inputs}
    return {name: size for name, size in sizes.items() if size is not None}
