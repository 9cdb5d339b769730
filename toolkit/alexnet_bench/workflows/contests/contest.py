"""`alexnet-bench profile --backend all`: a model on everything that runs it here, error beside speed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alexnet_bench.backends.array_files import write_arrays
from alexnet_bench.backends.registry import choose_backend
from alexnet_bench.core.contest import Contest, ContestCase, Entry
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.machine import usable_cores
from alexnet_bench.core.scratch import ScratchFolder
from alexnet_bench.core.text import printable
from alexnet_bench.core.threads import check_threads
from alexnet_bench.core.uses import in_use
from alexnet_bench.core.workspace import engines_root
from alexnet_bench.engine.loading import foreign_plan, names_engine
from alexnet_bench.graph import external
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.model_bytes import weights_sha256
from alexnet_bench.graph.onnx_io import ModelFile, build_graph, open_model
from alexnet_bench.measure import environment
from alexnet_bench.measure.inputs import generate
from alexnet_bench.verdict.pictures import Pixels
from alexnet_bench.verdict.samples import LEAST_INPUTS, made_up_by
from alexnet_bench.workflows import limits
from alexnet_bench.workflows.contests.entries import Contender, check_precisions, entries_of
from alexnet_bench.workflows.contests.errors import Referee, make_referee
from alexnet_bench.workflows.contests.options import ContestOptions
from alexnet_bench.workflows.contests.run import Field, run_case
from alexnet_bench.workflows.images import images_of
from alexnet_bench.workflows.options import (
    DEFAULT_MODEL,
    Progress,
    check_batches,
    check_processes,
    check_seconds,
    check_seed,
    check_timeout,
    check_tolerance,
    or_without,
    silent,
)
from alexnet_bench.workflows.resolve import ResolvedModel, resolve
from alexnet_bench.workflows.verification.sides import REFERENCE_BACKEND


@in_use()
def contest(
    model: str | Path = DEFAULT_MODEL,
    *,
    batches: Sequence[int | None] = (None,),
    options: ContestOptions | None = None,
    progress: Progress = silent,
) -> Contest:
    """Runs a model on every backend, as given and as an engine of each precision, and names the fastest.

    Each entry is compared with the model on ONNX Runtime, each operator computed alone, on 16 generated inputs; then
    all are measured in turns, each in a worker of its own. What is refused or crashes is listed with the reason.

    Args:
        model: a name that `alexnet-bench models` lists, or the path of an ONNX file.
        batches: sizes of a lone symbolic first dimension, None for the model's own or 1; each is a contest of its own.
        options: backends, precisions, tolerance, time.
        progress: told what is done next; never called while something is timed.

    Raises:
        AlexnetBenchError: its subclass says what is wrong with the model, the options or the machine. What is wrong
            with one entry is no error.
    """
    chosen = options or ContestOptions()
    check(model, batches, chosen)
    with or_without():
        choose_backend(REFERENCE_BACKEND)  # says what to install
    progress(f"reading {model}")
    resolved = resolve(model, progress)
    file = open_model(resolved.path)
    external.check_present(file.path, file.data_files)
    limits.check_functions(file)
    with ScratchFolder() as scratch:
        fields = [_field(resolved, file, chosen, batch, Path(scratch) / str(at)) for at, batch in enumerate(batches)]
        entries = entries_of(model, batches, chosen, progress)
        cases: list[ContestCase] = []
        for at, (shared, found) in enumerate(zip(fields, entries, strict=True)):
            able = [item for item in found if isinstance(item, Contender)]
            refused = [item for item in found if isinstance(item, Entry)]
            progress(f"batch {shared.images}: running the reference on {LEAST_INPUTS} inputs")
            referee = _referee(resolved, shared, chosen.seed, Path(scratch) / f"referee-{at}")
            cases.append(run_case(shared, able, refused, referee, progress))
    return Contest(
        model=resolved.name,
        graph_sha256=file.sha256,
        weights_sha256=weights_sha256(file),
        reference=referee.described,
        inputs=LEAST_INPUTS,
        inputs_source=made_up_by(fields[0].graph, seed=chosen.seed, pixels=Pixels(resolved.pixel_range)),
        precisions=chosen.precisions,
        tolerance=chosen.tolerance,
        threads=fields[0].threads,
        seconds=chosen.seconds,
        processes=chosen.processes,
        seed=chosen.seed,
        cases=tuple(cases),
        environment=environment.describe(backend=None, backend_version=None, threads=fields[0].threads),
    )


def check(model: str | Path, batches: Sequence[int | None], options: ContestOptions) -> None:
    """Raises UsageError for what no contest can be held with."""
    if names_engine(str(model), engines_root()) or foreign_plan(str(model)) is not None:
        raise UsageError(f"{printable(str(model), 200)} is an engine already", "give the model that it was built from")
    check_batches(batches)
    check_seconds(options.seconds)
    check_tolerance(options.tolerance)
    check_seed(options.seed)
    check_processes(options.processes)
    check_precisions(options.precisions)
    check_threads(options.threads)
    check_timeout(options.timeout_s)


def _field(resolved: ResolvedModel, file: ModelFile, options: ContestOptions, batch: int | None, folder: Path) -> Field:
    graph = build_graph(file, name=resolved.name, batch=batch, given_shapes=options.shapes)
    costs, images = count(graph), images_of(file, graph, batch)
    limits.check_memory(costs, images)
    folder.mkdir()
    write_arrays(folder, generate(graph, seed=options.seed, pixel_range=resolved.pixel_range))
    return Field(
        file=file,
        graph=graph,
        costs=costs,
        batch=batch,
        images=images,
        inputs_dir=folder,
        threads=options.threads or usable_cores(),
        deadlines=limits.deadlines(costs, options.timeout_s),
        options=options,
    )


def _referee(resolved: ResolvedModel, shared: Field, seed: int, folder: Path) -> Referee:
    return make_referee(
        resolved.name,
        shared.file,
        shared.graph,
        pixels=Pixels(resolved.pixel_range),
        seed=seed,
        threads=shared.threads,
        deadlines=shared.deadlines,
        folder=folder,
    )
