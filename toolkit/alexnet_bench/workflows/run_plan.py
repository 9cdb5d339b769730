"""An engine that somebody else built, run and profiled: without a passport, and with or without its model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from alexnet_bench.backends.client import Worker
from alexnet_bench.backends.protocol import Backend, Described, LoadRequest
from alexnet_bench.backends.registry import availability, choose_backend, get_backend
from alexnet_bench.backends.tensorrt.flavour import check_carries_code
from alexnet_bench.backends.tensorrt.plan_header import check_plan, read_plan_header
from alexnet_bench.core.devices import Budget
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.file_states import FileState, states_of
from alexnet_bench.core.graph import Graph, Tensor
from alexnet_bench.core.machine import usable_cores
from alexnet_bench.core.profile import InputInfo, Profile, ProfileSet
from alexnet_bench.core.scratch import ScratchFolder
from alexnet_bench.core.text import printable
from alexnet_bench.graph.binding import declared_shapes
from alexnet_bench.graph.onnx_io import ModelFile, open_model
from alexnet_bench.measure.latency import LatencyCase
from alexnet_bench.verdict.input_files import Feeds
from alexnet_bench.workflows import limits
from alexnet_bench.workflows.assemble import Measured, measured_profile, uncounted_profile
from alexnet_bench.workflows.counted import Counted, count_case
from alexnet_bench.workflows.engines import plan_cautions
from alexnet_bench.workflows.engines.plan_sizes import sizes_to_run
from alexnet_bench.workflows.given_inputs import read_given, with_sizes, write_inputs
from alexnet_bench.workflows.measuring import Prepared, here, measure, profiled
from alexnet_bench.workflows.options import Options, Progress, check_builds_none
from alexnet_bench.workflows.resolve import ResolvedModel, resolve
from alexnet_bench.workflows.uncounted import by_own_names


@dataclass(frozen=True)
class _Case:
    """One set of sizes.

    Attributes:
        fed: the inputs of the engine as a graph: the model's where there is one, else one without nodes.
        batch: images of one forward pass.
        counted: the model with these sizes, None without one.
    """

    fed: Graph
    batch: int
    counted: Counted | None


@dataclass(frozen=True)
class _Foreign:
    """The engine.

    Attributes:
        path: of its file.
        backend: that runs it.
        described: what the runtime says of it.
        model: that it was built from, None when that is not known.
        file: of the model.
        states: of the engine's file, as it was when it was looked at.
    """

    path: Path
    backend: Backend
    described: Described
    model: ResolvedModel | None
    file: ModelFile | None
    states: tuple[FileState, ...]


def run_plan(
    path: Path, *, batches: Sequence[int | None], options: Options, budgets: Sequence[Budget], progress: Progress
) -> ProfileSet:
    """Runs an engine in the format of TensorRT, and profiles it.

    Inputs are made by the names, types and sizes of the engine's own. With `options.model` its layers have the model's
    nodes, by the metadata that TensorRT keeps of them; without it, nothing is counted, and nothing attributed.

    Args:
        path: of the engine.
        batches: sizes of open first axes; their timed runs are interleaved.
        options: checked before.
        budgets: devices to compare with.
        progress: told what is done next.

    Raises:
        EngineError: the engine is cut short, or of another flavour, version or card.
        MissingRuntimeError: its runtime is not installed, or cannot run engines here.
        ShapeError: the engine does not take these sizes.
        AlexnetBenchError: its subclass says what else is wrong.
    """
    engine = _open(path, options, progress)
    given = read_given(options, [item.name for item in engine.described.inputs])
    options = with_sizes(options, given)
    cases = [_case(engine, options, batch) for batch in batches]
    with ScratchFolder() as scratch:
        runs = measure(
            [_prepared(engine, case, options, given, Path(scratch) / str(at)) for at, case in enumerate(cases)],
            options=options,
            named_model=lambda: None,
            weights_sha256=lambda: None,
            progress=progress,
        )
    return profiled(runs, lambda found: _assemble(engine, cases, found, budgets), progress)


def usable_plan(path: Path, backend: str | None) -> Backend:
    """The backend of an engine's file, which may be loaded here by all that its first bytes tell.

    Raises:
        EngineError: it is cut short, or of another flavour or version.
        UsageError: it is for another backend than the one asked for.
        MissingRuntimeError: its runtime is not installed, or cannot run engines here.
    """
    found = get_backend(read_plan_header(path).backend)
    if backend is not None and backend != found.name:
        raise UsageError(
            f"the engine is of {found.name}, and --backend asks for {printable(backend)}", "leave --backend out"
        )
    check_plan(path, found.name, availability(found).version or None)
    return choose_backend(found.name)


def _open(path: Path, options: Options, progress: Progress) -> _Foreign:
    check_builds_none(options, path)
    states = states_of([path])
    backend = usable_plan(path, options.backend)
    if options.host_code:
        check_carries_code(backend.name)
    model = None if options.model is None else resolve(options.model)
    file = None if model is None else open_model(model.path)
    progress("asking the engine what it is")
    with Worker(limits.deadlines(None, options.timeout_s)) as worker:
        described = worker.describe(_request(path, backend, {}, options, states))
    return _Foreign(path, backend, described, model, file, states)


def _case(engine: _Foreign, options: Options, batch: int | None) -> _Case:
    named = None if engine.file is None else declared_shapes(engine.file.proto.graph)
    sizes = sizes_to_run(engine.described.inputs, options.shapes or {}, batch, named)
    tensors = {item.name: Tensor(item.name, item.dtype, sizes[item.name]) for item in engine.described.inputs}
    first = next(iter(sizes.values()), ())
    images = batch or (first[0] if first and first[0] > 0 else 1)
    if engine.model is None or engine.file is None:
        fed = Graph(engine.path.stem, (), tuple(tensors), (), tensors, frozenset(), {}, frozenset(), 0, 0, "")
        return _Case(fed, images, None)
    names = {item.name for item in engine.file.proto.graph.input}
    known = {name: size for name, size in sizes.items() if name in names}
    counted = replace(count_case(engine.file, engine.model, None, known), batch=images)
    fed = replace(counted.graph, inputs=tuple(tensors), tensors={**counted.graph.tensors, **tensors})
    return _Case(fed, images, counted)


def _prepared(engine: _Foreign, case: _Case, options: Options, given: Feeds | None, folder: Path) -> Prepared:
    write_inputs(folder, case.fed, given, options, engine.model.pixel_range if engine.model else (0.0, 1.0))
    request = _request(engine.path, engine.backend, case.fed.input_sizes, options, engine.states)
    costs = case.counted.costs if case.counted else None
    latency = LatencyCase(request, folder, limits.deadlines(costs, options.timeout_s))
    return Prepared(latency, case.counted.graph if case.counted else case.fed)


def _request(
    path: Path,
    backend: Backend,
    sizes: dict[str, tuple[int, ...]],
    options: Options,
    states: tuple[FileState, ...],
) -> LoadRequest:
    threads, settings = options.threads or usable_cores(), options.run_settings
    return LoadRequest(backend.name, str(path.resolve()), threads, settings=settings, shapes=sizes, files=states)


def _assemble(
    engine: _Foreign, cases: Sequence[_Case], runs: Sequence[Measured], budgets: Sequence[Budget]
) -> tuple[Profile, ...]:
    return tuple(_profile(engine, case, run, budgets) for case, run in zip(cases, runs, strict=True))


def _profile(engine: _Foreign, case: _Case, run: Measured, budgets: Sequence[Budget]) -> Profile:
    named, own_names = run.times.named, [layer.name for layer in run.times.layers]
    if case.counted is None:
        fed = (case.fed.tensor(name) for name in case.fed.inputs)
        inputs = [InputInfo(tensor.name, tensor.sizes or (), tensor.dtype) for tensor in fed]
        found = uncounted_profile(printable(engine.path.stem), inputs, case.batch, run, here(run))
        return replace(found, warnings=(*found.warnings, *plan_cautions.of_names(named)))
    found = measured_profile(case.counted, run, budgets, here(run))
    layers = by_own_names(found.layers, own_names)
    said = (*plan_cautions.of_names(named, case.counted.graph), *plan_cautions.of_types(named))
    return replace(found, layers=layers, warnings=(*found.warnings, *said))
