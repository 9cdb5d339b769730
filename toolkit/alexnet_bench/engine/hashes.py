"""Hashes of models and engines, computed once for each state of a file.

A state is the file's device, inode, size, and times of modification and change, taken before the file is read. The
system sets the time of change on every write, and no program can set it back, so that a file in the same state has the
same bytes, unless it was written within one tick of the clock after it was looked at. A file that was that young then
is hashed again. States are those of what the model names, so that a link that leads elsewhere now is another file.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from alexnet_bench.core import atomic
from alexnet_bench.core.errors import OutputError
from alexnet_bench.core.file_states import FileState, states_of
from alexnet_bench.graph.file_bytes import mapped

_TICK_NS = 100_000_000
_COARSE_TICK_NS = 3_000_000_000
"""Of file systems that keep whole seconds, or two of them."""
_SECOND_NS = 1_000_000_000


class Hashed(msgspec.Struct, frozen=True):
    """A hash, the files that it is of as they were before, and when the hashing began, in nanoseconds since 1970."""

    sha256: str
    files: tuple[FileState, ...]
    begun_ns: int

    @property
    def is_current(self) -> bool:
        """Whether no file has changed since it was hashed, as far as its state says."""
        return all(state.is_untouched for state in self.files)

    @property
    def is_settled(self) -> bool:
        """Whether every later write must have changed a file's state."""
        return all(max(state.modified_ns, state.changed_ns) + _tick(state) < self.begun_ns for state in self.files)


def model_hash(path: Path, memo: Path) -> Hashed:
    """Hash of a model: of its graph and its weights, external data included.

    SHA-256 of `graph_sha256` and `weights_sha256` of its profile as hexadecimal text, with a blank between them.

    Args:
        path: of the ONNX file.
        memo: a folder for hashes that were computed before.

    Raises:
        ModelError: it cannot be read, or is no model.
    """

    def compute() -> tuple[str, tuple[FileState, ...]]:
        from alexnet_bench.graph import external  # what a memo has no use for takes a while to import
        from alexnet_bench.graph.model_bytes import weights_sha256
        from alexnet_bench.graph.onnx_io import open_model

        model = open_model(path)
        external.check_present(path, model.data_files)
        return hashlib.sha256(f"{model.sha256} {weights_sha256(model)}".encode()).hexdigest(), model.states

    return _remembered("model", path, memo, compute)


def engine_hash(files: Sequence[Path], memo: Path | None) -> str:
    """SHA-256 of an engine's files, one after the other; that of a single file is what sha256sum prints.

    Args:
        files: the engine, then its data.
        memo: as for `model_hash`; None reads every byte in any case.

    Raises:
        ModelError: a file cannot be read.
    """

    def compute() -> tuple[str, tuple[FileState, ...]]:
        digest, states = hashlib.sha256(), states_of(files)
        for file in files:
            digest.update(mapped(file))
        return digest.hexdigest(), states

    return compute()[0] if memo is None else _remembered("engine", files[0], memo, compute).sha256


def _remembered(kind: str, path: Path, memo: Path, compute: Callable[[], tuple[str, tuple[FileState, ...]]]) -> Hashed:
    """What the memo knows, else what is computed; that gives the files with their states before they were read."""
    identity = f"{kind} {path.absolute()}"
    entry = memo / f"{hashlib.sha256(os.fsencode(identity)).hexdigest()[:32]}.json"
    kept = _kept(entry)
    if kept is not None and kept.is_settled and kept.is_current:
        return kept
    begun_ns = time.time_ns()
    sha256, states = compute()
    hashed = Hashed(sha256, tuple(replace(state, path=str(Path(state.path).absolute())) for state in states), begun_ns)
    # Without a memo it takes longer, and nothing else; JSON has no way to write a path that is not UTF-8.
    with contextlib.suppress(OSError, OutputError, UnicodeEncodeError):
        memo.mkdir(parents=True, exist_ok=True)
        atomic.write_bytes(entry, msgspec.json.encode(hashed))
    return hashed


def _kept(entry: Path) -> Hashed | None:
    try:
        return msgspec.json.decode(entry.read_bytes(), type=Hashed)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _tick(state: FileState) -> int:
    return _TICK_NS if state.modified_ns % _SECOND_NS else _COARSE_TICK_NS
