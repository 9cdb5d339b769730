"""Packages that can be done without: importing them, and the lines to type where they are missing or damaged.

A line names the packages themselves. `pip install "alexnet-bench[cpu]"` would ask an index for this package, which may
have come from a checkout.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import shlex
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from alexnet_bench.core.errors import MissingRuntimeError
from alexnet_bench.core.text import printable

EXTRAS: Mapping[str, tuple[str, ...]] = {
    "cpu": ("onnxruntime>=1.20",),
    "gpu": ("onnxruntime-gpu>=1.20", "cuda-python>=12.8", "nvidia-ml-py>=12.560"),
    "tensorrt": ("tensorrt>=10.7", "cuda-python>=12.8"),
    "ort-tensorrt": ("onnxruntime-gpu>=1.24", "tensorrt>=10.7,<11"),
    "pycuda": ("pycuda>=2024.1",),
    "rtx": ("tensorrt-rtx>=1.4", "cuda-python>=12.8"),
    "openvino": ("openvino>=2025.0",),
    "train": ("torch>=2.6", "pillow>=10"),
}
"""What the extras of pyproject.toml bring; a checkout that is not installed has no metadata to read them from."""
_SHARED = ("onnxruntime",)
"""Modules that several packages bring: each overwrites the files of the other, and takes them along when it goes."""


def install_line(extra: str) -> str:
    """The line that installs what an extra brings."""
    return f"pip install {' '.join(map(shlex.quote, EXTRAS[extra]))}"


def bringing(module: str) -> list[str]:
    """The installed packages that bring a module, by their own records; its files need not be there."""
    return sorted({name for name in _by_module(tuple(sys.path)).get(module, []) if name})


@lru_cache(maxsize=1)
def _by_module(_path: tuple[str, ...]) -> Mapping[str, list[str]]:
    """All installed packages by the modules that they bring; reading their records takes a tenth of a second."""
    return importlib.metadata.packages_distributions()


def version_of(module: str) -> str:
    """The version of the installed package that brings a module, "unknown" where none says that it does."""
    names = bringing(module)
    return importlib.metadata.version(names[0]) if names else "unknown"


def folder_of(module: str) -> Path | None:
    """Where a module lies, None where it cannot be found; nothing is imported. A mere folder of its name is none."""
    spec = importlib.util.find_spec(module)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


def absent(module: str) -> str:
    """Why a module that cannot be found is not there, for people."""
    names = bringing(module)
    if not names:
        return f"{module} is not installed"
    has = " and ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    return f"the files of {module} are gone, though pip has {has} installed"


def clash(module: str) -> str:
    """That several packages bring a module which they all write to, "" where it is one."""
    names = bringing(module) if module in _SHARED else []
    if len(names) < 2:
        return ""
    return f"{' and '.join(names)} are both installed, and overwrite each other's files"


def install_hint(module: str, extra: str, only: str = "") -> str:
    """What to type so that a module is there, where it is missing or lacks something.

    Args:
        module: as it is imported.
        extra: whose packages bring it.
        only: the package that has to bring it where others do, too; "" takes any.
    """
    here = bringing(module)
    if clash(module) or (only and set(here) - {only}):
        return _instead(here, extra)
    if here and folder_of(module) is None:
        return _again(here, "--no-deps ")
    return install_line(extra)


def repair_hint(module: str, extra: str, *, alone: bool = False) -> str:
    """What to type where a module is there, and does not work.

    Args:
        module: as it is imported.
        extra: whose packages bring it.
        alone: whether what it depends on is left as it is.
    """
    here = bringing(module)
    if clash(module):
        return _instead(here, extra)
    return _again(here, "--no-deps " if alone else "") if here else install_line(extra)


def import_package(module: str, api: str, extra: str) -> ModuleType:
    """Imports a package that may be missing.

    Args:
        module: as it is imported.
        api: a name that it has if it is whole.
        extra: whose packages bring it.

    Raises:
        MissingRuntimeError: it is not installed, cannot be imported, or is not whole; the hint is what to type.
    """
    if module not in sys.modules and folder_of(module) is None:
        raise MissingRuntimeError(absent(module), install_hint(module, extra))
    try:
        found = importlib.import_module(module)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a broken installation raises whatever it comes upon
        reason = printable(f"{type(error).__name__}: {error}", 400)
        raise MissingRuntimeError(
            f"{module} is installed, but cannot be imported: {reason}", repair_hint(module, extra)
        ) from None
    if not hasattr(found, api):
        place = printable(str(getattr(found, "__file__", "") or module), 200)
        raise MissingRuntimeError(
            f"{module} is installed, but is not whole: {place} has no {api}", repair_hint(module, extra, alone=True)
        )
    return found


def _again(names: list[str], how: str) -> str:
    return f"pip install --force-reinstall {how}{' '.join(names)}"


def _instead(names: list[str], extra: str) -> str:
    """Takes all packages away that write to the same files, then installs the right one."""
    return f"pip uninstall -y {' '.join(names)} && {install_line(extra)}    # packages that bring the same module clash"
