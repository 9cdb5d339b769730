"""The real bindings of TensorRT, imported against libraries that stand in for NVIDIA's.

The wheels of the public registry hold the bindings alone. What they need of libnvinfer and its like is a handful of C
functions, which are compiled here as functions that return nothing. Nothing of NVIDIA's is kept in the repository.
"""

from __future__ import annotations

import ctypes
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

_DESCRIBE = Path(__file__).with_name("describe.py")
_NEEDED = re.compile(r"\[(lib(?:nv|tensorrt_)\w+\.so\.\d+)\]")
_TOOLS = ("gcc", "nm", "readelf")


def missing_tools() -> str:
    """Which of the tools that build the libraries are not here; "" when all are."""
    return ", ".join(tool for tool in _TOOLS if shutil.which(tool) is None)


def describe_wheel(wheel: Path, folder: Path) -> dict[str, Any]:
    """The API of the bindings in a wheel.

    Args:
        wheel: its file.
        folder: empty, to work in.
    """
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    extension = next(folder.glob("tensorrt*_bindings/*.so"))
    libraries = _stand_ins(extension, folder / "stubs")
    return describe(extension.parent.name, str(folder), *map(str, libraries))


def describe(module: str, *arguments: str) -> dict[str, Any]:
    """The API of a module that can be imported, in a process of its own: two majors do not share one."""
    command = [sys.executable, "-W", "ignore", str(_DESCRIBE), module, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _stand_ins(extension: Path, folder: Path) -> list[Path]:
    """One library for each that the extension needs; all of them have all functions."""
    folder.mkdir()
    source = folder / "stubs.c"
    source.write_text("".join(f"void *{name}(void) {{ return 0; }}\n" for name in _undefined(extension)))
    libraries = [folder / name for name in _NEEDED.findall(_run("readelf", "--dynamic", str(extension)))]
    for library in libraries:
        _run("gcc", "-shared", "-fPIC", f"-Wl,-soname,{library.name}", "-o", str(library), str(source))
    return libraries


def _undefined(extension: Path) -> list[str]:
    """C functions that neither Python nor the system's libraries have."""
    listed = _run("nm", "--dynamic", "--undefined-only", str(extension)).splitlines()
    names = {line.split()[-1] for line in listed if line.split()[-2] == "U"}
    here = ctypes.CDLL(None)
    return sorted(name for name in names if re.fullmatch(r"[A-Za-z]\w*", name) and not hasattr(here, name))


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
