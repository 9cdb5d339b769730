"""`make gpu-check`: without a driver nothing is installed, without TensorRT the rest goes on, and `-n` does nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_PYTHON = r"""#!/bin/sh
echo "$1 $2" | head -n 1 | cut -c 1-20 >> {calls}
case "$*" in
  -c*) exit {driver} ;;
  -m\ venv\ */gpu) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  -m\ venv*) exit 1 ;;
esac
"""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


def _make(folder: Path, *options: str, driver: bool = False) -> tuple[int, str, list[str]]:
    """Status and output of `make gpu-check`, and what a Python was called for that makes the first environment only."""
    python, calls = folder / "python", folder / "calls"
    python.write_text(_PYTHON.format(calls=calls, driver=0 if driver else 1))
    python.chmod(0o755)
    places = [f"GPU_VENV={folder / 'gpu'}", f"TENSORRT_VENV={folder / 'tensorrt'}", f"PYTHON={python}"]
    command = ["make", "-C", str(_ROOT), *options, "gpu-check", *places]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, ended.stdout, calls.read_text().splitlines() if calls.exists() else []


@pytest.mark.parametrize("jobs", ["-j1", "-j4"])
def test_without_a_driver_nothing_is_installed(jobs: str, tmp_path: Path) -> None:
    status, _, calls = _make(tmp_path, jobs)
    assert status == 2
    assert [call.split()[0] for call in calls] == ["-c"]  # whether there is a driver
    assert {path.name for path in tmp_path.iterdir()} == {"python", "calls"}


def test_where_tensorrt_cannot_be_installed_the_rest_goes_on(tmp_path: Path) -> None:
    (tmp_path / "tensorrt").mkdir()
    (tmp_path / "tensorrt" / ".installed").touch()  # of an earlier release
    os.utime(tmp_path / "tensorrt" / ".installed", (0, 0))
    status, printed, calls = _make(tmp_path, driver=True)
    assert status == 0
    assert "left out: TensorRT" in printed
    assert [call for call in calls if "tests.gpu" in call] == ["-m tests.gpu"]


def test_what_would_be_done_is_printed_and_not_done(tmp_path: Path) -> None:
    status, printed, calls = _make(tmp_path, "-n")
    assert status == 0
    assert "-m tests.gpu" in printed
    assert "pip install" in printed
    assert not calls
    assert {path.name for path in tmp_path.iterdir()} == {"python"}
