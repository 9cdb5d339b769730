"""The files of what is named on a command line: of a model with its data, an engine, a recipe with its libraries."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from alexnet_bench.core.errors import AlexnetBenchError
from alexnet_bench.core.workspace import current_workspace, engines_root
from alexnet_bench.engine.cache import ENGINE_FILE
from alexnet_bench.engine.loading import engine_files, find_engine, graph_file, names_engine
from alexnet_bench.engine.recipe_file import SUFFIX, read_recipe, recipe_files
from alexnet_bench.graph.onnx_io import open_model


def files_of(text: str) -> tuple[Path, ...]:
    """Every file that a command reads for what was typed, as far as that can be told: its reader says what is wrong.

    A name that may be of several things has the files of all of them.

    Args:
        text: a model's file, an engine (file, folder, start of its key), a recipe (file or name).
    """
    found: list[Path] = []
    for kind in (_of_engine, _of_model, _of_recipe):
        try:
            found += kind(text)
        except (AlexnetBenchError, OSError, ValueError):
            continue
    return tuple(found)


def _of_engine(text: str) -> Iterator[Path]:
    if names_engine(text, engines_root()):
        engine = find_engine(text, engines_root())
        yield from engine_files(engine.file, engine.passport.key)
        yield engine.file.with_name(ENGINE_FILE)
        yield from _of_model(str(graph_file(engine.file)))


def _of_model(text: str) -> Iterator[Path]:
    if os.path.isfile(text):  # noqa: PTH113 - odd names raise nothing
        yield Path(text)
        yield from (data.path for data in open_model(Path(text)).data_files)


def _of_recipe(text: str) -> Iterator[Path]:
    file = Path(text) if text.endswith(SUFFIX) else recipe_files(current_workspace()).get(text)
    if file is not None:
        yield file
        yield from (Path(plugin.path) for plugin in read_recipe(file).plugins)
