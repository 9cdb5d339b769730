"""`alexnet-bench build-engine --tune`: the settings that an engine runs fastest with on this machine."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from alexnet_bench.backends.registry import get_backend, settings_of
from alexnet_bench.backends.tunable import THREADS
from alexnet_bench.core import atomic
from alexnet_bench.core.errors import AlexnetBenchError
from alexnet_bench.core.graph import Graph
from alexnet_bench.core.machine import load_average, usable_cores
from alexnet_bench.core.passport import Passport, encode_passport, read_passport
from alexnet_bench.core.scratch import ScratchFolder
from alexnet_bench.core.tuning import Tuning
from alexnet_bench.engine.cache import PASSPORT_FILE
from alexnet_bench.engine.locks import locked
from alexnet_bench.engine.readback import read_back
from alexnet_bench.engine.recipe import Recipe
from alexnet_bench.engine.tuned import tuning_machine, why_untuned
from alexnet_bench.graph.onnx_io import build_graph, open_model
from alexnet_bench.measure.latency import LatencyCase
from alexnet_bench.measure.trial import run_trial
from alexnet_bench.workflows.engines.sized import at_usual_sizes
from alexnet_bench.workflows.engines.steps import load_request
from alexnet_bench.workflows.options import Progress
from alexnet_bench.workflows.resolve import ResolvedModel
from alexnet_bench.workflows.tuning.check import moves_for
from alexnet_bench.workflows.tuning.search import Found, search

_KERNEL_SETTINGS = ("graph_optimization",)
"""Settings under which other kernels run, whose types have to be read back again."""
_MOST_TRIAL_S = 0.3
_TRIALS = 100
"""A trial is timed for this part of the search at most; starting its process takes longer than that."""


def tune(
    passport: Passport,
    folder: Path,
    model: ResolvedModel,
    recipe: Recipe,
    *,
    seconds: float,
    timeout_s: float | None,
    progress: Progress,
) -> Passport:
    """The passport of an engine with the settings that it runs fastest with here, kept in the cache for the next time.

    What was found before is taken again when it was found on this machine, in a search at least as long.

    Args:
        passport: of the engine.
        folder: of the engine in the cache.
        model: that it was built from.
        recipe: that it was built by.
        seconds: for the search.
        timeout_s: how long the runtime may take to load the engine, and for each pass; None lets the tool say.
        progress: told what is done next; never called while something is timed.

    Raises:
        AlexnetBenchError: the engine does not run, or the cache cannot be written.
    """

    def waiting() -> None:
        progress("another process builds or tunes this engine, and is waited for")

    with locked(folder.parent, folder.name, busy=waiting):
        stored = read_passport(folder / PASSPORT_FILE)
        found = stored.tuning
        if found is not None and found.seconds >= seconds and not why_untuned(found):
            progress(f"tuned {found.created}, and not searched again")
        else:
            found = _search(passport, model, recipe, seconds, timeout_s, progress)
            atomic.write_cached(folder / PASSPORT_FILE, encode_passport(replace(stored, tuning=found)))
    return replace(passport, tuning=found)


@dataclass
class _Bench:
    """Runs an engine with settings.

    Attributes:
        passport: of the engine.
        recipe: that it was built by.
        graph: of the model, with the shapes that the engine was tried with.
        case: that is measured, with the untuned settings.
        trial_s: timed in each trial.
        in_force: what the runtime said of the untuned settings.
    """

    passport: Passport
    recipe: Recipe
    graph: Graph
    case: LatencyCase
    trial_s: float
    in_force: dict[str, str] = field(default_factory=dict)

    def measure(self, settings: Mapping[str, str], within_s: float) -> tuple[float, ...] | None:
        """Samples of one fresh process, None when the time was over before."""
        trial = run_trial(self._case(settings), seconds=self.trial_s, within_s=within_s)
        if trial is not None and not settings:
            self.in_force = trial.settings
        return None if trial is None else trial.samples_s

    def why_not(self, settings: Mapping[str, str]) -> str:
        """Why settings must not win: with them, kernels compute in types that the engine did not compute in before."""
        if not settings.keys() & set(_KERNEL_SETTINGS):
            return ""
        case = self._case(settings)
        engine = open_model(Path(self.passport.path))
        graph = build_graph(engine, name=self.graph.name, given_shapes=self.graph.input_sizes)
        try:
            read = read_back(case.request, case.inputs_dir, graph, case.deadlines)
        except AlexnetBenchError as error:
            return f"its layers cannot be read back: {error.message}"
        before = {layer.compute_dtype for layer in self.passport.layers}
        others = sorted({layer.compute_dtype for layer in read.layers} - before - {""})
        return f"layers compute in {', '.join(others)}" if others else ""

    def _case(self, settings: Mapping[str, str]) -> LatencyCase:
        told = msgspec.structs.replace(self.recipe, settings=self.recipe.settings | dict(settings))
        return replace(self.case, request=load_request(told, Path(self.passport.path), self.graph))


def _search(
    passport: Passport,
    model: ResolvedModel,
    recipe: Recipe,
    seconds: float,
    timeout_s: float | None,
    progress: Progress,
) -> Tuning:
    load, begun = load_average(), time.monotonic()
    usual = at_usual_sizes(model, recipe, timeout_s)
    graph, moves = usual.graph, moves_for(recipe)
    with ScratchFolder() as scratch:
        usual.write_feeds(Path(scratch))
        case = LatencyCase(load_request(recipe, Path(passport.path), graph), Path(scratch), usual.deadlines)
        bench = _Bench(passport, recipe, graph, case, min(_MOST_TRIAL_S, seconds / _TRIALS))
        found = search(
            moves,
            bench.measure,
            seconds=seconds - (time.monotonic() - begun),
            now=time.monotonic,
            accept=bench.why_not,
            progress=progress,
        )
    searched = dict.fromkeys(name for move in moves for name in move)
    before = _asked(recipe) | bench.in_force  # nothing is in force where no trial came to an end
    untuned = {name: before[name] for name in (THREADS, *searched)}
    return _tuning(found, untuned, graph, seconds=seconds, spent_s=time.monotonic() - begun, load=load)


def _asked(recipe: Recipe) -> dict[str, str]:
    """The settings of a recipe, or of its backend by default, and the threads."""
    defaults = {name: setting.choices[0] for name, setting in settings_of(get_backend(recipe.backend)).items()}
    return defaults | {THREADS: str(usable_cores())} | recipe.settings


def _tuning(
    found: Found, untuned: dict[str, str], graph: Graph, *, seconds: float, spent_s: float, load: float | None
) -> Tuning:
    challenger = found.challenger or {}
    return Tuning(
        outcome=found.outcome,
        settings=challenger if found.outcome == "faster" else {},
        untuned=untuned,
        final=found.final,
        challenger=challenger,
        candidates=found.candidates,
        rounds=found.rounds,
        shapes=graph.input_sizes,
        seconds=seconds,
        spent_s=round(spent_s, 3),
        machine=tuning_machine(),
        load_average=load,
        created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    )
