"""Whether an engine that was found is whole, and may be used in a place: refused with the reason where not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alexnet_bench.backends.tensorrt.plan_header import check_plan, read_plan_header
from alexnet_bench.core.errors import EngineError, ModelError, UsageError
from alexnet_bench.core.passport import Passport, build_again
from alexnet_bench.core.text import printable
from alexnet_bench.engine.hashes import engine_hash
from alexnet_bench.engine.key import Place
from alexnet_bench.engine.loading import Engine, engine_files, graph_file, is_plan


def check_whole(engine: Engine, memo: Path | None = None) -> None:
    """Refuses an engine whose bytes, or those of the graph beside it, are not those that its passport speaks of.

    Args:
        engine: to look at.
        memo: folder of hashes computed before; None reads every byte.

    Raises:
        EngineError: it is damaged, another file, or without its graph; or its passport is of another engine.
    """
    files = engine_files(engine.file, engine.passport.key)
    shown = printable(str(engine.file), 200)
    try:
        size, same = sum(path.stat().st_size for path in files), False
        if size == engine.passport.size_bytes:
            same = engine_hash(files, memo) == engine.passport.engine_sha256
    except (OSError, ModelError) as error:
        raise EngineError(f"the engine {shown} cannot be read: {error}", build_again(engine.passport)) from None
    if size != engine.passport.size_bytes:
        wrong = f"{size:,} bytes, and its passport speaks of {engine.passport.size_bytes:,}"
        raise EngineError(f"the engine {shown} is damaged: {wrong}", build_again(engine.passport))
    if not same:
        raise EngineError(
            f"the engine {shown} is damaged: its bytes are not those it was built with", build_again(engine.passport)
        )
    if is_plan(engine.file):
        _check_header(engine.file, engine.passport)
        _check_graph(engine.file, graph_file(engine.file), engine.passport, memo)


def reasons_against(passport: Passport, here: Place) -> tuple[str, ...]:
    """Why an engine must not be used in a place: what it was built with or for is something else. Empty when it may."""
    pairs: Sequence[tuple[str, str, str | None, str | None]] = (
        ("foreign", "for backend", passport.backend, here.backend),
        ("foreign", "for target", passport.target, here.target),
        ("foreign", "for", passport.device, here.device),
        ("stale", f"with {passport.backend}", passport.backend_version, here.backend_version),
        ("stale", "with driver", passport.driver, here.driver),
    )
    return tuple(
        f"{kind}: built {relation} {printable(str(was))}, and here is {printable(str(now))}"
        for kind, relation, was, now in pairs
        if was != now
    )


def check_usable(engine: Engine, here: Place) -> None:
    """Refuses a stale engine, and one that was built for another machine.

    Raises:
        EngineError: with every reason.
    """
    reasons = reasons_against(engine.passport, here)
    if reasons:
        raise EngineError(
            f"the engine {printable(str(engine.file), 200)} is {'; '.join(reasons)}", build_again(engine.passport)
        )
    if is_plan(engine.file):
        check_plan(engine.file, here.backend, here.backend_version)


def check_backend(passport: Passport, asked: str | None) -> None:
    """Refuses another backend than an engine was built for; None asks for none.

    Raises:
        UsageError: with both.
    """
    if asked is not None and asked != passport.backend:
        raise UsageError(
            f"the engine was built for backend {passport.backend}, and --backend asks for {printable(asked)}",
            "leave --backend out, or build one: alexnet-bench build-engine MODEL --backend NAME",
        )


def _check_graph(plan: Path, graph: Path, passport: Passport, memo: Path | None = None) -> None:
    """Refuses an engine whose graph is missing, or is not the one that was written beside it.

    Args:
        plan: the engine.
        graph: where its graph has to lie.
        passport: of the engine; one without the hash of the graph lets any graph pass.
        memo: folder of hashes computed before; None reads every byte.

    Raises:
        EngineError: with the reason.
    """
    shown, beside = printable(str(plan), 200), printable(graph.name, 200)
    if not graph.is_file():
        raise EngineError(
            f"the graph of the engine {shown} is missing: there is no {beside} beside it",
            f"copy all files of the engine: {printable(plan.name, 200)}*; or {build_again(passport)}",
        )
    if passport.graph_file_sha256 is None:
        return
    try:
        same = engine_hash([graph], memo) == passport.graph_file_sha256
    except (OSError, ModelError) as error:
        raise EngineError(f"the graph of the engine {shown} cannot be read: {error}", build_again(passport)) from None
    if not same:
        raise EngineError(
            f"{beside}, beside the engine {shown}, is not the graph that it was built from",
            f"copy it again from where the engine comes from, or {build_again(passport)}",
        )


def _check_header(plan: Path, passport: Passport) -> None:
    """Refuses an engine whose passport speaks of another flavour or version than its own first bytes.

    Raises:
        EngineError: with both.
    """
    header = read_plan_header(plan)
    told = f"{header.backend} {header.only_version}".strip()
    said = f"{passport.backend} {passport.backend_version if header.only_version else ''}".strip()
    if told != said:
        raise EngineError(
            f"the engine {printable(str(plan), 200)} is foreign: its first bytes are of {told}, and its passport "
            f"speaks of {printable(said, 200)}",
            build_again(passport),
        )
