"""Where the weights lie of an engine that is kept without them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from alexnet_bench.core.errors import EngineError
from alexnet_bench.core.passport import build_again, build_command
from alexnet_bench.core.text import printable
from alexnet_bench.core.workspace import engines_root, memo_folder
from alexnet_bench.engine import loading
from alexnet_bench.engine.cache import PASSPORT_FILE
from alexnet_bench.engine.hashes import engine_hash


def weights_of(file: Path) -> Path:
    """The ONNX file that a stripped engine was built from: beside it in its folder, else in this machine's cache.

    Args:
        file: the engine, with its passport.

    Raises:
        EngineError: there is none, or it is not the one that the engine was built from.
    """
    engine = loading.find_engine(str(file), engines_root())
    passport = engine.passport
    found = next((path for folder in _folders(engine) if (path := loading.weights_in(folder)) is not None), None)
    shown = printable(str(file), 200)
    if found is None:
        raise EngineError(
            f"the engine {shown} is kept without its weights, and the cache here does not have them",
            f"build it from its model here, by the same recipe: {build_command(passport)}",
        )
    if engine_hash(loading.engine_files(found, passport.key), memo_folder()) != passport.refit_sha256:
        raise EngineError(
            f"the weights for the engine {shown} are damaged, or others: {printable(str(found), 200)}",
            build_again(passport),
        )
    return found


def _folders(engine: loading.Engine) -> Iterator[Path]:
    if (engine.file.parent / PASSPORT_FILE).is_file():
        yield engine.file.parent
    yield engines_root() / engine.passport.key
