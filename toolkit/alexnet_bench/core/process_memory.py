"""The high-water mark of a process's resident memory."""

from __future__ import annotations

from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")


def peak_bytes() -> int | None:
    """Peak resident bytes of this process since its start or the last reset; None where /proc is not there."""
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    found = next((line for line in lines if line.startswith("VmHWM:")), None)
    return int(found.split()[1]) * 1024 if found else None


def reset_peak() -> bool:
    """Sets the high-water mark to what is resident now (proc(5), clear_refs, value 5); False where that is refused."""
    try:
        _CLEAR_REFS.write_text("5")
    except OSError:
        return False
    return True
