"""Where the numbers come from: machine, versions, date, load, and how much others used the machine meanwhile."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from alexnet_bench.core.machine import cpu_model, load_average, usable_cores

_PACKAGES = (
    "alexnet-bench",
    "fvcore",
    "msgspec",
    "numpy",
    "onnx",
    "onnx-tool",
    "onnxruntime",
    "onnxscript",
    "openvino",
    "rich",
    "thop",
    "torch",
    "transformers",
    "typer",
)
_STAT = Path("/proc/stat")
_IDLE = (3, 4)
"""Columns of the cpu line of /proc/stat that are no work: idle and iowait (proc(5))."""
_GUEST = 8
"""From this column on, time is counted a second time, in user and nice."""


@dataclass(frozen=True)
class Busy:
    """Processor time so far, in seconds: of the whole machine, and of this process with the children it waited for."""

    machine_s: float
    own_s: float


def describe() -> dict[str, object]:
    """What a reader needs to judge or to repeat a run."""
    return {
        "cpu": cpu_model(),
        "machine": platform.machine(),
        "usable_cores": usable_cores(),
        "kernel": platform.release(),
        "python": ".".join(map(str, sys.version_info[:3])),
        "versions": {name: version for name in _PACKAGES if (version := _version(name)) is not None},
        "commit": _commit(),
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "load_average_before": load_average(),
    }


def busy() -> Busy | None:
    """Processor time up to now; None where the kernel does not say."""
    try:
        ticks = [int(field) for field in _STAT.read_text().split("\n", 1)[0].split()[1:]]
    except (OSError, ValueError):
        return None
    working = sum(value for column, value in enumerate(ticks[:_GUEST]) if column not in _IDLE)
    times = os.times()
    own = times.user + times.system + times.children_user + times.children_system
    return Busy(working / os.sysconf("SC_CLK_TCK"), own)


def others_fraction(before: Busy | None, after: Busy | None, elapsed_s: float) -> float | None:
    """Share of the machine's processor time that others used between two moments, stolen time included."""
    if before is None or after is None or elapsed_s <= 0:
        return None
    others_s = (after.machine_s - before.machine_s) - (after.own_s - before.own_s)
    return max(0.0, others_s / (elapsed_s * (os.cpu_count() or 1)))


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit measured, with "+" when files differ from it; None outside a repository."""
    try:
        head = _git("rev-parse", "HEAD")
        return head + ("+" if _git("status", "--porcelain") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(Path(__file__).resolve().parent), *arguments]
    return subprocess.run(command, capture_output=True, check=True, text=True, timeout=10).stdout.strip()
