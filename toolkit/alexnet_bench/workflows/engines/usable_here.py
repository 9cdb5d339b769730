"""Whether an engine may be used on this machine, by what is known without loading it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from alexnet_bench.backends.registry import BACKENDS, availability, get_backend
from alexnet_bench.backends.tensorrt.plan_header import check_plan
from alexnet_bench.core.errors import EngineError
from alexnet_bench.core.passport import Passport
from alexnet_bench.engine.judging import reasons_against
from alexnet_bench.engine.key import this_place
from alexnet_bench.engine.loading import Engine, is_plan
from alexnet_bench.engine.plan import is_stripped
from alexnet_bench.engine.plugins import plugin_paths
from alexnet_bench.engine.recipe import Recipe
from alexnet_bench.workflows.engines.stripped import weights_of


def reasons_here(passport: Passport) -> tuple[str, ...]:
    """Why an engine does not fit this machine; empty when it does, even where nothing can be run."""
    backend = next((backend for backend in BACKENDS if backend.name == passport.backend), None)
    if backend is None:
        return (f"foreign: built for backend {passport.backend}, which this version does not have",)
    here = availability(backend)
    if not (here.works or here.builds):
        return (f"{passport.backend} is not installed here",)
    return reasons_against(passport, this_place(backend.name, here.version))


def reasons_against_engine(engine: Engine, recipe: Recipe) -> tuple[str, ...]:
    """Why an engine with a passport cannot be run on this machine, as `profile` would say; empty when it can.

    Args:
        engine: that is whole.
        recipe: of its passport.
    """
    unfit = reasons_here(engine.passport)
    if unfit:
        return unfit
    return (*_cannot_run(engine.passport.backend), *_missing(engine, recipe))


def reasons_against_plan(path: Path, backend: str) -> tuple[str, ...]:
    """As `reasons_against_engine`, for the file of an engine without a passport."""
    try:
        check_plan(path, backend, availability(get_backend(backend)).version or None)
    except EngineError as error:
        return (error.message,)
    return _cannot_run(backend)


def _cannot_run(backend: str) -> tuple[str, ...]:
    here = availability(get_backend(backend))
    return () if here.works else (f"{backend} cannot run engines here: {here.reason}",)


def _missing(engine: Engine, recipe: Recipe) -> Iterator[str]:
    """What an engine needs beside itself, and is not there as it was."""
    try:
        plugin_paths(recipe.plugins)
    except EngineError as error:
        yield error.message
    if is_plan(engine.file) and is_stripped(recipe):
        try:
            weights_of(engine.file)
        except EngineError as error:
            yield error.message
