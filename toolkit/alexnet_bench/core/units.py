"""Numbers for people: SI prefixes with three significant digits."""

from __future__ import annotations

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
_LARGEST, _SMALLEST = 1e18, 1e-12
"""Beyond these a prefix would leave a row of zeros; an exponent is shorter."""


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
        return f"{value:.1f} %"
    return f"{value:,.0f} %" if abs(value) < 1e9 else f"{value:.1e} %"


def digits(value: float) -> str:
    """Three significant digits without an exponent."""
    magnitude = abs(value)
    if magnitude >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.1f}" if magnitude >= 9.995 else f"{value:.2f}"
