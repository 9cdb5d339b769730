"""The NVIDIA driver of this machine, by what its kernel module says; and calls that fail because of it."""

from __future__ import annotations

import re
from pathlib import Path

from alexnet_bench.core.errors import BackendRefusal

VERSION_FILE = Path("/proc/driver/nvidia/version")
WSL_LIBRARY = Path("/usr/lib/wsl/lib/libcuda.so.1")
"""Linux under Windows has the driver of Windows, which shows no kernel module (NVIDIA, CUDA on WSL User Guide)."""
_TOO_OLD = re.compile(r"driver version is insufficient|initialization failure with error:? 35\b")
"""CUDA's words for its error 35, cudaErrorInsufficientDriver, and those of TensorRT 8.6 and on for the same."""
_UPDATE = (
    "update the driver: CUDA 13 takes 580 or later, CUDA 12 takes 525 or later; "
    "or install packages for the CUDA that this driver goes up to (nvidia-smi names it)"
)
"""NVIDIA, CUDA Compatibility, Minor Version Compatibility, table 1."""


def has_driver() -> bool:
    """Whether there is a driver, of whatever version."""
    return VERSION_FILE.exists() or WSL_LIBRARY.exists()


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
