"""Prints the API of a module of TensorRT as JSON; run as a script, in a process of its own.

    python describe.py MODULE [FOLDER [LIBRARY ...]]

FOLDER holds the unpacked wheel, and the libraries are loaded before it is imported.
"""

from __future__ import annotations

import ctypes
import importlib
import inspect
import json
import sys
from typing import Any


def described(module: Any) -> dict[str, Any]:
    """Classes with their members, functions, and all else by name."""
    return {name: _item(getattr(module, name)) for name in dir(module) if not name.startswith("__")}


def _item(value: Any) -> dict[str, Any]:
    if not inspect.isclass(value):
        return {"doc": getattr(value, "__doc__", None) if callable(value) else None}
    names = [name for name in dir(value) if name == "__init__" or not name.startswith("__")]
    return {"members": {name: _member(value, name) for name in names}}


def _member(owner: type, name: str) -> dict[str, Any]:
    value = inspect.getattr_static(owner, name)
    if isinstance(value, property):
        return {"doc": value.fget.__doc__ if value.fget else None, "settable": value.fset is not None}
    value = getattr(owner, name)
    return {"doc": value.__doc__ if callable(value) else None, "settable": False}


if __name__ == "__main__":
    name, *rest = sys.argv[1:]
    if rest:
        sys.path.insert(0, rest[0])
    for library in rest[1:]:
        ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
    found = importlib.import_module(name)
    json.dump({"version": found.__version__, "names": described(found)}, sys.stdout)
