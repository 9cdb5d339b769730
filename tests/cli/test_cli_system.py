"""What the system does to a command: folders that go, names that are no text, limits."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from alexnet_bench.core.machine import usable_cpus
from tests.cli.conftest import COMMAND, Cli


@pytest.fixture
def good_model(files: Path) -> Path:
    return files / "good.onnx"


_FAST = ("--seconds", "0.05", "--quiet")


def _shell(script: str, environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """A shell in a folder, where `$TOOL` is the command."""
    return subprocess.run(
        ["sh", "-c", script.replace("$TOOL", shlex.join(COMMAND))],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("step", ["layer times", "ceilings of"])
def test_a_model_that_is_replaced_while_it_is_profiled_gives_no_numbers(
    environment: dict[str, str], tmp_path: Path, good_model: Path, step: str
) -> None:
    path, other = tmp_path / "swapped.onnx", tmp_path / "other.onnx"
    for copy in (path, other):
        shutil.copyfile(good_model, copy)
    os.utime(other, (0, 0))  # both may have been written within one tick of the clock
    command = [*COMMAND, "profile", str(path), "--seconds", "0.3", "--json", "p.json"]
    measuring = environment | {"XDG_CACHE_HOME": str(tmp_path)}  # ceilings that are in the cache leave no time
    with subprocess.Popen(command, env=measuring, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if step in line and other.exists():
                other.replace(path)
    assert process.returncode == 2
    assert f"error: {path} changed while it was read\nhint:  run the command again\n" in said
    assert not (tmp_path / "p.json").exists()


def test_a_working_folder_that_is_gone_is_told_where_it_is_needed(
    environment: dict[str, str], tmp_path: Path, good_model: Path
) -> None:
    def within(arguments: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "gone").mkdir()
        return _shell(f'rmdir "$PWD"; $TOOL {arguments}', environment, tmp_path / "gone")

    assert within(f"profile {good_model} --static --quiet").returncode == 0
    assert within("devices").returncode == 0
    for needed in ("profile good.onnx --static", f"profile {good_model} --static --json p.json"):
        found = within(needed)
        assert found.returncode == 2
        assert "the working folder does not exist any more" in found.stderr
    assert within(f"profile {tmp_path}/none.onnx").stderr.count("none.onnx does not exist") == 1


def test_a_name_that_is_not_utf8_is_counted_and_built_and_refused_to_run(
    cli: Cli, tmp_path: Path, good_model: Path
) -> None:
    name = os.fsdecode(b"a\xff b.onnx")
    shutil.copyfile(good_model, tmp_path / name)
    counted = cli("profile", name, "--static", "--json", "p.json")
    assert counted.returncode == 0
    assert r"a\udcff b" in counted.stdout
    assert cli("build-engine", name, "-o", "e.onnx").returncode == 0
    ran = cli("profile", name, *_FAST)
    assert ran.returncode == 2
    assert r"a\udcff b.onnx is not UTF-8, and runtimes open no other" in ran.stderr


def test_a_name_that_the_locale_cannot_read_is_run(cli: Cli, tmp_path: Path, good_model: Path) -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    shutil.copyfile(good_model, tmp_path / "été.onnx")
    found = cli("build-engine", "été.onnx", "-o", "ê.onnx", "--quiet", **ascii_only)
    assert found.returncode == 0, found.stderr
    assert '/ê.onnx"' in (tmp_path / "ê.onnx.passport.json").read_text(encoding="utf-8")
    found = cli("verify", "ê.onnx", "--against", "été.onnx", "--quiet", **ascii_only)
    assert found.returncode == 0, found.stderr


def test_too_few_files_have_a_hint(environment: dict[str, str], tmp_path: Path, good_model: Path) -> None:
    found = _shell(f"ulimit -n 12; $TOOL profile {good_model} --quiet", environment, tmp_path)
    assert found.returncode == 5
    assert "Too many open files\nhint:  it may open too few files: ulimit -n 1024" in found.stderr


def test_threads_that_cannot_run_at_once_are_noted_and_absurd_ones_refused(
    cli: Cli, good_model: Path, tmp_path: Path
) -> None:
    cpus = usable_cpus()
    found = cli("profile", str(good_model), "--threads", str(cpus + 1), "--seconds", "0.05")
    assert found.returncode == 0
    assert f"{cpus + 1} threads shared {cpus} processor" in found.stdout
    begun = time.monotonic()
    (tmp_path / "many.toml").write_text(f'precision = "fp32"\n[settings]\nthreads = "{8 * cpus + 1}"\n')
    for option in (("--threads", str(8 * cpus + 1)), ("--recipe", str(tmp_path / "many.toml"))):
        found = cli("profile", str(good_model), *option)
        assert found.returncode == 2
        assert f"give from 1 to {8 * cpus} threads" in found.stderr
    assert time.monotonic() - begun < 40
