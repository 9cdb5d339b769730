"""What `profile` runs: the model as it is, or an engine that was built from it, or one that is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from alexnet_bench.backends.registry import availability, get_backend
from alexnet_bench.core.passport import Passport
from alexnet_bench.core.text import printable
from alexnet_bench.core.workspace import engines_root, memo_folder
from alexnet_bench.engine import judging, loading
from alexnet_bench.engine.key import this_place
from alexnet_bench.engine.recipe import Recipe, from_document
from alexnet_bench.engine.tuned import recipe_in_force, why_untuned
from alexnet_bench.workflows.engines.build import build_engine
from alexnet_bench.workflows.engines.options import BuildOptions
from alexnet_bench.workflows.resolve import ResolvedModel, resolved_file


@dataclass(frozen=True)
class EngineInUse:
    """A built engine that is run in place of the model.

    Attributes:
        file: what the runtime loads.
        passport: of it.
        recipe: that it was built by, with the settings that it is to run with.
    """

    file: Path
    passport: Passport
    recipe: Recipe

    @property
    def tuned(self) -> str:
        """What its tuning means here, "" for an engine that runs untuned on purpose."""
        tuning = self.passport.tuning
        if tuning is None or not tuning.settings:
            return ""
        why = why_untuned(tuning)
        if why:
            return f"the engine runs untuned: {why}"
        return f"tuned settings: {', '.join(f'{name} {value}' for name, value in tuning.settings.items())}"


def build_for(
    model: str | Path,
    *,
    backend: str | None,
    recipe: str | None,
    precision: str | None,
    optimize: bool | None,
    timeout_s: float | None,
    progress: Callable[[str], None],
    batches: Sequence[int | None] = (None,),
    shapes: Mapping[str, Sequence[int]] | None = None,
    settings: Mapping[str, str] | None = None,
) -> EngineInUse:
    """The engine that the options ask for, built or from the cache.

    Sizes are those of the recipe where one is named; else the shapes, with the batches, where there are any.

    Raises:
        AlexnetBenchError: as `build_engine`.
    """
    options = BuildOptions(
        recipe=recipe,
        backend=backend,
        precision=precision,
        optimize=optimize,
        settings=settings,
        timeout_s=timeout_s,
    )
    if recipe is None and depends_on_sizes(backend, shapes):
        numbers = [batch for batch in batches if batch is not None]
        options = replace(options, batch=numbers or None, shapes=shapes)
    passport = build_engine(model, options=options, progress=progress)
    return EngineInUse(Path(passport.path), passport, from_document(passport.recipe))


def depends_on_sizes(backend: str | None, shapes: Mapping[str, Sequence[int]] | None) -> bool:
    """Whether an engine is built for the sizes of a case: where shapes are given, or the runtime wants to know them."""
    return bool(shapes) or (backend is not None and bool(get_backend(backend).planner))


def is_engine(text: str) -> bool:
    """Whether an engine with its passport is named in place of a model."""
    return loading.names_engine(text, engines_root())


def given_engine(text: str, *, backend: str | None) -> tuple[EngineInUse, ResolvedModel] | None:
    """The engine that is named in place of a model, as `engine.loading.names_engine` says; else None.

    Raises:
        EngineError: it is damaged, stale or of another machine.
        UsageError: it is for another backend than the one asked for, or several engines are meant.
    """
    if not is_engine(text):
        return None
    engine = loading.find_engine(text, engines_root())
    passport = engine.passport
    judging.check_backend(passport, backend)
    here = this_place(passport.backend, availability(get_backend(passport.backend)).version)
    judging.check_usable(engine, here)
    judging.check_whole(engine, memo_folder())
    as_it_is = replace(passport, origins={})  # its own nodes are all that is known of the model
    model = resolved_file(printable(Path(text).stem or text), loading.graph_file(engine.file))
    return EngineInUse(engine.file, as_it_is, recipe_in_force(passport)), model
