"""Standard streams that nobody needs to read: a reader that leaves, or a stream that was closed, ends no work."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

_OUTPUT, _ERROR = 1, 2
"""Their descriptors; 0 is the input."""


class _Stream(io.FileIO):
    """What a standard stream writes to, until that fails; from then on what is written goes nowhere.

    The descriptor itself is led elsewhere: Python, as it ends, and libraries that write past it meet no error either.
    """

    def write(self, data: Buffer) -> int:
        """As the base does it, but that a reader who left is no error.

        Raises:
            OSError: a result could not be written, as to a full disk; once. What cannot be said on standard error is
                not said.
        """
        try:
            return super().write(data)
        except OSError as error:
            _lead_nowhere(self.fileno())
            if not isinstance(error, BrokenPipeError) and self.fileno() != _ERROR:
                raise
            return super().write(data)


def prepare() -> None:
    """Makes the standard streams of this process such ones; once, before files are opened."""
    for number in (0, _OUTPUT, _ERROR):
        try:
            os.fstat(number)
        except OSError:  # closed: the next file would have its number, and what is printed
            _lead_nowhere(number)
    if sys.stdout is None or sys.stdout is sys.__stdout__:
        sys.stdout = _text(_OUTPUT, sys.stdout)
    if sys.stderr is None or sys.stderr is sys.__stderr__:
        sys.stderr = _text(_ERROR, sys.stderr)


def _lead_nowhere(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere == number:
        os.set_inheritable(number, True)
        return
    os.dup2(nowhere, number)
    os.close(nowhere)


def _text(number: int, usual: TextIO | None) -> io.TextIOWrapper:
    """A stream of text with the encoding and the manners of the usual one; that one is kept, and stays empty."""
    stream = io.BufferedWriter(_Stream(number, "wb", closefd=False))
    if not isinstance(usual, io.TextIOWrapper):
        return io.TextIOWrapper(stream, encoding="utf-8", errors="backslashreplace", line_buffering=True)
    with suppress(OSError):
        usual.flush()
    return io.TextIOWrapper(
        stream,
        encoding=usual.encoding,
        errors=usual.errors,
        line_buffering=usual.line_buffering or usual.write_through,  # below it is a buffer, `python -u` or not
        write_through=usual.write_through,
    )
