"""The environment variables of a worker."""

from __future__ import annotations

import os
import site
import sysconfig
from pathlib import Path

import alexnet_bench

_HOME_FOLDERS = {
    "HOME": "",
    "TMPDIR": "",
    "XDG_CACHE_HOME": ".cache",
    "XDG_CONFIG_HOME": ".config",
    "XDG_DATA_HOME": ".local/share",
    "XDG_STATE_HOME": ".local/state",
}
"""Variables that lead to folders of the user, and where they lead in the scratch folder of a worker.

ONNX Runtime and OpenVINO write telemetry there even when telemetry is switched off."""


def environment(scratch: Path) -> dict[str, str]:
    """The worker's environment: the same package, and a home of its own for what runtimes leave behind.

    ONNX Runtime and OpenVINO write telemetry files under the user's home, even with telemetry switched off.
    """
    inherited = [path for path in (os.environ.get("PYTHONPATH"),) if path]
    folders = {name: str(scratch / folder) for name, folder in _HOME_FOLDERS.items()}
    return {
        **os.environ,
        **folders,
        "PYTHONPATH": os.pathsep.join((*_source_root(), *inherited)),
        "PYTHONUSERBASE": site.getuserbase(),  # found through HOME otherwise
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",  # paths are sent as UTF-8, whatever the locale
    }


def _source_root() -> tuple[str, ...]:
    """Where this package lies, unless it is installed: a site-packages folder must not come before Python's own."""
    root = Path(alexnet_bench.__file__).parent.parent
    installed = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")} | {Path(site.getusersitepackages())}
    return () if root in installed else (str(root),)
