from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet_bench.core.units import WrittenSize, binary_bytes, digits, percent, quantity, rate, read_size, share

_FACTORS = {"P": 1e15, "T": 1e12, "G": 1e9, "M": 1e6, "k": 1e3, "": 1.0, "m": 1e-3, "µ": 1e-6, "n": 1e-9}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0, "0 s"),
        (-0.0, "0 s"),
        (1, "1.00 s"),
        (999.4, "999 s"),
        (999.5, "1.00 ks"),
        (999.6, "1.00 ks"),
        (0.9996, "1.00 s"),
        (0.99949, "999 ms"),
        (9.995, "10.0 s"),
        (99.95, "100 s"),
        (0.0132, "13.2 ms"),
        (20.6e-6, "20.6 µs"),
        (1.4488e9, "1.45 Gs"),
        (-0.0132, "-13.2 ms"),
        (3e-10, "0.30 ns"),
        (1e-15, "1.00e-15 s"),
        (4e-12, "4.00e-12 s"),
        (2e-11, "0.02 ns"),
        (5e17, "500 Ps"),
        (1e18, "1.00e+18 s"),
        (1e300, "1.00e+300 s"),
    ],
)
def test_quantities_have_a_prefix_and_three_digits(value: float | None, text: str) -> None:
    assert quantity(value, "s") == text


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (500, "500"), (240_000, "240 k"), (1e20, "1.00e+20")])
def test_a_quantity_without_a_unit_ends_without_a_blank(value: float, text: str) -> None:
    assert quantity(value, "") == text


@given(st.floats(1e-9, 9e17))
def test_a_quantity_read_back_is_the_value_to_three_digits(value: float) -> None:
    number, _, unit = quantity(value, "x").partition(" ")
    assert float(number.replace(",", "")) * _FACTORS[unit.removesuffix("x")] == pytest.approx(value, rel=0.0051)
    assert len(number) <= 4


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1023.6, "1.00 KiB"),
        (1024, "1.00 KiB"),
        (243_860_896, "233 MiB"),
        (3 << 30, "3.00 GiB"),
        (5 << 40, "5.00 TiB"),
        (-(3 << 30), "-3.00 GiB"),
        (1e30, "1.00e+30 B"),
    ],
)
def test_memory_is_told_in_powers_of_1024(value: float | None, text: str) -> None:
    assert binary_bytes(value) == text


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (None, "-"),
        (0.0, "0.0 %"),
        (1e-9, "<0.1 %"),
        (0.00049, "<0.1 %"),
        (0.0005, "0.1 %"),
        (0.0994, "9.9 %"),
        (0.09951, "10 %"),
        (0.28, "28 %"),
        (1.05, "105 %"),
        (-0.005, "-0.5 %"),
        (-0.28, "-28 %"),
        (-0.0001, "0.0 %"),
        (36.14, "3,614 %"),
        (1e30, "1.0e+32 %"),
    ],
)
def test_fractions_are_told_in_percent(fraction: float | None, text: str) -> None:
    assert percent(fraction) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.00"),
        (0.0014, "0.0014"),
        (-0.0996, "-0.10"),
        (0.04567, "0.0457"),
        (1.23e-7, "1.23e-07"),
        (9.994, "9.99"),
        (9.995, "10.0"),
        (99.94, "99.9"),
        (99.95, "100"),
        (-12.34, "-12.3"),
    ],
)
def test_three_digits_without_an_exponent(value: float, text: str) -> None:
    assert digits(value) == text


@pytest.mark.parametrize(
    ("per_s", "text"),
    [(1234.56, "1,234.6"), (205.6, "205.6"), (9.994, "9.99"), (0.0333, "0.0333"), (0.003, "0.003"), (0.0, "0.00")],
)
def test_rates_keep_three_digits(per_s: float, text: str) -> None:
    assert rate(per_s) == text


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(None, "-"), (1.0, "100 %"), (249 / 250, "99.6 %"), (0.9999, "99.9 %"), (0.29, "29.0 %"), (0.0, "0.0 %")],
)
def test_a_share_is_all_where_it_says_so_alone(fraction: float | None, text: str) -> None:
    assert share(fraction) == text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", WrittenSize(0, "")),
        ("4096", WrittenSize(4096, "")),
        (" 1.5GiB ", WrittenSize(3 << 29, "GiB")),
        ("500 MB", WrittenSize(500_000_000, "MB")),
        ("2tb", WrittenSize(2 * 10**12, "tb")),
        ("999999999999999", WrittenSize(999_999_999_999_999, "")),
        *(
            (text, None)
            for text in ("", "GiB", "-1", "1e9", "1 2", "10 giga", "0.5", "1.2345GB", "\u0661KB ", "9" * 16)
        ),
    ],
)
def test_sizes_as_people_write_them(text: str, size: WrittenSize | None) -> None:
    assert read_size(text) == size
