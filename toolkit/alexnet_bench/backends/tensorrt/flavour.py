"""The flavours of TensorRT, and all that differs between them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alexnet_bench.backends.device.choose import missing
from alexnet_bench.backends.protocol import Target
from alexnet_bench.core.errors import BackendRefusal

_DRIVER = Path("/proc/driver/nvidia/version")
_CARDS = Path("/proc/driver/nvidia/gpus")


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
    """

    backend: str
    module: str
    majors: tuple[int, ...]
    plan_tag: bytes
    needs_typing_flag: bool
    builds_without_gpu: bool
    times_kernels: bool


FLAVOURS = (
    Flavour("tensorrt", "tensorrt", (10,), b"ftrt", True, builds_without_gpu=False, times_kernels=True),
    Flavour("tensorrt", "tensorrt", (11,), b"ftrt", False, builds_without_gpu=False, times_kernels=True),
    Flavour("tensorrt-rtx", "tensorrt_rtx", (1,), b"vtrt", False, builds_without_gpu=True, times_kernels=False),
)
"""TensorRT-RTX says of its timing cache that it does nothing (a DeprecationWarning of its Python module, 1.2 on)."""


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


def target_of(backend: str) -> Target:
    """What the engines of a backend are for when they are built on this machine; imports nothing."""
    if any(row.builds_without_gpu for row in FLAVOURS if row.backend == backend):
        return Target("rtx", "NVIDIA RTX GPUs", None)
    return Target("cuda", _first_card(), driver_version())


def cannot_run(_: Path) -> str:
    """Why engines cannot be run here; "" when they can."""
    return missing() if driver_version() else "no NVIDIA driver"


def cannot_build(backend: str) -> str:
    """Why engines cannot be built here; "" when they can."""
    row = next(row for row in FLAVOURS if row.backend == backend)
    return "" if row.builds_without_gpu or driver_version() else "no NVIDIA driver"


def driver_version() -> str | None:
    """Version of the NVIDIA driver, as its kernel module says; None where there is none."""
    words = _text(_DRIVER).partition("\n")[0].split()
    return next((word for word in words if word[:1].isdigit() and "." in word), None)


def _first_card() -> str:
    for path in sorted(_CARDS.glob("*/information")):
        for line in _text(path).splitlines():
            if line.startswith("Model:"):
                return line.removeprefix("Model:").strip()
    return "no NVIDIA GPU"


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
