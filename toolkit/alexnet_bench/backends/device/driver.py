"""The NVIDIA driver of this machine, by its kernel module and its library; and calls that fail because of it."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

from alexnet_bench.core.errors import BackendRefusal

VERSION_FILE = Path("/proc/driver/nvidia/version")
LIBRARY = "libcuda.so.1"
"""There are drivers whose kernel module shows no version here: under Windows, in some containers, on a Jetson."""
_TOO_OLD = re.compile(r"driver version is insufficient|initialization failure with error:? 35\b")
"""CUDA's words for its error 35, cudaErrorInsufficientDriver, and those of TensorRT 8.6 and on for the same."""
_UPDATE = (
    "update the driver: CUDA 13 takes 580 or later, CUDA 12 takes 525 or later; "
    "or install packages for the CUDA that this driver goes up to (nvidia-smi names it)"
)
"""NVIDIA, CUDA Compatibility, Minor Version Compatibility, table 1."""


def has_driver() -> bool:
    """Whether there is a driver, of whatever version."""
    if VERSION_FILE.exists():
        return True
    try:
        ctypes.CDLL(LIBRARY)  # which starts nothing
    except OSError:
        return False
    return True


def no_driver() -> str:
    """That there is none, "" when there is one."""
    return "" if has_driver() else "no NVIDIA driver"


def driver_version() -> str | None:
    """Version of the driver, None where there is none, or where it does not say."""
    try:
        words = VERSION_FILE.read_text(errors="replace").partition("\n")[0].split()
    except OSError:
        return None
    return next((word for word in words if word[:1].isdigit() and "." in word), None)


def call_refusal(message: str, hint: str = "", *, said: str = "") -> BackendRefusal:
    """A call that failed, as an error; one that names the driver where CUDA finds it too old.

    Args:
        message: which call, and why.
        hint: what to do where the driver is not the reason.
        said: what the library wrote in its log beside that.
    """
    if not has_driver() or not _TOO_OLD.search(f"{message}\n{said}"):  # without a driver, CUDA says the same
        return BackendRefusal(message, hint)
    driver = " ".join(["the NVIDIA driver", *filter(None, [driver_version()])])
    return BackendRefusal(f"{driver} is too old for what is installed: {message}", _UPDATE)
