"""Where results go, and what they must not replace."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet_bench.core import atomic
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.places import READ_FROM, check_apart, check_places

if TYPE_CHECKING:
    from alexnet_bench.core.document import Document

_STANDARD_OUTPUT = ("-", "/dev/stdout")
_OURS, _HEAD = b'"schema": "alexnet-bench.', 200
"""At the beginning of each document that this tool writes."""


@dataclass(frozen=True)
class Outputs:
    """Where a document is written; "-" is standard output, and then the table goes to standard error."""

    json: str | None = None
    markdown: str | None = None

    def check(self, read: Iterable[str | None] = (), inputs: str | None = None) -> None:
        """Raises an error now rather than after minutes of measuring.

        Args:
            read: what the command reads, as it was typed.
            inputs: a file or folder of arrays that it reads.

        Raises:
            UsageError: two outputs want the same place, or one would replace a model, or what is read.
            OutputError: a file cannot be written.
        """
        if sum(target in _STANDARD_OUTPUT for target in self._targets()) > 1:
            raise UsageError("JSON and Markdown cannot both go to standard output", "give one of them a file")
        check_files(self.files, read, inputs)

    def write(self, document: Document, *, top: int | None, quiet: bool) -> None:
        """Writes what was asked for and shows the table, which a full disk does not take away.

        Raises:
            OutputError: a file could not be written after all.
        """
        try:
            self._write_files(document, top)
        finally:
            if not quiet:
                from alexnet_bench.report.render import show

                show(document, sys.stderr if self.take_stdout else sys.stdout, top=top)

    def emit(self, *, json: Callable[[], bytes] | None = None, markdown: Callable[[], bytes] | None = None) -> None:
        """Writes what was asked for of a result that is no profile; the contents are only made then.

        Raises:
            OutputError: a file could not be written after all.
        """
        for target, content in ((self.json, json), (self.markdown, markdown)):
            if target is not None and content is not None:
                _emit(target, content())

    @property
    def take_stdout(self) -> bool:
        """Whether standard output is taken, so that a table goes to standard error."""
        return any(target in _STANDARD_OUTPUT for target in self._targets())

    @property
    def files(self) -> dict[str, Path]:
        """The files to write, by the option that names them."""
        given = {"--json": self.json, "--markdown": self.markdown}
        return {name: Path(file) for name, file in given.items() if file is not None and file not in _STANDARD_OUTPUT}

    def _targets(self) -> list[str]:
        return [target for target in (self.json, self.markdown) if target is not None]

    def _write_files(self, document: Document, top: int | None) -> None:
        if self.json is not None:
            from alexnet_bench.core.document import encode

            _emit(self.json, encode(document))
        if self.markdown is not None:
            from alexnet_bench.report.render import to_markdown

            _emit(self.markdown, to_markdown(document, top=top).encode())


def _emit(target: str, content: bytes) -> None:
    if target in _STANDARD_OUTPUT:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        atomic.write_bytes(Path(target), content)


def check_files(files: Mapping[str, Path], read: Iterable[str | None], inputs: str | None = None) -> None:
    """Raises an error where files, given by the options that name them, cannot be written or must not be replaced.

    Args:
        files: to be written.
        read: what the command reads, as it was typed; what is no file does no harm.
        inputs: a file or folder of arrays that it reads.

    Raises:
        UsageError: two are one, or one would replace a model, or what is read.
        OutputError: a file cannot be written.
    """
    typed = [item for item in read if item]
    check_places(files, [*_typed_files(typed), *([Path(inputs)] if inputs else [])])
    if any(map(_may_be_read, files.values())):
        from alexnet_bench.workflows.files_of import files_of  # an output that is not there yet does without

        check_apart(files, [file for item in typed for file in files_of(item)])
    for file in files.values():
        atomic.check_writable(file)


def _typed_files(typed: Iterable[str]) -> list[Path]:
    """The files that are named themselves, and those of trtexec in folders that are."""
    given = list(typed)
    folders = [Path(item.removeprefix(READ_FROM) or ".") for item in given if item.startswith(READ_FROM)]
    files = [Path(item) for item in given if os.path.isfile(item)]  # noqa: PTH113 - odd names raise nothing
    return [*files, *(file for folder in folders for file in _of_trtexec(folder))]


def _may_be_read(file: Path) -> bool:
    """Whether a file is there that may belong to a model or a recipe: any but a document of ours."""
    try:
        return file.is_file() and _OURS not in _head(file)
    except (OSError, ValueError):  # whoever writes it says what is wrong
        return False


def _of_trtexec(folder: Path) -> list[Path]:
    """The files in a folder of trtexec; documents of ours and Markdown, which it writes none of, may be replaced."""
    try:
        files = [path for path in folder.iterdir() if path.is_file() and path.suffix != ".md"]
        return [path for path in files if _OURS not in _head(path)]
    except (OSError, ValueError):  # its reader says what is wrong
        return []


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(_HEAD)
