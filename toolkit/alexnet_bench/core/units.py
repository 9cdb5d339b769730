"""Numbers for people: SI prefixes with three significant digits; and sizes as people write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import floor

_PREFIXES = (
    (1e15, "P"),
    (1e12, "T"),
    (1e9, "G"),
    (1e6, "M"),
    (1e3, "k"),
    (1.0, ""),
    (1e-3, "m"),
    (1e-6, "µ"),
    (1e-9, "n"),
)
_BINARY = ((1 << 50, "PiB"), (1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
_ROUNDS_UP = 0.9995
"""From here on, three significant digits give the next prefix: 999.5 is "1.00 k", not "1,000"."""
_LARGEST, _SMALLEST = 1e18, 1e-11
"""Beyond these a prefix would leave a row of zeros; an exponent is shorter."""
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,3})?) ?([KMGT]i?B|B)?", re.IGNORECASE)
_FACTORS = {"": 1, "b": 1} | {f"{prefix}b": 1000**power for power, prefix in enumerate("kmgt", start=1)}
_FACTORS |= {f"{prefix}ib": 1024**power for power, prefix in enumerate("kmgt", start=1)}


@dataclass(frozen=True, slots=True)
class WrittenSize:
    """A size as somebody wrote it: "1.5GiB", "500 MB", "4096".

    Attributes:
        bytes: that it means; a number alone means bytes.
        unit: as it was written, "" for none.
    """

    bytes: int
    unit: str


def read_size(text: str) -> WrittenSize | None:
    """The size that a text is, in B, or KB, MB, GB and TB of 1000, or KiB, MiB, GiB and TiB.

    None when it is none: half a byte, too.
    """
    found = _SIZE.fullmatch(text.strip())
    is_part = found is not None and "." in found[1]
    if found is None or (is_part and not found[2]):
        return None
    unit = found[2] or ""
    return WrittenSize(int((float if is_part else int)(found[1]) * _FACTORS[unit.lower()]), unit)


def quantity(value: float | None, unit: str) -> str:
    """`value` with a prefix and unit, as "1.45 GFLOP" or "13.2 ms"; "-" for None."""
    if value is None:
        return "-"
    magnitude = abs(value)
    if magnitude and not _SMALLEST <= magnitude < _LARGEST:
        return f"{value:.2e} {unit}".rstrip()
    if magnitude == 0:
        return f"0 {unit}".rstrip()
    factor, prefix = next((item for item in _PREFIXES if magnitude >= item[0] * _ROUNDS_UP), _PREFIXES[-1])
    return f"{digits(value / factor)} {prefix}{unit}".rstrip()


def binary_bytes(value: float | None) -> str:
    """Memory sizes, in powers of 1024: "232 MiB"; "-" for None."""
    if value is None:
        return "-"
    if abs(value) >= 1024 * _BINARY[0][0]:
        return f"{value:.2e} B"
    for factor, unit in _BINARY:
        if abs(value) >= factor * _ROUNDS_UP:
            return f"{digits(value / factor)} {unit}"
    return f"{value:.0f} B"


def percent(fraction: float | None) -> str:
    """A fraction in percent, with one digit below 10: "0.4 %", "28 %"; "-" for None."""
    if fraction is None:
        return "-"
    value = 100 * fraction
    if 0 < value < 0.05:
        return "<0.1 %"
    if abs(value) < 9.95:
        return "0.0 %" if abs(value) < 0.05 else f"{value:.1f} %"
    return f"{value:,.0f} %" if abs(value) < 1e9 else f"{value:.1e} %"


def share(fraction: float | None) -> str:
    """A fraction in percent with one digit, never rounded up, so that 100 means all; "-" for None."""
    if fraction is None:
        return "-"
    return "100 %" if fraction >= 1 - 1e-9 else f"{floor(fraction * 1000 + 1e-9) / 10:.1f} %"


def rate(value: float) -> str:
    """Something per second, with one digit behind the point, and more where that would be fewer than three."""
    return f"{value:,.1f}" if abs(value) >= 9.995 else digits(value)


def digits(value: float) -> str:
    """Three significant digits; with an exponent below 1e-4 alone."""
    magnitude = abs(value)
    if magnitude >= 99.95:
        return f"{value:,.0f}"
    if magnitude >= 9.995:
        return f"{value:.1f}"
    return f"{value:.2f}" if magnitude >= 0.0995 or not magnitude else f"{value:.3g}"
