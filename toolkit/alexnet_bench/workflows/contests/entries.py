"""Who takes part in a contest: every backend with the model as given, and with an engine of each precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from alexnet_bench.backends.protocol import Backend
from alexnet_bench.backends.registry import BACKENDS, availability, get_backend
from alexnet_bench.core.contest import STOCK, Entry
from alexnet_bench.core.errors import AlexnetBenchError, BackendCrash, OutputError, UsageError
from alexnet_bench.core.precisions import check_precision
from alexnet_bench.core.text import printable
from alexnet_bench.workflows.contests.options import ContestOptions
from alexnet_bench.workflows.engines.choose_recipe import PRECISIONS, choose_recipe
from alexnet_bench.workflows.engines.options import BuildOptions
from alexnet_bench.workflows.engines.steps import emulated_note
from alexnet_bench.workflows.engines.subject import EngineInUse, build_for, depends_on_sizes
from alexnet_bench.workflows.options import ALL

_MOST_REASON = 400
_TRANSIENT = (BackendCrash, OutputError)
"""Errors that the same model need not meet again with the same runtime."""


@dataclass(frozen=True)
class Planned:
    """An entry before anything is built or run.

    Attributes:
        backend: that runs it.
        version: of its runtime.
        precision: of an engine; None for the model as given.
        missing: why the backend cannot run anything here, "" when it can.
    """

    backend: Backend
    version: str
    precision: str | None = None
    missing: str = ""

    def depends_on(self, shapes: Mapping[str, Sequence[int]] | None) -> bool:
        """Whether its engine is built for the sizes of a case; the model as given takes any."""
        return self.precision is not None and depends_on_sizes(self.backend.name, shapes)

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.backend.name}, {f'engine in {self.precision}' if self.precision else 'as given'}"


@dataclass(frozen=True)
class Contender:
    """An entry that can be run.

    Attributes:
        planned: what it is.
        engine: what is run in place of the model; None for the model as given.
    """

    planned: Planned
    engine: EngineInUse | None = None

    def entry(self) -> Entry:
        """The entry before it has run."""
        planned, engine = self.planned, self.engine
        return Entry(
            planned.backend.name,
            planned.version,
            planned.precision,
            engine.recipe.name if engine else None,
            engine.passport.key if engine else None,
            dict(engine.passport.compute_dtypes) if engine else {},
        )


def check_precisions(precisions: Sequence[str]) -> None:
    """Raises UsageError for a precision that has no name here; "all" stands for those that there are recipes for."""
    for precision in precisions:
        check_precision(precision, (*PRECISIONS, ALL))


def plan(backends: Sequence[str] | None, precisions: Sequence[str]) -> list[Planned]:
    """All entries; ONNX Runtime with the model as given comes first.

    Args:
        backends: names; None takes all. ONNX Runtime with the model as given is among the entries in any case.
        precisions: of engines; "all" takes every precision that the backend has a recipe for.

    Raises:
        UsageError: a name is unknown.
    """
    check_precisions(precisions)
    wanted = BACKENDS if backends is None else tuple(get_backend(name) for name in backends)
    stock = get_backend(STOCK)
    found = [Planned(stock, availability(stock).version)]
    for backend in wanted:
        here = availability(backend)
        if not here.works:
            found.append(Planned(backend, here.version, missing=here.reason or "it does not work here"))
            continue
        if backend.name != STOCK and not backend.planner:  # those run nothing but engines
            found.append(Planned(backend, here.version))
        found += [Planned(backend, here.version, name) for name in _precisions_of(backend.name, precisions)]
    return found


def _precisions_of(backend: str, wanted: Sequence[str]) -> list[str]:
    if ALL not in wanted:
        return list(dict.fromkeys(wanted))
    return [name for name in PRECISIONS if _has_recipe(backend, name)]


def _has_recipe(backend: str, precision: str) -> bool:
    """Whether there is a recipe that makes sense: a processor has no tf32."""
    try:
        choose_recipe(BuildOptions(backend=backend, precision=precision))
    except UsageError:
        return False
    return True


def entries_of(
    model: str | Path, batches: Sequence[int | None], options: ContestOptions, progress: Callable[[str], None]
) -> list[list[Contender | Entry]]:
    """All entries of each batch; an engine that takes any batch is built once."""
    wanted = plan(options.backends, options.precisions)
    prepared: dict[tuple[str, int | None], Contender | Entry] = {}
    found: list[list[Contender | Entry]] = []
    for batch in batches:
        keys = [(planned, batch if planned.depends_on(options.shapes) else None) for planned in wanted]
        for planned, size in keys:
            if (planned.name, size) not in prepared:
                prepared[planned.name, size] = _prepared(model, planned, size, options, progress)
        found.append([prepared[planned.name, size] for planned, size in keys])
    return found


def _prepared(
    model: str | Path, planned: Planned, batch: int | None, options: ContestOptions, progress: Callable[[str], None]
) -> Contender | Entry:
    found = prepare(model, planned, batch=batch, shapes=options.shapes, timeout_s=options.timeout_s, progress=progress)
    if isinstance(found, Entry):
        progress(f"{planned.name}: refused")
    return found


def prepare(
    model: str | Path,
    planned: Planned,
    *,
    batch: int | None,
    shapes: Mapping[str, Sequence[int]] | None,
    timeout_s: float | None,
    progress: Callable[[str], None],
) -> Contender | Entry:
    """The entry with its engine built, or, where that is refused or fails, the entry with the reason."""
    if planned.missing:
        return Entry(planned.backend.name, planned.version, planned.precision, refused=shown(planned.missing))
    if planned.precision is None:
        return Contender(planned)
    try:
        engine = build_for(
            model,
            backend=planned.backend.name,
            recipe=None,
            precision=planned.precision,
            optimize=None,
            timeout_s=timeout_s,
            progress=progress,
            batches=(batch,),
            shapes=shapes,
        )
    except Exception as error:  # noqa: BLE001 - whatever a pass comes upon, the other entries go on
        return left_out(Entry(planned.backend.name, planned.version, planned.precision), error)
    if why := emulated_note(engine.passport.notes):  # a hundred times slower, at times: no contest, and a long wait
        return Entry(planned.backend.name, planned.version, planned.precision, refused=shown(why))
    return Contender(planned, engine)


def left_out(entry: Entry, error: Exception) -> Entry:
    """The entry with the reason why it does not take part, or not to the end."""
    lasting = isinstance(error, AlexnetBenchError) and not isinstance(error, _TRANSIENT)
    return replace(entry, refused=shown(_reason(error)), transient=not lasting)


def _reason(error: Exception) -> str:
    if isinstance(error, AlexnetBenchError):
        return error.message
    where = "build-engine with this --backend and --precision, and --debug, shows where"
    return f"internal error while it was built: {type(error).__name__}: {printable(str(error), 200)}; {where}"


def shown(reason: str) -> str:
    """A reason on one line of bounded length."""
    return printable(" ".join(reason.split()), _MOST_REASON)
