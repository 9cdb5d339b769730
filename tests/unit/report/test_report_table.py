from __future__ import annotations

import io
import os
import pty
import re
from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest
from rich.cells import cell_len

from alexnet_bench.core.profile import Caution, Profile, ProfileSet
from alexnet_bench.report.console import shorten
from alexnet_bench.report.table import print_profile

Read = Callable[[str], Profile]
HOSTILE = {
    "markup": "[bold red]x[/bold red][link=file:///etc/passwd]y[/link]",
    "html": "<script>alert(1)</script>",
    "pipes": "a|b||c",
    "backticks": "`rm -rf`",
    "newlines": "first\nsecond\r\nthird\u2028fourth",
    "ansi": "\x1b[2J\x1b[31mred\x07\x9b1m",
    "bidi": "safe\u202egnp.exe\u2066",
    "long": "n" * 10_000,
    "wide": "层" * 200,
    "combining": "e\u0301\u0301" * 50,
    "empty": "",
    "mention": "@everyone #1 https://evil.example www.evil.example ![x](y)",
}


def _printed(document: Profile | ProfileSet, *, top: int | None = None, width: int | None = None) -> str:
    stream = io.StringIO()
    print_profile(document, stream, top=top, width=width)
    return stream.getvalue()


def hostile(profile: Profile, text: str) -> Profile:
    """The profile with that text wherever a document holds text of a stranger."""
    layers = tuple(
        msgspec.structs.replace(layer, name=f"{text}{index}", op=text) for index, layer in enumerate(profile.layers)
    )
    return replace(
        profile,
        model=replace(
            profile.model, name=text, inputs=tuple(replace(item, name=text) for item in profile.model.inputs)
        ),
        engine=replace(profile.engine, backend=text, backend_version=text, compute_dtypes={text: 1})
        if profile.engine
        else None,
        layers=layers,
        ceilings=replace(profile.ceilings, flop_per_s={text: 1e12}, source=text) if profile.ceilings else None,
        budget=tuple(replace(line, device=text, notes=(text,)) for line in profile.budget),
        environment=replace(profile.environment, comparable={"cpu": text}),
        warnings=(Caution(text, text, text),),
    )


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", ["lenet-5", "lenet-5-static", "alexnet-2012", "squeezenet"])
def test_goldens(read: Read, golden: Callable[[str, str], None], name: str, width: int) -> None:
    golden(f"table-{name}-{width}.txt", _printed(read(name), width=width))


@pytest.mark.parametrize(
    ("macs", "flop", "shown"),
    [
        (15, 35, "15 MAC = 30 FLOP (35 with"),
        (0, 250_000, "0 MAC = 0.0000 MFLOP (0.2500 with"),
        (50_000, 100_000, "50,000 MAC = 0.1000 MFLOP (0.1000 with"),
        (49_000, 101_000_000, "49,000 MAC = 0.0001 GFLOP (0.1010 with"),
    ],
)
def test_totals_stand_in_a_unit_of_their_size(read: Read, macs: int, flop: int, shown: str) -> None:
    profile = read("lenet-5")
    totals = replace(profile.totals, macs=macs, mac_flop=2 * macs, flop=flop)
    assert shown in _printed(replace(profile, totals=totals), width=120)


@pytest.mark.parametrize("width", [40, 60, 80, 99, 100, 120, 200])
@pytest.mark.parametrize("name", ["lenet-5-static", "alexnet-2012", "squeezenet"])
def test_every_column_is_legible_at_any_width(read: Read, name: str, width: int) -> None:
    text = _printed(read(name), width=width)
    assert all(cell_len(line) <= width for line in text.splitlines())
    assert all(line == line.rstrip() for line in text.splitlines())
    if width >= 60:
        # Names may lose their middle, numbers may not lose anything.
        assert "…" not in re.sub(r"(?m)^\S*…\S*( \+ \S*)*", "", text)
    if width < 60:
        return
    headings = next(line for line in text.splitlines() if line.startswith("layer ")).split()
    assert ("bound" in headings) == (name != "lenet-5-static")
    assert ("moved" in headings) == (width >= 80)
    assert {"FLOP", "share"} < set(headings)


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("name", ["alexnet-2012", "lenet-5-static"])
@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_text_cannot_break_the_table(read: Read, kind: str, name: str, width: int) -> None:
    profile = read(name)
    text = _printed(hostile(profile, HOSTILE[kind]), top=0, width=width)
    assert all(line.isprintable() for line in text.split("\n"))
    assert all(cell_len(line) <= width for line in text.split("\n"))
    lines = text.split("\n")
    first = next(index for index, line in enumerate(lines) if line.startswith("layer "))
    assert lines[first + len(profile.layers) + 1] == ""
    assert lines[first + len(profile.layers)] != ""
    if kind == "markup":
        assert "[bold red]" in text


def test_the_number_of_layers(read: Read) -> None:
    profile = read("squeezenet")
    slowest = sorted(profile.layers, key=lambda layer: -(layer.time_s or 0))
    text = _printed(profile, top=3)
    assert all(layer.name in text for layer in slowest[:3])
    assert f"{len(profile.layers) - 3} more with" in text
    order = [text.index(f"\n{layer.name} ") for layer in profile.layers if layer in slowest[:3]]
    assert order == sorted(order)
    for top in (0, len(profile.layers), 10_000):
        assert "more with" not in _printed(profile, top=top)


def test_many_layers_are_cut_by_themselves(read: Read) -> None:
    profile = read("squeezenet")
    doubled = replace(profile, layers=profile.layers * 2)
    assert f"{2 * len(profile.layers) - 25} more with" in _printed(doubled)


def test_without_a_terminal_there_are_no_escape_codes(read: Read) -> None:
    assert "\x1b" not in _printed(read("alexnet-2012"))


def _on_a_terminal(profile: Profile) -> str:
    reader, writer = pty.openpty()
    with open(writer, "w", encoding="utf-8") as stream:  # noqa: PTH123 - a descriptor
        assert stream.isatty()
        print_profile(replace(profile, layers=profile.layers[:1]), stream, width=80)
        shown = os.read(reader, 1 << 16).decode()
    os.close(reader)
    return shown


def test_a_terminal_gets_colours_unless_told_not_to(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[" in _on_a_terminal(read("alexnet-2012"))
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in _on_a_terminal(read("alexnet-2012"))


@pytest.mark.parametrize(("columns", "longest"), [("72", 72), ("", 120), ("junk", 120), ("0", 120), ("7", 40)])
def test_the_width_is_that_of_COLUMNS(  # noqa: N802 - the name of the variable
    read: Read, monkeypatch: pytest.MonkeyPatch, columns: str, longest: int
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    lines = _printed(read("alexnet-2012")).splitlines()
    assert longest - 12 <= max(map(cell_len, lines)) <= longest


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_any_encoding_of_the_stream_will_do(read: Read, encoding: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    print_profile(read("alexnet-2012"), stream, width=100)
    text = raw.getvalue().decode(encoding)
    assert ("█" in text) == (encoding == "utf-8")
    bounds = [line.rindex("neither") for line in text.splitlines() if line.startswith("norm") and "neither" in line]
    assert len(set(bounds)) == 1


def test_a_set_ends_in_a_comparison(read: Read) -> None:
    both = ProfileSet((read("lenet-5"), read("alexnet-2012"), read("lenet-5-static")))
    text = _printed(both)
    assert text.count("latency ") == 2
    table = text[text.index("batch  ") :].splitlines()
    assert re.split(r"\s{2,}", table[0]) == ["batch", "median", "p99", "throughput", "FLOP/s"]
    assert len(table) == 3


def test_numbers_out_of_all_bounds_do_not_break_the_table(read: Read) -> None:
    profile = read("alexnet-2012")
    layers = tuple(
        msgspec.structs.replace(
            layer, time_s=1e-30, time_fraction=fraction, flop=10**30, flop_per_s=1e300, fraction_of_ceiling=1e30
        )
        for layer, fraction in zip(profile.layers, (1e9, -5.0, 0.0, None, *[0.1] * 99), strict=False)
    )
    text = _printed(replace(profile, layers=layers), width=120)
    assert len(text) < 100_000


def test_nothing_to_show(read: Read) -> None:
    profile = read("alexnet-2012")
    text = _printed(replace(profile, layers=(), budget=(), ceilings=None, warnings=()))
    assert "Nothing of this model is left to run." in text


@pytest.mark.parametrize(
    ("text", "columns", "shown"),
    [
        ("conv1", 5, "conv1"),
        ("block1/conv1/weights", 10, "blo…weights"[:3] + "…" + "eights"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
        ("层层层层", 5, "…层"[:1] + "层"),
    ],
)
def test_names_lose_their_middle(text: str, columns: int, shown: str) -> None:
    assert cell_len(shorten(text, columns)) <= columns
    assert shorten(text, columns) == shown
