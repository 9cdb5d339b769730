"""The flavours of TensorRT, and all that differs between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from alexnet_bench.backends.device.card import first_card
from alexnet_bench.backends.device.choose import missing
from alexnet_bench.backends.device.driver import driver_version, no_driver
from alexnet_bench.backends.protocol import Target
from alexnet_bench.backends.tensorrt.options import NAMES, SETTINGS, check_names
from alexnet_bench.core.errors import BackendRefusal, UsageError


@dataclass(frozen=True, slots=True)
class Flavour:
    """One product line of TensorRT.

    Attributes:
        backend: name in the registry.
        module: what Python imports.
        majors: versions that the code is written for.
        plan_tag: how its engines begin.
        needs_typing_flag: networks follow the types of the graph only when told to (STRONGLY_TYPED).
        builds_without_gpu: whether it builds where there is no driver.
        times_kernels: whether it chooses kernels by timing them, and so has use for a timing cache.
        compiles_while_running: kernels for sizes that an engine leaves open are compiled once these are known; until
            then others run, unless it is told to wait.
        lacks: settings of a build that no version of the backend has any use for, with the reason.
    """

    backend: str
    module: str
    majors: tuple[int, ...]
    plan_tag: bytes
    needs_typing_flag: bool
    builds_without_gpu: bool
    times_kernels: bool
    compiles_while_running: bool
    lacks: Mapping[str, str]


_BUILDS_HERE = {"compute_capability": "it builds for the card at hand"}
_BUILDS_FOR_MANY = {
    "hardware_compatibility": "its engines are for several kinds of cards: compute_capability",
    "version_compatible": "it has no lean runtime to put into an engine",
}
FLAVOURS = (
    Flavour(
        "tensorrt",
        "tensorrt",
        (10,),
        b"ftrt",
        needs_typing_flag=True,
        builds_without_gpu=False,
        times_kernels=True,
        compiles_while_running=False,
        lacks=_BUILDS_HERE,
    ),
    Flavour(
        "tensorrt",
        "tensorrt",
        (11,),
        b"ftrt",
        needs_typing_flag=False,
        builds_without_gpu=False,
        times_kernels=True,
        compiles_while_running=False,
        lacks=_BUILDS_HERE,
    ),
    Flavour(
        "tensorrt-rtx",
        "tensorrt_rtx",
        (1,),
        b"vtrt",
        needs_typing_flag=False,
        builds_without_gpu=True,
        times_kernels=False,
        compiles_while_running=True,
        lacks=_BUILDS_FOR_MANY,
    ),
)
"""TensorRT-RTX says of its timing cache that it does nothing (a DeprecationWarning of its Python module, 1.2 on), and
of `hardware_compatibility_level`, in its log, that it is unsupported. VERSION_COMPATIBLE looks for libnvinfer_lean,
which none of its packages has (1.7.1)."""


def flavour_of(backend: str, version: str) -> Flavour:
    """The row of the table for an installed version.

    Raises:
        BackendRefusal: the version is none that the code is written for.
    """
    major = version.partition(".")[0]
    rows = [row for row in FLAVOURS if row.backend == backend]
    for row in rows:
        if major.isdecimal() and int(major) in row.majors:
            return row
    known = ", ".join(f"{number}.x" for row in rows for number in row.majors)
    raise BackendRefusal(f"{backend} {version} is not supported", f"install one of: {known}")


def check_settings(backend: str, given: Mapping[str, str]) -> None:
    """Refuses settings that there are not, and those that no version of a backend has any use for.

    Raises:
        UsageError: a name is not known, or one of the latter is there with another value than its default.
    """
    check_names(backend, given, [name for name in NAMES if backend in backends_with(name)])
    for row in (row for row in FLAVOURS if row.backend == backend):
        for name, reason in row.lacks.items():
            default = SETTINGS[name].choices[0] if name in SETTINGS else None
            if given.get(name, default) != default:
                others = "".join(f", or give --backend {other}" for other in backends_with(name))
                raise UsageError(f"{backend} has no setting {name!r}: {reason}", f"leave {name} out{others}")


def check_carries_code(backend: str) -> None:
    """Raises UsageError where no engine of a backend carries code that it could be allowed to run."""
    if backend not in backends_with("version_compatible"):
        raise UsageError(f"engines of {backend} carry no code that they could run", "leave --host-code out")


def backends_with(name: str) -> list[str]:
    """The backends that have a setting of a build, those that build anywhere first; none where it is none."""
    if name not in NAMES:
        return []
    rows = sorted(FLAVOURS, key=lambda row: not row.builds_without_gpu)
    return list(dict.fromkeys(row.backend for row in rows if name not in row.lacks))


def target_of(backend: str) -> Target:
    """What the engines of a backend are for when they are built on this machine; imports no runtime."""
    if any(row.builds_without_gpu for row in FLAVOURS if row.backend == backend):
        return Target("rtx", "NVIDIA RTX GPUs", None)
    card = first_card()
    if card is None:
        return Target("cuda", "no NVIDIA GPU", driver_version())
    return Target("cuda", card.name, driver_version() or f"for CUDA {card.cuda}")


def cannot_run(_: Path) -> str:
    """Why engines cannot be run here; "" when they can."""
    return no_driver() or missing()


def cannot_build(backend: str) -> str:
    """Why engines cannot be built here; "" when they can."""
    row = next(row for row in FLAVOURS if row.backend == backend)
    return "" if row.builds_without_gpu else no_driver()
