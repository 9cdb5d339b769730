"""The TensorRT libraries that ONNX Runtime's provider is linked to, and those that are installed.

The provider names its libraries with their major version (libnvinfer.so.10). The loader finds them where NVIDIA's
packages for the system put them; the wheels keep them in a folder of their own, where only a library that is loaded
already is found.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from alexnet_bench.backends.elf import ElfError, needed_libraries
from alexnet_bench.core.errors import BackendRefusal
from alexnet_bench.core.packages import install_line
from alexnet_bench.core.text import printable

PROVIDER = Path("capi", "libonnxruntime_providers_tensorrt.so")
"""In the folder of the installed onnxruntime."""
_WHEEL = "tensorrt_libs"
"""The Python module of NVIDIA's wheels with the libraries, whichever CUDA they are for."""
_CORE = "libnvinfer.so"
_SONAME = re.compile(r"libnv(infer|onnxparser)\.so\.(?P<major>\d+)")
_PLUGINS = "libnvinfer_plugin.so"
"""Operators that the provider looks for without being linked to them."""
_RESOURCES = "libnvinfer_builder_resource*.so"
"""What the core opens by name as it builds, and so does not find in the folder of a wheel."""
_LDCONFIG = ("/sbin/ldconfig", "-p")


def missing(package: Path) -> str:
    """Which version of TensorRT the provider lacks here, "" when it lacks none; nothing is loaded.

    Args:
        package: the folder of the installed onnxruntime.
    """
    try:
        wanted = _wanted(package)
    except (OSError, ElfError) as error:
        return f"the TensorRT provider of onnxruntime cannot be read: {printable(str(error), 200)}"
    for name in wanted:
        if find(name) is None:
            return f"onnxruntime's TensorRT provider is linked to {name}, {_instead(name)}: {_install(name)}"
    return ""


def load(package: Path) -> str:
    """Loads what the provider is linked to, so that it finds the libraries of a wheel too; gives TensorRT's version.

    Args:
        package: the folder of the installed onnxruntime.

    Raises:
        BackendRefusal: a library is not installed, or of another major version, or cannot be loaded.
    """
    if reason := missing(package):
        raise BackendRefusal(reason, f"{install_line('ort-tensorrt')}    # its libraries come from NVIDIA's own index")
    wanted = _wanted(package)
    try:
        loaded = {name: ctypes.CDLL(str(find(name)), mode=ctypes.RTLD_GLOBAL) for name in wanted}
        for name in _plugins(wanted):
            ctypes.CDLL(str(name), mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise BackendRefusal(f"TensorRT's libraries cannot be loaded: {printable(str(error), 400)}") from None
    for path in _resources(wanted):
        with suppress(OSError):  # one for another card may be missed; TensorRT tells which it is that it needs
            ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
    return next((version_of(library) for name, library in loaded.items() if name.startswith(_CORE)), "")


def version_of(library: ctypes.CDLL) -> str:
    """A loaded libnvinfer's version, as "10.13.2": from TensorRT 10 on, two decimal digits each but for the first."""
    number = int(library.getInferLibVersion())
    return f"{number // 10000}.{number // 100 % 100}.{number % 100}"


def find(name: str) -> Path | None:
    """Where a library lies that the provider is linked to, None where it is not installed."""
    return next((path for path in _places(name) if path.is_file()), None)


def _wanted(package: Path) -> list[str]:
    """TensorRT's own among the libraries that the provider is linked to, the core first, which the others need."""
    names = [name for name in needed_libraries(package / PROVIDER) if _SONAME.fullmatch(name)]
    return sorted(names, key=lambda name: not name.startswith(_CORE))


def _plugins(wanted: list[str]) -> list[Path]:
    places = (find(f"{_PLUGINS}.{major}") for major in _majors(wanted))
    return [path for path in places if path is not None]


def _resources(wanted: list[str]) -> list[Path]:
    """What lies beside the core for its builder, one library for each kind of cards in newer versions."""
    cores = [path.parent for name in wanted if name.startswith(_CORE) and (path := find(name)) is not None]
    names = [f"{_RESOURCES}.{major}*" for major in _majors(wanted)]
    return [path for folder in cores for name in names for path in sorted(folder.glob(name))]


def _majors(wanted: list[str]) -> list[str]:
    return list(dict.fromkeys(found["major"] for name in wanted if (found := _SONAME.fullmatch(name))))


def _places(pattern: str) -> Iterator[Path]:
    """Where a library of that name, or of names of that pattern, would be found, in the order of the search."""
    for folder in (*_wheel_folders(), *filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(":"))):
        yield from sorted(Path(folder).glob(pattern))
    for path in _system_libraries():
        if path.match(pattern):
            yield path


def _wheel_folders() -> list[str]:
    spec = importlib.util.find_spec(_WHEEL)
    return list(spec.submodule_search_locations or ()) if spec is not None else []


def _system_libraries() -> list[Path]:
    """What the system's loader knows, as its cache lists it: "libc.so.6 (libc6,x86-64) => /lib/libc.so.6"."""
    try:
        listed = subprocess.run(_LDCONFIG, capture_output=True, text=True, check=False, timeout=10).stdout
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [Path(line.partition(" => ")[2]) for line in listed.splitlines() if " => " in line]


def _instead(name: str) -> str:
    """What is there in place of a library, as the end of a sentence."""
    others = sorted({path.name for path in _places(f"{name.rpartition('.')[0]}.*") if path.is_file()})
    found = [other for other in others if _SONAME.fullmatch(other)]
    if not found:
        return "which is not installed"
    version = _wheel_version()
    of_wheel = f", of TensorRT {version}" if version else ""
    return f"and installed is {' and '.join(found)}{of_wheel}"


def _wheel_version() -> str:
    names = importlib.metadata.packages_distributions().get(_WHEEL, [])
    return printable(importlib.metadata.version(names[0])) if names else ""


def _install(name: str) -> str:
    major = int(name.rpartition(".")[2])
    return f"pip install 'tensorrt>={major},<{major + 1}'"
