"""What commands share: parsing of values, progress, and where results go."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alexnet_bench.core import atomic
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.text import printable

if TYPE_CHECKING:
    from alexnet_bench.core.document import Document

Shape = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=SIZES", help="Size of an input, as NAME=1x3x224x224; may be repeated."),
]
Threads = Annotated[
    int | None, typer.Option(metavar="N", help="Threads; default: the physical cores that may be used.")
]
Timeout = Annotated[
    float | None,
    typer.Option(
        metavar="S", help="End a runtime that loads, or runs once, for longer; default: 600 or less, by the work."
    ),
]
Top = Annotated[int | None, typer.Option(min=0, metavar="N", help="Layers to show, the slowest; 0 shows all.")]
Json = Annotated[str | None, typer.Option(metavar="FILE", help="Write it as JSON; - is standard output.")]
Markdown = Annotated[str | None, typer.Option(metavar="FILE", help="Write it as Markdown; - is standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No table and no progress.")]
"""Options that several commands take alike."""

_STANDARD_OUTPUT = ("-", "/dev/stdout")
_NEVER_OUTPUTS = (".onnx", ".plan", ".engine", ".trt", "passport.json")
_MAX_DIGITS = 18
_SIZES = re.compile(rf"\d{{1,{_MAX_DIGITS}}}(x\d{{1,{_MAX_DIGITS}}})*")


def batches(text: str) -> list[int | None]:
    """Batch sizes from "1,8,32"; nothing is the model's own batch, or 1.

    Raises:
        UsageError: something else than whole numbers from 1.
    """
    if not text.strip():
        return [None]
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) <= _MAX_DIGITS and int(part) > 0 for part in parts):
        raise UsageError(f"{printable(text)!r} is not a list of batch sizes", "for example --batch 1,8,32")
    return [int(part) for part in parts]


def shapes(texts: Sequence[str], option: str = "--shape") -> dict[str, tuple[int, ...]]:
    """Sizes by input name from "input=1x3x224x224"; a scalar is written "input=".

    Args:
        texts: as they were typed.
        option: that they were typed for.

    Raises:
        UsageError: something else, or one input twice.
    """
    found: dict[str, tuple[int, ...]] = {}
    for text in texts:
        name, equals, sizes = text.rpartition("=")
        if not equals or not name or (sizes and not _SIZES.fullmatch(sizes)):
            raise UsageError(
                f"{printable(text)!r} is not a shape",
                f"write {option} NAME=1x3x224x224, each size a whole number of at most {_MAX_DIGITS} digits",
            )
        if name in found:
            raise UsageError(f"the shape of {printable(name)} is given twice", f"give one {option} for each input")
        found[name] = tuple(int(size) for size in sizes.split("x") if size)
    return found


def profiles(
    least: Sequence[str], usual: Sequence[str], largest: Sequence[str]
) -> list[dict[str, tuple[tuple[int, ...], ...]]]:
    """Ranges of sizes by input name, for each optimisation profile; none where nothing is given.

    The n-th sizes of an input are those of the n-th profile; what is given once for an input holds in all of them.

    Raises:
        UsageError: not all three ends of a range are there, or not for each profile.
    """
    given = [_repeated(texts, f"--{end}") for end, texts in (("min", least), ("opt", usual), ("max", largest))]
    names = list(dict.fromkeys(name for of_end in given for name in of_end))
    counts = {len(of_end.get(name, ())) for of_end in given for name in names}
    if 0 in counts:
        lacking = next(name for name in names if any(name not in of_end for of_end in given))
        raise UsageError(
            f"the range of {printable(lacking)} is not whole", "give an input --min, --opt and --max, all three"
        )
    if len(counts - {1}) > 1:
        raise UsageError(
            f"sizes are given for {' and '.join(map(str, sorted(counts - {1})))} optimisation profiles",
            "give each of --min, --opt and --max once for a profile, in their order, or once for all",
        )
    return [
        {name: tuple(of_end[name][at if len(of_end[name]) > 1 else 0] for of_end in given) for name in names}
        for at in range(max(counts, default=0))
    ]


def _repeated(texts: Sequence[str], option: str) -> dict[str, list[tuple[int, ...]]]:
    """All sizes of each input, in their order."""
    found: dict[str, list[tuple[int, ...]]] = {}
    for text in texts:
        for name, sizes in shapes([text], option).items():
            found.setdefault(name, []).append(sizes)
    return found


def settings(texts: Sequence[str]) -> dict[str, str]:
    """Values by name from "strip=on".

    Raises:
        UsageError: something else, or one name twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name or not value:
            raise UsageError(f"{printable(text)!r} is not a setting", "write --set NAME=VALUE, as --set strip=on")
        if name in found:
            raise UsageError(f"the setting {printable(name)} is given twice", "give each setting once")
        found[name] = value
    return found


def targets(texts: Sequence[str]) -> list[str]:
    """The setting that `--target` stands for, all that are given in one; none where nothing is.

    Raises:
        UsageError: one is empty.
    """
    if not all(texts):
        raise UsageError("--target names no compute capability", "for example --target 86,89")
    return [f"compute_capability={','.join(texts)}"] if texts else []


def progress(*, quiet: bool) -> Callable[[str], None]:
    """A function that says on standard error what comes next."""

    def say(text: str) -> None:
        if not quiet:
            typer.echo(f"... {printable(text)}", err=True)

    return say


@dataclass(frozen=True)
class Outputs:
    """Where a document is written; "-" is standard output, and then the table goes to standard error."""

    json: str | None = None
    markdown: str | None = None

    def check(self) -> None:
        """Raises an error now rather than after minutes of measuring.

        Raises:
            UsageError: two outputs want the same place, or one would replace a model.
            OutputError: a file cannot be written.
        """
        files = [Path(target) for target in self._targets() if target not in _STANDARD_OUTPUT]
        if len(self._targets()) - len(files) > 1:
            raise UsageError("JSON and Markdown cannot both go to standard output", "give one of them a file")
        if len({file.absolute() for file in files}) < len(files):
            raise UsageError("JSON and Markdown cannot both go to one file", "give each its own")
        for file in files:
            if file.name.endswith(_NEVER_OUTPUTS):
                raise UsageError(
                    f"{printable(str(file))} is a model, an engine or its passport, and would be replaced",
                    "an output comes after its option: profile MODEL --json FILE.json",
                )
            atomic.check_writable(file)

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
