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


def quantity(value: float | None, unit: str) -> str:
    """`value` with a prefix and unit, as "1.45 GFLOP" or "13.2 ms"; "-" for None."""
    if value is None:
        return "-"
    if value == 0:
        return f"0 {unit}"
    factor, prefix = next((item for item in _PREFIXES if abs(value) >= item[0] * 0.9995), _PREFIXES[-1])
    return f"{digits(value / factor)} {prefix}{unit}"


def binary_bytes(value: float | None) -> str:
    """Memory sizes, in powers of 1024: "232 MiB"."""
    if value is None:
        return "-"
    for factor, unit in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if value >= factor * 0.9995:
            return f"{digits(value / factor)} {unit}"
    return f"{value:.0f} B"


def percent(fraction: float | None) -> str:
    """A fraction in percent, with one digit below 10: "0.4 %", "28 %"; "-" for None."""
    if fraction is None:
        return "-"
    value = 100 * fraction
    if 0 < value < 0.05:
        return "<0.1 %"
    return f"{value:.1f} %" if value < 9.95 else f"{value:.0f} %"


def digits(value: float) -> str:
    """Three significant digits without an exponent."""
    magnitude = abs(value)
    if magnitude >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.1f}" if magnitude >= 9.995 else f"{value:.2f}"
