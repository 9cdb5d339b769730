"""What has to fit together of an engine in the format of its runtime: its file, its passport, the graph beside it."""

from __future__ import annotations

from pathlib import Path

from alexnet_bench.backends.tensorrt.plan_header import read_plan_header
from alexnet_bench.core.errors import EngineError, ModelError
from alexnet_bench.core.passport import Passport
from alexnet_bench.core.text import printable
from alexnet_bench.engine.hashes import engine_hash

_BUILD_AGAIN = "build it again: alexnet-bench build-engine MODEL --rebuild"


def check_graph(plan: Path, graph: Path, passport: Passport, memo: Path | None = None) -> None:
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
            f"copy all files of the engine: {printable(plan.name, 200)}*; or {_BUILD_AGAIN}",
        )
    if passport.graph_file_sha256 is None:
        return
    try:
        same = engine_hash([graph], memo) == passport.graph_file_sha256
    except (OSError, ModelError) as error:
        raise EngineError(f"the graph of the engine {shown} cannot be read: {error}", _BUILD_AGAIN) from None
    if not same:
        raise EngineError(
            f"{beside}, beside the engine {shown}, is not the graph that it was built from",
            f"copy it again from where the engine comes from, or {_BUILD_AGAIN}",
        )


def check_header(plan: Path, passport: Passport) -> None:
    """Refuses an engine whose passport speaks of another flavour or version than its own first bytes.

    Raises:
        EngineError: with both.
    """
    header = read_plan_header(plan)
    told = f"{header.backend} {header.version}".strip()
    said = f"{passport.backend} {passport.backend_version if header.version else ''}".strip()
    if told != said:
        raise EngineError(
            f"the engine {printable(str(plan), 200)} is foreign: its first bytes are of {told}, and its passport "
            f"speaks of {printable(said, 200)}",
            _BUILD_AGAIN,
        )
