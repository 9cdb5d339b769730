"""Commands in fresh processes: their wall time, their peak memory, and why they failed."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

HERE = Path(__file__).resolve().parent
PYTHON = sys.executable
_LAUNCHER = HERE / "launcher.py"
_STDERR_TAIL = 300
_ERROR = "error:"
"""How alexnet-bench begins the line that says what went wrong; elsewhere the last line says it."""


class CommandFailed(Exception):  # noqa: N818 - reads as what happened
    """A command that ended with an error, or did not end in time."""


class Run(msgspec.Struct, frozen=True):
    """One finished command."""

    wall_s: float
    cpu_s: float
    peak_bytes: int
    exit_status: int
    stdout: bytes = b""


def alexnet_bench(*arguments: str) -> list[str]:
    """The installed command of this environment.

    Raises:
        CommandFailed: it is not installed beside this Python, nor on the path.
    """
    beside = Path(PYTHON).parent / "alexnet-bench"
    found = str(beside) if beside.is_file() else shutil.which("alexnet-bench")
    if found is None:
        raise CommandFailed("alexnet-bench is not installed: pip install -e '.[cpu,bench,train]'")
    return [found, *arguments]


def python(*arguments: str) -> list[str]:
    """This environment's Python."""
    return [PYTHON, *arguments]


def missing(modules: Sequence[str]) -> list[str]:
    """Those that this environment's Python does not find; nothing is imported."""
    return [name for name in modules if importlib.util.find_spec(name) is None]


def run(
    command: Sequence[str],
    *,
    timeout_s: float,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Run:
    """Runs a command to its end and measures it.

    Args:
        command: program and arguments; the program as a path.
        timeout_s: after which it is killed, with what it started.
        environment: added to this process's own.
        folder: to run in; None is an empty one.

    Raises:
        CommandFailed: it failed or took too long; the message says how.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        result, stdout, stderr = (Path(scratch) / name for name in ("result.json", "stdout", "stderr"))
        empty = Path(scratch) / "cwd"
        empty.mkdir()
        launcher = subprocess.Popen(
            [PYTHON, "-I", "-S", str(_LAUNCHER), str(result), str(stdout), str(stderr), *command],
            cwd=folder or empty,
            env={**_as_installed(os.environ), **(environment or {})},
            start_new_session=True,
        )
        _wait(launcher, command, timeout_s)
        if not result.is_file():
            raise CommandFailed(f"{_short(command)} could not be started")
        finished = msgspec.json.decode(result.read_bytes(), type=Run)
        if finished.exit_status != 0:
            raise CommandFailed(f"{_short(command)} ended with status {finished.exit_status}: {_tail(stderr)}")
        return msgspec.structs.replace(finished, stdout=stdout.read_bytes())


def _as_installed(environment: Mapping[str, str]) -> dict[str, str]:
    """Without what keeps Python from storing bytecode: pip stores that of the peers as it installs them."""
    return {name: value for name, value in environment.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _wait(launcher: subprocess.Popen[bytes], command: Sequence[str], timeout_s: float) -> None:
    try:
        launcher.wait(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise CommandFailed(f"{_short(command)} was not done in {timeout_s:g} s") from None
    finally:
        if launcher.poll() is None:
            os.killpg(launcher.pid, signal.SIGKILL)
            launcher.wait()


def _short(command: Sequence[str]) -> str:
    return " ".join(Path(part).name if "/" in part else part for part in command[:3])


def _tail(stderr: Path) -> str:
    lines = stderr.read_text(errors="replace").strip().splitlines() if stderr.is_file() else []
    reason = next((line for line in lines if line.startswith(_ERROR)), lines[-1] if lines else "it said nothing")
    return reason[:_STDERR_TAIL]
