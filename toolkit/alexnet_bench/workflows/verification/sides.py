"""What `verify` compares: both sides opened, and their inputs written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from alexnet_bench.backends.protocol import LoadRequest
from alexnet_bench.backends.registry import choose_backend, get_backend
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.graph import Graph
from alexnet_bench.core.machine import usable_cores
from alexnet_bench.core.places import check_apart
from alexnet_bench.core.text import printable
from alexnet_bench.engine.loading import is_plan
from alexnet_bench.graph import external
from alexnet_bench.graph.convert import required_inputs
from alexnet_bench.graph.onnx_io import build_graph
from alexnet_bench.verdict import precision, samples
from alexnet_bench.verdict.input_files import Feeds
from alexnet_bench.verdict.model_run import Run
from alexnet_bench.verdict.parity import Array
from alexnet_bench.verdict.sides import AnySide, ModelSide, StoredSide, other_orders, write_inputs
from alexnet_bench.workflows import limits
from alexnet_bench.workflows.engines.marked_plans import MarkedPlans
from alexnet_bench.workflows.engines.steps import load_request
from alexnet_bench.workflows.verification.asked import check_asked
from alexnet_bench.workflows.verification.fit import check_taken
from alexnet_bench.workflows.verification.inputs import feeds_of, fixed_by_engine
from alexnet_bench.workflows.verification.open_sizes import Opened, check_usable_here, lost_passports, open_side
from alexnet_bench.workflows.verification.options import VerifyOptions
from alexnet_bench.workflows.verification.precision import check_told, precision_of
from alexnet_bench.workflows.verification.source import model_behind

REFERENCE_BACKEND = "onnxruntime-cpu"
REFERENCE_SETTINGS = {"graph_optimization": "none"}
"""Each node is computed by itself, by the kernel of its own operator: what a fusion does wrong is not in both."""


@dataclass(frozen=True)
class Prepared:
    """Both sides, ready to run.

    Attributes:
        reference: what is right.
        engine: what is verified.
        samples: the inputs; empty when both sides are stored outputs.
        inputs_source: where they come from.
        precision: of the engine.
        precision_source: where that is known from.
        notes: what else a reader should know.
    """

    reference: AnySide
    engine: AnySide
    samples: Sequence[Feeds]
    inputs_source: str
    precision: str
    precision_source: str
    notes: tuple[str, ...] = ()

    @property
    def given(self) -> dict[str, list[Array]]:
        """The inputs by name, in place of by number."""
        return {name: [feeds[name] for feeds in self.samples] for name in (self.samples[0] if self.samples else ())}

    @property
    def count(self) -> int:
        """How many inputs there are."""
        stored = (side.iterations for side in (self.reference, self.engine) if isinstance(side, StoredSide))
        return len(self.samples) or max(map(len, stored), default=0)


@dataclass(frozen=True)
class Pair:
    """Both sides, opened.

    Attributes:
        reference: what is right.
        engine: what is verified.
        alone: whether the engine is its own reference.
        found: the reference, where it was not given, but is the model that the engine was built from; else "".
    """

    reference: Opened
    engine: Opened
    alone: bool
    found: str


def open_pair(engine: str, against: str | None, options: VerifyOptions) -> Pair:
    """Opens both sides.

    Args:
        engine: as it was typed.
        against: as it was typed, None for the model that the engine was built from, or for a model itself.
        options: of the verification.

    Raises:
        AlexnetBenchError: a side cannot be opened, or would be written over.
    """
    theirs = open_side(engine)
    found = model_behind(theirs, engine) if against is None else ""
    ours = open_side(against or found) if against is not None or found else theirs
    check_asked(ours, theirs, options)
    inputs = [] if options.inputs is None else [Path(options.inputs)]
    check_apart(options.saved, [*ours.files, *theirs.files, *inputs])
    return Pair(ours, theirs, ours is theirs, found)


def prepare(pair: Pair, options: VerifyOptions, folder: Path, progress: Callable[[str], None]) -> Prepared:
    """Writes the inputs of both sides, and decides how they are run.

    Args:
        pair: both sides.
        options: of the verification.
        folder: for the inputs.
        progress: told what is done next.

    Raises:
        AlexnetBenchError: there are no inputs, or both do not belong together.
    """
    ours, theirs = pair.reference, pair.engine
    feeds, source = feeds_of(ours, theirs, options)
    if not feeds:
        return _stored_only(ours, theirs, options)
    shapes = {name: array.shape for name, array in feeds[0].items()}
    check_taken(ours, theirs, shapes)
    fixed = all(array.shape == shapes[name] for sample in feeds for name, array in sample.items())
    reference = _reference(ours, shapes, feeds, options, folder / "inputs-reference")
    made, named, how = _engine(theirs, shapes, feeds, options, folder / "inputs-engine", fixed=fixed)
    if isinstance(made, ModelSide):  # what is built was read back when it was
        types = theirs.built.passport.compute_dtypes if theirs.built else check_told(made, named, progress)
        made = replace(made, compute_dtypes=types)
    if isinstance(made, ModelSide) and theirs.built is not None and is_plan(theirs.built.file):
        made = replace(made, mark=MarkedPlans(theirs, ours.model, made, progress))
    notes = [*samples.never_varied(feeds), *lost_passports((theirs,) if pair.alone else (theirs, ours))]
    notes += other_orders(reference, made)
    if fixed_sizes := fixed_by_engine(ours, theirs, options):
        names = ", ".join(map(printable, fixed_sizes))
        notes.append(f"the engine fixes sizes that the reference leaves open, of {names}: only these were tried")
    if pair.alone:
        notes.append("without --against, the model is compared with itself on another runtime or with other kernels")
    if pair.found:
        notes.append(f"without --against, it is compared with what it was built from, {printable(pair.found)}")
    return Prepared(reference, made, feeds, source, named, how, tuple(notes))


def run_side(side: AnySide, folder: Path, marked: Sequence[str] = ()) -> Run:
    """What a side gives, computed or stored.

    Raises:
        AlexnetBenchError: the runtime does not take it, or fails.
    """
    return side.run(folder, marked) if isinstance(side, ModelSide) else side.run()


def _stored_only(ours: Opened, theirs: Opened, options: VerifyOptions) -> Prepared:
    if ours.stored is None or theirs.stored is None:
        raise UsageError("stored outputs do not say which inputs they are for", "give those: --inputs FILE.json")
    given = options.precision or "fp32"
    how = "given" if options.precision else "assumption"
    if len(ours.stored.iterations) < samples.LEAST_INPUTS:
        raise UsageError(
            f"{printable(ours.name)} holds outputs for {len(ours.stored.iterations)} inputs, and "
            f"{samples.LEAST_INPUTS} are needed",
            "store more",
        )
    return Prepared(ours.stored, theirs.stored, (), "as stored with the outputs", given, how)


def _reference(
    side: Opened, shapes: Mapping[str, tuple[int, ...]], feeds: Sequence[Feeds], options: VerifyOptions, folder: Path
) -> AnySide:
    if side.stored is not None:
        return side.stored
    choose_backend(REFERENCE_BACKEND)  # says what to install
    graph = _graph(side, shapes)
    threads = options.threads or usable_cores()
    request = LoadRequest(REFERENCE_BACKEND, _path(side), threads, settings=dict(REFERENCE_SETTINGS))
    return _model_side(side, graph, request, write_inputs(feeds, graph, folder), options)


def _engine(
    side: Opened,
    shapes: Mapping[str, tuple[int, ...]],
    feeds: Sequence[Feeds],
    options: VerifyOptions,
    folder: Path,
    *,
    fixed: bool,
) -> tuple[AnySide, str, str]:
    """The engine, its precision, and where that is known from."""
    if side.stored is not None:
        return side.stored, options.precision or "fp32", "given" if options.precision else "assumption"
    graph = _graph(side, shapes)
    if side.built is not None and side.recipe is not None:
        request = load_request(side.recipe, side.built.file, graph)
        check_usable_here(side.built, request.backend)
        named, how = precision_of(options.precision, graph, side.recipe.precision)
    else:
        backend = choose_backend(options.backend)
        named, how = precision_of(options.precision, graph, "")
        told = precision.asked_of_backend(named, graph, backend)
        request = LoadRequest(backend.name, _path(side), usable_cores(), precision=told)
    request = replace(request, threads=options.threads or request.threads, shapes=dict(shapes) if fixed else {})
    get_backend(request.backend)
    return _model_side(side, graph, request, write_inputs(feeds, graph, folder), options), named, how


def _graph(side: Opened, shapes: Mapping[str, tuple[int, ...]]) -> Graph:
    if side.file is None:
        raise UsageError(f"{printable(side.name)} is no model", "give an .onnx file")
    external.check_present(side.file.path, side.file.data_files)
    limits.check_functions(side.file)
    taken = required_inputs(side.file.proto.graph)
    given = {name: shape for name, shape in shapes.items() if name in taken}
    return build_graph(side.file, name=side.name, given_shapes=given)


def _path(side: Opened) -> str:
    return str(side.file.path.resolve()) if side.file is not None else ""


def _model_side(
    side: Opened, graph: Graph, request: LoadRequest, inputs: Sequence[Path], options: VerifyOptions
) -> ModelSide:
    if side.file is None:
        raise UsageError(f"{printable(side.name)} is no model", "give an .onnx file")
    patience = limits.deadlines(None, options.timeout_s)
    origins = side.built.passport.origins if side.built is not None else {}
    request = replace(request, files=side.states)
    return ModelSide(side.name, side.file, graph, request, inputs, patience, origins)
