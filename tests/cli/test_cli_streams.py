"""Standard streams without a reader: what was asked for is done, and the exit code is that of the work."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import numpy_helper

import alexnet_bench

Shell = Callable[[str], int]
_COMMAND = f"{sys.executable} -m alexnet_bench"


@pytest.fixture
def shell(environment: dict[str, str], tmp_path: Path) -> Shell:
    """Runs a line of bash in `tmp_path`, where `ab` is the command; gives the exit code of the first part of a pipe."""

    def run(line: str) -> int:
        script = f'ab() {{ {_COMMAND} "$@"; }}; {line}; exit ${{PIPESTATUS[0]}}'
        done = subprocess.run(
            ["bash", "-c", script],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert "Traceback" not in done.stderr + done.stdout
        assert "internal error" not in done.stderr + done.stdout
        return done.returncode

    return run


@pytest.fixture
def models(tmp_path: Path) -> None:
    """`good.onnx` and `bad.onnx`, of which one weight differs."""
    good = alexnet_bench.export("lenet-5", tmp_path / "good.onnx")
    model = onnx.load(good)
    weights = numpy_helper.to_array(model.graph.initializer[0])
    model.graph.initializer[0].raw_data = (weights + 1).tobytes()
    onnx.save(model, tmp_path / "bad.onnx")


_VERIFY = "ab verify bad.onnx --against good.onnx --no-search --json v.json"


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize(
    "line",
    [f"{_VERIFY} 2>/dev/null | true", f"{_VERIFY} 2>&1 | true", f"{_VERIFY} 2>&1 | head -1", f"{_VERIFY} >&-",
     f"{_VERIFY} 2>&-", f"{_VERIFY} <&- >&- 2>&-", f"{_VERIFY} 2>/dev/full"],
)  # fmt: skip
def test_a_failed_verification_fails_whoever_reads(shell: Shell, tmp_path: Path, line: str) -> None:
    assert shell(line) == 1
    assert '"verdict": "failed"' in (tmp_path / "v.json").read_text()


@pytest.mark.parametrize("streams", ["2>&1 | true", "2>&1 | head -1", "<&- >&- 2>&-"])
def test_an_engine_is_built_whoever_reads(shell: Shell, tmp_path: Path, streams: str) -> None:
    assert shell(f"ab build-engine lenet-5 --rebuild -o engine.onnx {streams}") == 0
    assert (tmp_path / "engine.onnx").is_file()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("ab profile nothere 2>&1 | true", 2),
        ("ab profile nothere 2>&-", 2),
        ("ab profile --nothing 2>&1 | true", 2),
        ("ab profile lenet-5 --static --json - | head -c 20", 0),
        ("ab profile lenet-5 --static --top 0 | head -1", 0),
        ("ab --help >&-", 0),
        ("ab models --json >&-", 0),
        ("ab models >/dev/full", 2),
        ("ab models --json >/dev/full", 2),
        ("ab --version >/dev/full", 2),
    ],
)
def test_the_exit_code_is_that_of_the_work(shell: Shell, line: str, code: int) -> None:
    assert shell(line) == code


def test_no_file_gets_the_number_of_a_closed_stream(shell: Shell, tmp_path: Path) -> None:
    assert shell("ab profile lenet-5 --seconds 0.05 --json out.json <&- >&- 2>&-") == 0
    assert alexnet_bench.read_profile(tmp_path / "out.json")


def test_without_buffers_nothing_waits_in_one(environment: dict[str, str]) -> None:
    """As PYTHONUNBUFFERED=1 asks for, which images of containers often set."""
    script = """if True:
        import os, sys
        from alexnet_bench.cli import streams
        streams.prepare()
        print("out")
        print("err", file=sys.stderr)
        os._exit(0)
    """
    done = subprocess.run(
        [sys.executable, "-u", "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("out\n", "err\n")
