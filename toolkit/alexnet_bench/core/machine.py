"""The machine that measures: its processor, caches and the cores this process may use."""

from __future__ import annotations

import math
import os
import platform
from functools import lru_cache
from pathlib import Path

_CPU0 = Path("/sys/devices/system/cpu/cpu0")
_CGROUP = Path("/sys/fs/cgroup/cpu.max")
_CGROUP_MEMORY = Path("/sys/fs/cgroup/memory.max")


@lru_cache(maxsize=1)
def cpu_model() -> str:
    """The processor's name, as the kernel gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    found = next((line for line in lines if line.startswith("model name")), "")
    return found.partition(":")[2].strip() or platform.processor() or platform.machine()


def usable_cores() -> int:
    """Physical cores that this process may use: its affinity, without SMT siblings, within the container's quota."""
    return _within_quota(len({_sibling_group(cpu) for cpu in affinity()}))


def usable_cpus() -> int:
    """As `usable_cores`, but with every SMT sibling."""
    return _within_quota(len(affinity()))


def affinity() -> tuple[int, ...]:
    """The processors that the system lets this process run on, by number."""
    try:
        return tuple(sorted(os.sched_getaffinity(0)))
    except AttributeError:  # not Linux
        return tuple(range(os.cpu_count() or 1))


def memory_bytes() -> int:
    """Memory that this process may use, in bytes: what the machine has, or the container's limit where that is less."""
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(there, int(_CGROUP_MEMORY.read_text()))
    except (OSError, ValueError):  # no control group, or no limit ("max")
        return there


def last_level_cache_bytes() -> int:
    """Size of the largest cache that core 0 reaches; 32 MiB where the kernel does not say."""
    sizes = [_cache_bytes(path) for path in _CPU0.glob("cache/index*/size")]
    return max(sizes, default=0) or 32 << 20


def load_average() -> float | None:
    """Runnable processes over the last minute; above the number of cores, timings suffer."""
    try:
        return os.getloadavg()[0]
    except OSError:
        return None


def _sibling_group(cpu: int) -> str:
    path = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    try:
        return path.read_text().strip()
    except OSError:
        return str(cpu)


def _within_quota(count: int) -> int:
    quota = _quota()
    return max(1, count if quota is None else min(count, math.floor(quota)))


def _quota() -> float | None:
    """Cores that the control group grants (cgroup v2, cpu.max: microseconds per period), None without a limit."""
    try:
        limit, period = _CGROUP.read_text().split()
        return None if limit == "max" else int(limit) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _cache_bytes(path: Path) -> int:
    """A size as the kernel writes it: "32768K"; 0 where there is none."""
    try:
        text = path.read_text().strip()
        return int(text.rstrip("KM")) * {"K": 1 << 10, "M": 1 << 20}.get(text[-1:], 1)
    except (OSError, ValueError):
        return 0
