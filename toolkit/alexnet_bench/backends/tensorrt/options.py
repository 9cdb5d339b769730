"""Settings of a TensorRT build, as recipes write them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from alexnet_bench.backends.settings import Setting, chosen
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.text import printable
from alexnet_bench.core.units import read_size

STRIP = "strip"
SETTINGS: Mapping[str, Setting] = {
    "optimization_level": Setting(
        ("3", "0", "1", "2", "4", "5"), "how long the builder looks for better kernels (builder_optimization_level)"
    ),
    "timing_cache": Setting(("on", "off"), "whether timings of kernels are kept from build to build"),
    "version_compatible": Setting(
        ("off", "on"), "whether later versions of TensorRT run the engine (VERSION_COMPATIBLE)"
    ),
    "hardware_compatibility": Setting(
        ("none", "ampere_plus", "same_compute_capability"),
        "other cards that run the engine (HardwareCompatibilityLevel)",
    ),
    "refit": Setting(
        ("off", "on", "identical"), "whether weights can be replaced (REFIT), by equal ones only (REFIT_IDENTICAL)"
    ),
    STRIP: Setting(
        ("off", "on"), "whether the engine is kept without its weights, which are put in when it is loaded (STRIP_PLAN)"
    ),
}
"""Settings with a list of values."""
_A_SIZE = 'above 0, in B, KiB, MiB, GiB or TiB, or in KB to TB of 1000: "1.5GiB"'
OF_THEIR_OWN: Mapping[str, Setting] = {
    "workspace": Setting((), "the most scratch memory that a kernel may take; left out: TensorRT's limit", "a size"),
    "compute_capability": Setting(
        (), "cards to build for; left out: those that TensorRT chooses", "numbers as 86,89 for SM 8.6 and 8.9"
    ),
    "weight_streaming": Setting(
        ("off", "on"), "whether weights may lie on the host, and how many on the device", "a size on the device"
    ),
}
NAMES = tuple(sorted((*SETTINGS, *OF_THEIR_OWN)))
"""Of all settings."""
_A_WORKSPACE = f"it is a size {_A_SIZE}"
_A_BUDGET = f"it is off, on, or a size {_A_SIZE}"
_CAPABILITIES = re.compile(r"\d{2,3}(,\d{2,3})*")


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """What a build is told.

    Attributes:
        optimization_level: 0 to 5.
        timing_cache: whether one is used, where the flavour has any use for it.
        workspace_bytes: the most scratch memory that a kernel may take; None leaves TensorRT's own limit.
        compute_capabilities: to build for, 89 for SM 8.9, each once and in order; empty leaves TensorRT's own choice.
        version_compatible: whether later versions run the engine, by code that it carries.
        hardware_compatibility: "none", or which other cards run it.
        refit: "off", or which weights may take the place of those that it was built with.
        strip: whether it is kept without weights, and refitted when it is loaded.
        weight_streaming: whether it can be run with a part of its weights on the host.
        weight_budget_bytes: the most of those weights that lie on the device; None leaves that to TensorRT.
    """

    optimization_level: int
    timing_cache: bool
    workspace_bytes: int | None
    compute_capabilities: tuple[int, ...]
    version_compatible: bool = False
    hardware_compatibility: str = "none"
    refit: str = "off"
    strip: bool = False
    weight_streaming: bool = False
    weight_budget_bytes: int | None = None


def build_settings(backend: str, given: Mapping[str, str]) -> BuildSettings:
    """The settings of a build.

    Args:
        backend: its name, for messages.
        given: by name, as the recipe has them.

    Raises:
        UsageError: a name or a value is not known.
    """
    check_names(backend, given)
    listed = {name: value for name, value in given.items() if name not in OF_THEIR_OWN}
    values = chosen(backend, SETTINGS, listed)
    streaming = given.get("weight_streaming", "off")
    return BuildSettings(
        int(values["optimization_level"]),
        values["timing_cache"] == "on",
        _size("workspace", given.get("workspace", ""), _A_WORKSPACE),
        _capabilities(given.get("compute_capability", "")),
        version_compatible=values["version_compatible"] == "on",
        hardware_compatibility=values["hardware_compatibility"],
        refit=values["refit"],
        strip=values[STRIP] == "on",
        weight_streaming=streaming != "off",
        weight_budget_bytes=_size("weight_streaming", "" if streaming in ("off", "on") else streaming, _A_BUDGET),
    )


def check_names(backend: str, given: Iterable[str], has: Iterable[str] = NAMES) -> None:
    """Raises UsageError for a name that is none of a setting.

    Args:
        backend: its name, for messages.
        given: names of settings.
        has: those to list, of all that there are.
    """
    if unknown := [name for name in given if name not in NAMES]:
        raise UsageError(
            f"{backend} has no setting {printable(unknown[0])!r}",
            f"there are: {', '.join(has)}",
        )


def plain_settings(given: Mapping[str, str]) -> dict[str, str]:
    """Settings in one form, without those that have their default: sizes in bytes, capabilities in order.

    Raises:
        UsageError: a value is not known.
    """
    plain = {name: value for name, value in given.items() if name in SETTINGS and value != SETTINGS[name].choices[0]}
    if (workspace := _size("workspace", given.get("workspace", ""), _A_WORKSPACE)) is not None:
        plain["workspace"] = str(workspace)
    if capabilities := _capabilities(given.get("compute_capability", "")):
        plain["compute_capability"] = ",".join(map(str, capabilities))
    streaming = given.get("weight_streaming", "off")
    if streaming != "off":
        plain["weight_streaming"] = "on" if streaming == "on" else str(_size("weight_streaming", streaming, _A_BUDGET))
    return plain


def _size(name: str, text: str, hint: str) -> int | None:
    if not text:
        return None
    size = read_size(text)
    if size is None or not size.bytes:
        raise UsageError(f"{name} cannot be {printable(text)!r}", hint)
    return size.bytes


def _capabilities(text: str) -> tuple[int, ...]:
    if text and not _CAPABILITIES.fullmatch(text):
        raise UsageError(
            f"compute_capability cannot be {printable(text)!r}",
            "give numbers with commas alone between them: 86,89; TensorRT-RTX 1.7 has 75, 80, 86, 89, 120 and 121",
        )
    return tuple(sorted({int(number) for number in text.split(",") if number}))
