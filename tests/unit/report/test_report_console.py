"""Tables that leave columns out where they are narrow, and never cut a number."""

from __future__ import annotations

import io

import pytest

from alexnet_bench.report.console import Cells, page, print_fitting

COLUMNS = (
    Cells("layer", ["a-name-that-is-much-too-long-for-its-column", "short"], is_name=True),
    Cells(">median", ["1.23 ms", "45.6 ms"]),
    Cells(">per second", ["813.0", "21.9"], goes=2),
    Cells("interval", ["0.98 to 1.02", "0.40 to 0.60"], goes=3),
    Cells(">error", ["1.0e-06", "2.0e-01"], goes=1),
)


def printed(width: int, columns: tuple[Cells, ...] = COLUMNS) -> list[str]:
    stream = io.StringIO()
    with page(stream, width=width) as console:
        print_fitting(console, columns)
    return stream.getvalue().splitlines()


@pytest.mark.parametrize(
    ("width", "headings"),
    [
        (120, "layer median per second interval error"),
        (60, "layer median per second interval error"),
        (48, "layer median per second error"),
        (34, "layer median error"),
        (24, "layer median"),
    ],
)
def test_what_tells_least_goes_first(width: int, headings: str) -> None:
    lines = printed(width)
    assert " ".join(lines[0].split()) == headings
    assert all(len(line) <= width for line in lines)
    assert ("1.23 ms" in lines[1], "45.6 ms" in lines[2]) == (True, True)
    assert ("1.0e-06" in lines[1]) == ("error" in headings)


def test_a_name_loses_its_middle_and_takes_what_room_there_is() -> None:
    assert printed(120)[1].startswith("a-name-that-is-much-too-long-for-its-column")
    assert printed(34)[1].split()[0] == "a-nam…its-column"
    assert printed(24)[1].split()[0] == "a-na…its-column"


def test_bars_of_every_length_have_a_sign_in_old_encodings() -> None:
    for encoding in ("ascii", "latin-1", "cp1252"):
        raw = io.BytesIO()
        stream = io.TextIOWrapper(raw, encoding)
        with page(stream, width=40) as console:
            console.print("█▉▊▋▌▍▎▏|▇▆▅▄▃▂▁")
        assert raw.getvalue().decode("ascii").rstrip() == "#####--.|#*+=-._"


def test_control_characters_are_harmless() -> None:
    (_, line) = printed(40, (Cells("name", ["\x1b[2Jgone"], is_name=True), Cells(">n", ["1"])))
    assert "\x1b" not in line
