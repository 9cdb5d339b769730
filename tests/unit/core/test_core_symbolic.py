from __future__ import annotations

import dataclasses
import re
import typing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.symbolic import Condition, SymbolicCounts, Term, formula

_DOCS = Path(__file__).parents[3] / "docs"


def test_a_formula_is_written_with_its_highest_powers_first() -> None:
    terms = [Term(-7, {}), Term(85_000_000, {"T": 1, "N": 1}), Term(18_432, {"N": 1, "T": 2})]
    assert formula(terms).text == "18,432*N*T^2 + 85,000,000*T*N - 7"
    assert formula([Term(1, {"N": 1}), Term(-1, {"N": 2})]).text == "-N^2 + N"
    assert formula([Term(3, {"H": 1, "W": 1}, 1024), Term(1, {}, 2)]).text == "3*H*W/1,024 + 1/2"
    assert formula([]).text == "0"


@pytest.mark.parametrize(
    ("name", "text"),
    [("input.0", "input.0"), ("batch-size", "[batch-size]"), ("a\x1b[31m", "[a\\x1b[31m]"), ("", "[]")],
)
def test_a_name_cannot_be_read_as_a_formula(name: str, text: str) -> None:
    assert formula([Term(2, {name: 1})]).text == f"2*{text}"


def test_a_formula_has_a_value() -> None:
    half = formula([Term(1, {"N": 2, "H": 1}, 2), Term(5, {})])
    assert half.at({"N": 3, "H": 4, "unused": 1}) == 23
    with pytest.raises(UsageError, match="also depends on H"):
        half.at({"N": 3})
    with pytest.raises(UsageError, match="does not hold for") as error:
        half.at({"N": 3, "H": 5})
    assert "where" in error.value.hint


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int32, np.int64, np.uint64])
def test_sizes_of_numpy_do_not_wrap_around(kind: type[np.integer[Any]]) -> None:
    area = formula([Term(100_000, {"H": 4, "W": 4})])
    sizes: dict[str, Any] = {"H": kind(96), "W": kind(64)}
    assert area.at(sizes) == 100_000 * 96**4 * 64**4


@pytest.mark.parametrize("size", [2.0, "2", None, True, 0, -1])
def test_what_is_no_size_has_no_value(size: Any) -> None:
    with pytest.raises(UsageError, match="is no size of H"):
        formula([Term(1, {"H": 1})]).at({"H": size})


def test_a_condition_tells_which_sizes_fit() -> None:
    condition = Condition("H", multiple_of=32, at_least=64, at_most=512)
    assert [size for size in (32, 64, 80, 512, 544) if condition.holds(size)] == [64, 512]
    assert Condition("N").holds(10**9)


def test_a_condition_is_said_in_words() -> None:
    assert str(Condition("H", 32, 64, 512)) == "multiples of 32 from 64 up to 512"
    assert str(Condition("H", excluding=(224, 1024))) == "sizes other than 224 and 1,024"
    assert str(Condition("H", 32, 32, excluding=(224,))) == "multiples of 32 other than 224"
    assert not Condition("H", excluding=(224,)).holds(224)


def _fields(kind: typing.Any) -> set[str]:
    found = {field.name for field in dataclasses.fields(kind)}
    for hint in typing.get_type_hints(kind).values():
        for part in (hint, *typing.get_args(hint)):
            if dataclasses.is_dataclass(part):
                found |= _fields(part)
    return found


def test_every_field_is_described() -> None:
    text = (_DOCS / "symbolic.md").read_text(encoding="utf-8")
    described = {name for row in re.findall(r"(?m)^\| `.*", text) for name in re.findall(r"`(\w+)`", row)}
    assert _fields(SymbolicCounts) <= described
