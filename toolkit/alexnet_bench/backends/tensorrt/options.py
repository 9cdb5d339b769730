"""Settings of a TensorRT build, as recipes write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from alexnet_bench.backends.settings import Setting, chosen
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.text import printable

SETTINGS: Mapping[str, Setting] = {
    "optimization_level": Setting(
        ("3", "0", "1", "2", "4", "5"), "how long the builder looks for better kernels (builder_optimization_level)"
    ),
    "timing_cache": Setting(("on", "off"), "whether timings of kernels are kept from build to build"),
}
"""Settings with a list of values; `workspace` is a size and `compute_capability` a list of numbers."""
_UNITS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "KB": 10**3, "MB": 10**6, "GB": 10**9}
_SIZE = re.compile(r"(\d{1,15}) ?([A-Za-z]*)")
_CAPABILITIES = re.compile(r"\d{2,3}(,\d{2,3})*")


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """What a build is told.

    Attributes:
        optimization_level: 0 to 5.
        timing_cache: whether one is used, where the flavour has any use for it.
        workspace_bytes: the most scratch memory that a kernel may take; None leaves TensorRT's own limit.
        compute_capabilities: to build for, 89 for SM 8.9; empty leaves TensorRT's own choice.
    """

    optimization_level: int
    timing_cache: bool
    workspace_bytes: int | None
    compute_capabilities: tuple[int, ...]


def build_settings(backend: str, given: Mapping[str, str]) -> BuildSettings:
    """The settings of a build.

    Args:
        backend: its name, for messages.
        given: by name, as the recipe has them.

    Raises:
        UsageError: a name or a value is not known.
    """
    listed = {name: value for name, value in given.items() if name not in ("workspace", "compute_capability")}
    values = chosen(backend, SETTINGS, listed)
    return BuildSettings(
        int(values["optimization_level"]),
        values["timing_cache"] == "on",
        _workspace(given.get("workspace", "")),
        _capabilities(given.get("compute_capability", "")),
    )


def _workspace(text: str) -> int | None:
    if not text:
        return None
    match = _SIZE.fullmatch(text)
    if match is None or match[2] not in _UNITS or not int(match[1]):
        raise UsageError(f"workspace cannot be {printable(text)!r}", 'it is a size, for example "4GiB"')
    return int(match[1]) * _UNITS[match[2]]


def _capabilities(text: str) -> tuple[int, ...]:
    if text and not _CAPABILITIES.fullmatch(text):
        raise UsageError(f"compute_capability cannot be {printable(text)!r}", 'it is a list, for example "86,89,120"')
    return tuple(int(number) for number in text.split(",") if number)
