"""Libraries of plugins that an engine is built with, and needs again wherever it is run."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from alexnet_bench.core.errors import EngineError, UsageError
from alexnet_bench.core.text import printable

_TAGS = (b"\x7fELF", b"MZ")
"""What shared libraries begin with, on Linux and on Windows."""
_GIVE_ONE = "give the path of a .so file: --plugins FILE.so"


class Plugin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A library of plugins.

    Attributes:
        path: of the file; in a recipe's file, as seen from there.
        sha256: of its bytes; in a recipe's file, "" takes what is found.
    """

    path: str
    sha256: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?$")] = ""


def found_plugins(plugins: Sequence[Plugin]) -> tuple[Plugin, ...]:
    """The libraries with their whole paths and hashes.

    Raises:
        UsageError: one cannot be read, is no shared library, is another one than its recipe says, or is there twice.
    """
    found = [_found(plugin) for plugin in plugins]
    hashes = [plugin.sha256 for plugin in found]
    if twice := next((plugin for plugin in found if hashes.count(plugin.sha256) > 1), None):
        raise UsageError(f"the plugin library {_shown(twice.path)} is given twice", "give each library once")
    return tuple(found)


def plugin_paths(plugins: Sequence[Plugin]) -> tuple[str, ...]:
    """Where the libraries of an engine lie, now that it is to be run.

    Raises:
        EngineError: one is gone, or is no longer what the engine was built with.
    """
    for plugin in plugins:
        try:
            same = _hash(Path(plugin.path)) == plugin.sha256
        except OSError as error:
            raise EngineError(
                f"the plugin library {_shown(plugin.path)}, which the engine was built with, cannot be read: "
                f"{error.strerror}",
                "put it back, or build the engine again with --plugins FILE",
            ) from None
        if not same:
            raise EngineError(
                f"the plugin library {_shown(plugin.path)} is not the one that the engine was built with",
                "build the engine again: alexnet-bench build-engine MODEL --plugins FILE",
            )
    return tuple(plugin.path for plugin in plugins)


def _found(plugin: Plugin) -> Plugin:
    shown = _shown(plugin.path)
    if not plugin.path:
        raise UsageError("the name of a plugin library is empty", _GIVE_ONE)
    try:
        path = Path(plugin.path).resolve()
        sha256 = _hash(path)
        with path.open("rb") as file:
            tag = file.read(4)
    except (OSError, ValueError) as error:  # not there; a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"the plugin library {shown} cannot be read: {reason}", _GIVE_ONE) from None
    if not tag.startswith(_TAGS):
        raise UsageError(f"the plugin library {shown} is no shared library", _GIVE_ONE)
    if plugin.sha256 not in ("", sha256):
        raise UsageError(
            f"the plugin library {shown} has the hash {sha256[:12]}, and the recipe asks for {plugin.sha256[:12]}",
            "give the library that the recipe was written for, or take sha256 out of it",
        )
    return Plugin(str(path), sha256)


def _hash(path: Path) -> str:
    """The hash of a file; a pipe or a device, which may have no end, is not opened."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        raise OSError(number, os.strerror(number) if number == errno.EISDIR else "it is no regular file")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _shown(path: str) -> str:
    return printable(path, 200)
