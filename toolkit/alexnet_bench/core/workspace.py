"""Where files lie: the user's workspace, the cache, and the data that the package ships."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal

from alexnet_bench.core.errors import AlexnetBenchError, UsageError
from alexnet_bench.core.text import printable

WORKSPACE_FILE = "alexnet-bench.toml"
KEY_START = re.compile(r"[0-9a-f]{4,64}")
"""What the key of an engine in the cache begins with, enough of it to name one."""

DataKind = Literal["devices", "recipes"]

# Where each kind of data lies in a source checkout; pyproject.toml copies it to alexnet_bench/data/KIND in the wheel.
_CHECKOUT_FOLDERS: dict[DataKind, str] = {"devices": "profiles/devices", "recipes": "engines/recipes"}

_PACKAGE = Path(__file__).resolve().parents[1]


def find_workspace(start: Path) -> Path | None:
    """Returns the nearest folder from `start` upwards that holds `alexnet-bench.toml`, or None.

    The names of folders never make a workspace: a `profiles/` of another tool must not be written to.

    Args:
        start: a folder, or a file in it; need not exist.
    """
    resolved = start.resolve()
    for folder in (resolved, *resolved.parents):
        if _is_file(folder / WORKSPACE_FILE):
            return folder
    return None


def current_workspace() -> Path | None:
    """As `find_workspace` from the working folder; None where that is there no more, which no absolute path needs."""
    try:
        return find_workspace(Path.cwd())
    except FileNotFoundError:
        return None


def cache_dir() -> Path:
    """Returns the folder for files that can be made again; it is not created here.

    `$XDG_CACHE_HOME/alexnet-bench`, or `~/.cache/alexnet-bench`. A relative XDG_CACHE_HOME is ignored, as the XDG Base
    Directory Specification asks.

    Raises:
        UsageError: the user has no home folder and XDG_CACHE_HOME is not set.
    """
    configured = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if configured.is_absolute():
        return configured / "alexnet-bench"
    try:
        return Path.home() / ".cache" / "alexnet-bench"
    except RuntimeError as error:
        raise UsageError("there is no home folder for the cache", "set XDG_CACHE_HOME to a writable folder") from error


def engines_cache() -> Path:
    """Where engines and exported networks are kept: the workspace's `engines/cache`, else the user's cache folder.

    Raises:
        UsageError: as `cache_dir`.
    """
    workspace = current_workspace()
    return workspace / "engines" / "cache" if workspace else cache_dir()


def another_cache() -> str:
    """What to do so that the cache lies where it can be written."""
    workspace = current_workspace()
    if workspace is None:
        return "set XDG_CACHE_HOME to a writable folder"
    return f"make {printable(str(workspace / 'engines' / 'cache'), 200)} writable, or work outside of the workspace"


def engines_root() -> Path:
    """The folder of the engines in that cache."""
    return engines_cache() / "engines"


def memo_folder() -> Path:
    """The folder of hashes that were computed before."""
    return engines_cache() / "hashes"


def networks_cache() -> Path:
    """Where reference networks are kept as files."""
    return engines_cache() / "networks"


def timings_cache() -> Path:
    """Where builders of engines keep how long kernels take."""
    return engines_cache() / "timings"


def contests_cache() -> Path:
    """Where choices of the fastest backend are kept, which hold in any workspace."""
    return cache_dir() / "contests"


def runtimes_cache() -> Path:
    """Where runtimes that build engines for themselves keep them: a folder by backend, in it one for each model."""
    return engines_cache() / "runtimes"


def shipped_data(kind: DataKind) -> Path:
    """Returns the folder of the files of one kind that the package ships.

    In an installed wheel that is `alexnet_bench/data/KIND`, in a source checkout a folder at the top of the repository.

    Raises:
        AlexnetBenchError: the installation lacks the folder.
    """
    for folder in (_PACKAGE / "data" / kind, _PACKAGE.parents[1] / _CHECKOUT_FOLDERS[kind]):
        if folder.is_dir():
            return folder
    raise AlexnetBenchError(
        f"the {kind} files of alexnet-bench are missing beside {_PACKAGE}",
        "the installation is incomplete: install alexnet-bench again from where it came from",
    )


def _is_file(path: Path) -> bool:
    """As `Path.is_file`, but a folder that may not be read holds no workspace instead of ending the search."""
    try:
        return path.is_file()
    except OSError:
        return False
