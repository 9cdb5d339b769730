"""Who takes part in a contest: every backend with the model as given, and with an engine of each precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from alexnet_bench.backends.protocol import Backend
from alexnet_bench.backends.registry import BACKENDS, availability, get_backend
from alexnet_bench.core.contest import Entry
from alexnet_bench.core.errors import AlexnetBenchError, UsageError
from alexnet_bench.core.text import printable
from alexnet_bench.workflows.build import BuildOptions
from alexnet_bench.workflows.choose_recipe import PRECISIONS, choose_recipe
from alexnet_bench.workflows.engine_subject import EngineInUse, build_for

ALL = "all"
STOCK = "onnxruntime-cpu"
"""The backend that every other one is set against, with the model as given."""
_MOST_REASON = 400


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
        if precision not in (*PRECISIONS, ALL):
            raise UsageError(
                f"unknown precision {printable(precision)!r}", f"there are: {', '.join((*PRECISIONS, ALL))}"
            )


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


def prepare(
    model: str | Path, planned: Planned, *, timeout_s: float | None, progress: Callable[[str], None]
) -> Contender | Entry:
    """The entry with its engine built, or, where that is refused, the entry with the reason."""
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
        )
    except AlexnetBenchError as error:
        return Entry(planned.backend.name, planned.version, planned.precision, refused=shown(error.message))
    return Contender(planned, engine)


def shown(reason: str) -> str:
    """A reason on one line of bounded length."""
    return printable(" ".join(reason.split()), _MOST_REASON)
