"""The tree of errors a user can meet.

AlexnetBenchError              base; carries the message, a hint and the exit code
├── UsageError            2    options that contradict each other or name something unknown
├── ModelError            2    a model file that cannot be read, or is not what it claims
├── ShapeError            2    an input whose shape is needed and not known
├── WeightsError          2    weights that do not fit the network
├── OutputError           2    a file that cannot be written
├── MissingRuntimeError   2    a backend whose packages are not installed
├── BackendRefusal        2    a backend that does not take this model, with its reason
├── EngineError           2    an engine that is damaged, stale, or made for another machine
├── PrecisionError        1    an engine that computes in another type than it was asked to
└── BackendCrash          5    a worker that died, hung or broke its protocol
"""

from __future__ import annotations

import errno
import os
from typing import ClassVar


class AlexnetBenchError(Exception):
    """Base of every error raised on purpose.

    Attributes:
        message: what went wrong, naming the file and the node where there is one.
        hint: what to type or change next; may be empty.
        exit_code: the exit status of the command line.
    """

    exit_code: ClassVar[int] = 5

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(AlexnetBenchError):
    """Options that contradict each other, or a name that is not known."""

    exit_code = 2


class ModelError(AlexnetBenchError):
    """A model file that cannot be read: missing, truncated, not ONNX, or pointing outside its folder."""

    exit_code = 2


class ShapeError(AlexnetBenchError):
    """An input dimension that has to be given before the model can be counted or run."""

    exit_code = 2


class WeightsError(AlexnetBenchError):
    """Weights that do not fit the network; the message names each of them."""

    exit_code = 2


class OutputError(AlexnetBenchError):
    """A file that cannot be written."""

    exit_code = 2


class MissingRuntimeError(AlexnetBenchError):
    """A backend whose packages are not installed; the hint is the exact pip line."""

    exit_code = 2


class BackendRefusal(AlexnetBenchError):  # noqa: N818 - a refusal is the field's word, and not a fault of the tool
    """A backend that loaded but does not take this model; the message carries its own reason."""

    exit_code = 2


class EngineError(AlexnetBenchError):
    """A built engine that must not be used: damaged, made by other versions, or for another machine."""

    exit_code = 2


class PrecisionError(AlexnetBenchError):
    """An engine that was built, and whose layers compute in another type than was asked for; names them."""

    exit_code = 1


class BackendCrash(AlexnetBenchError):  # noqa: N818 - as above
    """A worker process that died, hung past its deadline or broke its protocol."""

    exit_code = 5


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""A disk is full, or all that one may use of it, or a file is as long as it may be."""


def is_want_of_room(error: BaseException | None) -> bool:
    """Whether something may not have been written for want of room: numpy's error of a short write has no number."""
    return isinstance(error, OSError) and error.errno in (*_NO_ROOM, None)


def folder_gone(error: BaseException) -> UsageError | None:
    """What a user is told where a file is not found since the working folder is no more; None for others."""
    if not isinstance(error, FileNotFoundError) or os.path.isabs(error.filename or ""):  # noqa: PTH117 - may be bytes
        return None
    try:
        os.getcwd()  # noqa: PTH109 - the same, and nothing else is needed of paths here
    except FileNotFoundError:
        return UsageError("the working folder does not exist any more", "cd to another folder, or give absolute paths")
    return None


def disk_full(error: BaseException) -> OutputError | None:
    """What a user is told where an error means that a disk is full, and no more is known of where; None for others."""
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return OutputError(f"nothing more can be written: {error.strerror}", "make room, or write somewhere else")
    return None
