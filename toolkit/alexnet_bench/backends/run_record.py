"""What a layer run leaves in its folder, for backends that write a record of their own."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from alexnet_bench.core.errors import BackendCrash

_R = TypeVar("_R")


def write_record(path: Path, record: msgspec.Struct) -> None:
    """Writes the record of a layer run, for `read_record`."""
    path.write_bytes(msgspec.json.encode(record))


def read_record(path: Path, kind: type[_R], runtime: str) -> _R:
    """The record of a layer run.

    Args:
        path: of its file.
        kind: what the file holds, as JSON.
        runtime: for the message.

    Raises:
        BackendCrash: it is not there, or damaged.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BackendCrash(f"{runtime}'s layer times cannot be read: {error}", "is the disk full?") from None


def check_runs(told: int, timed_runs: int, runtime: str) -> None:
    """Raises BackendCrash when a record holds fewer runs than were timed."""
    if told < timed_runs:
        raise BackendCrash(f"{runtime}'s layer times hold {told} runs of {timed_runs}")
