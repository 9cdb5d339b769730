"""What is typed for one side of a verification: a model, an engine with its passport, or stored outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alexnet_bench.backends.registry import availability, choose_backend
from alexnet_bench.backends.tensorrt.plan_header import read_plan_header
from alexnet_bench.core.errors import EngineError
from alexnet_bench.core.file_states import FileState, states_of
from alexnet_bench.core.text import printable
from alexnet_bench.core.workspace import engines_root, memo_folder
from alexnet_bench.engine.build import built_from
from alexnet_bench.engine.cache import ENGINE_FILE, PASSPORT_FILE
from alexnet_bench.engine.judging import check_usable, check_whole
from alexnet_bench.engine.key import this_place
from alexnet_bench.engine.loading import (
    BESIDE,
    Engine,
    find_engine,
    foreign_plan,
    graph_file,
    is_passport,
    names_engine,
)
from alexnet_bench.engine.recipe import Recipe
from alexnet_bench.engine.tuned import recipe_in_force
from alexnet_bench.graph.onnx_io import ModelFile, open_model
from alexnet_bench.verdict import polygraphy
from alexnet_bench.verdict.sides import StoredSide
from alexnet_bench.workflows.reference import network_of
from alexnet_bench.workflows.resolve import ResolvedModel, resolve

_STORED = ".json"


@dataclass(frozen=True)
class Opened:
    """One side.

    Attributes:
        name: for people.
        file: the model, None for stored outputs.
        pixel_range: of images, where it is known.
        stored: outputs from elsewhere.
        built: the engine with its passport.
        recipe: that it was built by, with the settings that it is to run with.
        model: what is known beside a model's file; None for all else.
        files: that it consists of, whether they are there or not.
        states: of the files that a runtime loads, as they were when they were looked at.
    """

    name: str
    file: ModelFile | None = None
    pixel_range: tuple[float, float] | None = None
    stored: StoredSide | None = None
    built: Engine | None = None
    recipe: Recipe | None = None
    model: ResolvedModel | None = None
    files: tuple[Path, ...] = ()
    states: tuple[FileState, ...] = ()


def open_side(text: str) -> Opened:
    """One side as it was typed: FILE.json or FILE.json#RUNNER are stored outputs.

    Raises:
        AlexnetBenchError: it cannot be read, or is nothing of these.
    """
    name, mark, runner = text.rpartition("#")
    path = Path(name if mark and name.endswith(_STORED) else text)
    if path.suffix == _STORED and not is_passport(path):
        found, iterations = polygraphy.runner_of(
            path, polygraphy.read_outputs(path), runner if str(path) != text else ""
        )
        shown = f"{path}#{found}"
        return Opened(shown, stored=StoredSide(shown, iterations), files=(path,))
    if names_engine(text, engines_root()):
        return _built(text)
    if foreign_plan(text) is not None:
        read_plan_header(path)  # refuses what is only called like an engine
        raise EngineError(
            f"{printable(text, 200)} is an engine without its passport, which says its model, sizes and precision",
            f"copy it beside the engine, as {printable(path.name, 200)}.passport.json; of an engine that was built "
            "elsewhere, verify the outputs as Polygraphy's JSON (polygraphy run --save-outputs)",
        )
    resolved = resolve(text)
    file = open_model(resolved.path)
    return Opened(resolved.name, file, resolved.pixel_range, model=resolved, files=_with_data(file), states=file.states)


def check_usable_here(engine: Engine, backend: str) -> None:
    """Refuses an engine that is damaged, stale, or built for another machine.

    Raises:
        EngineError: with every reason.
    """
    check_whole(engine, memo_folder())
    check_usable(engine, this_place(backend, availability(choose_backend(backend)).version))


def lost_passports(sides: Sequence[Opened]) -> list[str]:
    """A line on each model that says itself that it is an engine, and has no passport."""
    return [
        f"{printable(side.name)} is an engine that this tool built, and its passport is not beside it: it was taken "
        "for a plain model, without its recipe and its settings"
        for side in sides
        if side.file is not None and side.built is None and built_from(side.file)
    ]


def _built(text: str) -> Opened:
    engine = find_engine(text, engines_root())
    state = states_of([engine.file])
    check_whole(engine, memo_folder())  # before its graph is looked at, of which nothing could be believed
    recipe = recipe_in_force(engine.passport)
    graph = open_model(graph_file(engine.file))
    beside = engine.file.with_name(engine.file.name + BESIDE), engine.file.with_name(PASSPORT_FILE)
    files = (engine.file, *beside, *_with_data(graph), engine.file.with_name(ENGINE_FILE))
    states = (*state, *graph.states)
    network = network_of(graph)
    pixels = None if network is None else network.pixel_range
    return Opened(printable(text, 200), graph, pixels, built=engine, recipe=recipe, files=files, states=states)


def _with_data(file: ModelFile) -> tuple[Path, ...]:
    """A model's file and those of its data."""
    return (file.path, *(data.path for data in file.data_files))
