from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet_bench.core.text import escape_controls, listed, plural, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("conv1 + relu1", "conv1 + relu1"),
        ("größe 层", "größe 层"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x9b31m", "\\x9b31m"),  # the one-byte form of the terminal's escape
        ("safe\u202eexe.onnx", "safe\\u202eexe.onnx"),
        ("\u2066isolate\u2069", "\\u2066isolate\\u2069"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\ud800", "\\ud800"),
        ("m\udcc3\udcb6del", "mödel"),  # a file's name, where the locale is not UTF-8
        ("m\udcf6del\x1b", "m\\udcf6del\\x1b"),  # in Latin-1
        ("\U000e0041", "\\U000e0041"),
        ("", ""),
    ],
)
def test_what_moves_the_cursor_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_long_text_is_cut() -> None:
    assert printable("x" * 120) == "x" * 120
    assert printable("x" * 121) == "x" * 119 + "…"
    assert len(printable("x" * 10_000_000)) == 120
    assert printable("abcdef", 4) == "abc…"


@given(st.text(), st.integers(1, 50))
def test_nothing_shown_is_longer_than_the_limit_or_unprintable(text: str, limit: int) -> None:
    shown = printable(text, limit)
    assert len(shown) <= limit
    assert shown.isprintable()


def test_characters_can_be_kept() -> None:
    assert escape_controls("a\nb\x1b", keep="\n") == "a\nb\\x1b"


def test_plurals() -> None:
    assert [plural(count, "layer") for count in (0, 1, 2)] == ["0 layers", "1 layer", "2 layers"]
    assert plural(3, "process") == "3 processes"
    assert plural(12_157, "run") == "12,157 runs"


def test_a_list_that_is_cut_says_how_many_more_there_are() -> None:
    assert listed(["a", "b"], 2) == "a, b"
    assert listed(["a", "b", "c"], 2) == "a, b and 1 more"
