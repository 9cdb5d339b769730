"""Runs one command and writes its wall time and peak memory as JSON: `launcher.py RESULT STDOUT STDERR COMMAND...`.

A program of its own that imports little: Linux counts the parent's resident memory at the time of the fork as the first
value of a child's peak (getrusage(2), ru_maxrss is kept over execve), so a large parent hides a small child.
"""

from __future__ import annotations

import json
import os
import sys
import time

_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def main() -> None:
    """Runs the command of the command line."""
    result, stdout, stderr, *command = sys.argv[1:]
    redirect = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, stdout, _WRITE, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, stderr, _WRITE, 0o600),
    ]
    start = time.perf_counter()
    child = os.posix_spawn(command[0], command, os.environ, file_actions=redirect)
    _, status, usage = os.wait4(child, 0)
    wall_s = time.perf_counter() - start
    measured = {
        "wall_s": wall_s,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_bytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        "exit_status": os.waitstatus_to_exitcode(status),
    }
    with open(result, "w", encoding="utf-8") as stream:  # noqa: PTH123 - pathlib would double this program's memory
        json.dump(measured, stream)


if __name__ == "__main__":
    main()
