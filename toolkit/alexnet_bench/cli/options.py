"""What commands share: parsing of values, and progress."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated

import typer

from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.text import printable
from alexnet_bench.core.unused import check_none

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
HostCode = Annotated[
    bool, typer.Option("--host-code", help="Let an engine without a passport run code that it carries, as you.")
]
Json = Annotated[str | None, typer.Option(metavar="FILE", help="Write it as JSON; - is standard output.")]
Markdown = Annotated[str | None, typer.Option(metavar="FILE", help="Write it as Markdown; - is standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No table and no progress.")]
"""Options that several commands take alike."""

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
    least: Sequence[str], usual: Sequence[str], largest: Sequence[str], check: Callable[[Collection[str]], None]
) -> list[dict[str, tuple[tuple[int, ...], ...]]]:
    """Ranges of sizes by input name, for each optimisation profile; none where nothing is given.

    The n-th sizes of an input are those of the n-th profile; what is given once for an input holds in all of them.

    Args:
        least: as typed for --min.
        usual: as typed for --opt.
        largest: as typed for --max.
        check: refuses names that are none of an input; called where a range is not whole, as that may be why.

    Raises:
        UsageError: not all three ends of a range are there, or not for each profile.
    """
    given = [_repeated(texts, f"--{end}") for end, texts in (("min", least), ("opt", usual), ("max", largest))]
    names = list(dict.fromkeys(name for of_end in given for name in of_end))
    counts = {len(of_end.get(name, ())) for of_end in given for name in names}
    if 0 in counts:
        check(names)
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


def check_unused(why: str, given: Mapping[str, object]) -> None:
    """Refuses options that would be dropped.

    Args:
        why: they have no use.
        given: values by option, None for what was not typed.

    Raises:
        UsageError: any was typed.
    """
    check_none(why, [option for option, value in given.items() if value is not None])


def progress(*, quiet: bool) -> Callable[[str], None]:
    """A function that says on standard error what comes next."""

    def say(text: str) -> None:
        if not quiet:
            typer.echo(f"... {printable(text)}", err=True)

    return say
