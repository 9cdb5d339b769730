from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alexnet_bench import Profile, ProfileSet, __version__, read_profile

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
_QUICK = ("--seconds", "0.05")
_STORED = Path(__file__).parents[1] / "data" / "profiles" / "alexnet-2012.json"


def test_json_on_standard_output_is_all_that_is_there(cli: Cli) -> None:
    done = cli("profile", "lenet-5", *_QUICK, "--json", "-", "--markdown", "out.md")
    assert done.returncode == 0, done.stderr
    fields = json.loads(done.stdout)
    assert (fields["schema"], fields["model"]["name"]) == ("alexnet-bench.profile", "lenet-5")
    assert "... latency, process 1 of 5" in done.stderr
    assert re.search(r"(?m)^layer +time", done.stderr)
    assert re.search(r"(?m)^latency +\d", done.stderr)


def test_a_run_writes_only_to_its_outputs_and_the_cache(cli: Cli, tmp_path: Path) -> None:
    home, scratch, outputs, cached = (tmp_path / name for name in ("home", "tmp", "outputs", "cached"))
    for folder in (home, scratch, outputs):
        folder.mkdir()
    changes = {"HOME": str(home), "TMPDIR": str(scratch), "PYTHONDONTWRITEBYTECODE": "1"}
    changes["XDG_CACHE_HOME"] = str(cached)  # of its own: what other tests do in this process is not asked
    done = cli("profile", "lenet-5", *_QUICK, "--batch", "1,2", "--json", "outputs/out.json", "-q", **changes)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    written = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in written if path.parts[0] != cached.name] == [Path("outputs/out.json")]
    found = read_profile(outputs / "out.json")
    assert isinstance(found, ProfileSet)
    assert [profile.case.batch for profile in found.profiles] == [1, 2]
    assert {path.name for path in cached.iterdir()} == {"alexnet-bench"}
    assert not list(cached.rglob(".*"))


def test_the_python_function_returns_what_the_command_prints(cli: Cli, tmp_path: Path) -> None:
    done = cli("profile", "lenet-5", "--static", "--json", "out.json")
    assert done.returncode == 0
    assert re.search(r"(?m)^layer +output +params", done.stdout)
    found = read_profile(tmp_path / "out.json")
    assert isinstance(found, Profile)
    again = cli("report", "out.json", "--markdown", "-")
    assert again.stdout.startswith("### lenet-5")
    assert done.stdout == again.stderr
    assert cli("report", "out.json").stdout == done.stdout


def test_report_renders_a_stored_profile_and_writes_it_again(cli: Cli, tmp_path: Path) -> None:
    done = cli("report", str(_STORED), "--json", "again.json", "--markdown", "out.md", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "again.json").read_bytes() == _STORED.read_bytes()
    assert (tmp_path / "out.md").read_text(encoding="utf-8").startswith("### alexnet-2012")
    assert "2 more" not in cli("report", str(_STORED), "--top", "0").stdout
    assert "22 more with" in cli("report", str(_STORED), "--top", "1").stdout


def test_a_full_disk_does_not_take_the_table_away(cli: Cli) -> None:
    done = cli("report", str(_STORED), "--json", "/dev/full")
    assert done.returncode == 2
    assert done.stderr.startswith("error: /dev/full cannot be written: No space left on device")
    assert "layer " in done.stdout


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_of_another_encoding(cli: Cli, encoding: str) -> None:
    done = cli("report", str(_STORED), PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    assert "norm1" in done.stdout


def test_colours_are_for_terminals(cli: Cli) -> None:
    assert "\x1b" not in cli("report", str(_STORED)).stdout
    assert "\x1b" in cli("report", str(_STORED), FORCE_COLOR="1").stdout
    assert "\x1b" not in cli("report", str(_STORED), FORCE_COLOR="1", NO_COLOR="1").stdout


@pytest.mark.parametrize(
    "line",
    ["report {} --top 0", "report {} --json - -q", "report {} --markdown - -q", "devices", "devices h100 --json",
     "models", "recipes"],
)  # fmt: skip
def test_a_reader_that_stops_is_no_error(environment: dict[str, str], line: str) -> None:
    command = f"set -o pipefail; {{ alexnet_bench {line.format(_STORED)}; }} | true"
    function = f'alexnet_bench() {{ sleep 0.2; {sys.executable} -m alexnet_bench "$@"; }}; '
    done = subprocess.run(
        ["bash", "-c", function + command], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def started(environment: dict[str, str], tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A long profile, caught while it measures; it heeds interrupts even where the tests run in the background."""
    (tmp_path / "tmp").mkdir()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        [sys.executable, "-m", "alexnet_bench", "profile", "lenet-5", "--seconds", "90", "--json", "out.json"],
        env=environment | {"TMPDIR": str(tmp_path / "tmp")},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        signal.signal(signal.SIGINT, before)
        assert process.stderr is not None
        for line in process.stderr:
            if "process 1 of " in line:
                break
        yield process
        process.kill()


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_leaves_nothing(
    started: subprocess.Popen[str], tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    workers = _wait_for_children(started.pid)
    started.send_signal(sent)
    out, err = started.communicate(timeout=30)
    assert started.returncode == code
    assert out == ""
    assert "Traceback" not in err
    assert ("error: interrupted" in err) == (sent == signal.SIGINT)
    assert workers
    assert _end_soon(workers)
    assert [path for path in tmp_path.rglob("*") if path != tmp_path / "tmp"] == []


def _end_soon(processes: list[str]) -> bool:
    """Whether they end; one caught while it starts notices a moment later that its parent is gone."""
    for _ in range(100):
        if not any(map(_runs, processes)):
            return True
        time.sleep(0.05)
    return False


def _runs(pid: str) -> bool:
    """Whether the process is there and more than a zombie."""
    try:
        return Path("/proc", pid, "stat").read_text().rpartition(") ")[2][0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _wait_for_children(pid: int) -> list[str]:
    """Process ids of the workers."""
    for _ in range(200):
        if children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            return children
        time.sleep(0.05)
    raise AssertionError("no worker was started")


def test_listings(cli: Cli) -> None:
    models = cli("models")
    assert models.returncode == 0
    assert re.search(r"(?m)^alexnet-2012 .* 60,965,224 +724,406,816 +1\.4488", models.stdout)
    assert {"alexnet-owt", "onnx:resnet50"} <= {model["name"] for model in json.loads(cli("models", "--json").stdout)}
    assert json.loads(cli("devices", "gtx-580", "--json").stdout)[0]["memory"]["bytes"] == 3 << 30
    assert "[1]" in cli("devices", "gtx-580").stdout
    doctor = cli("doctor", "--json")
    assert doctor.returncode == 0
    assert json.loads(doctor.stdout)["version"] == __version__


def test_export_says_what_it_wrote(cli: Cli, tmp_path: Path) -> None:
    done = cli("export", "lenet-5", "-o", "lenet.onnx", "--seed", "1")
    assert (done.returncode, done.stdout) == (0, "")
    assert f"{(tmp_path / 'lenet.onnx').stat().st_size:,} bytes" in done.stderr
    counted = cli("profile", "lenet.onnx", "--static", "--json", "-", "-q")
    assert json.loads(counted.stdout)["totals"]["macs"] == 416_520


def test_the_version(cli: Cli) -> None:
    assert cli("--version").stdout == f"alexnet-bench {__version__}\n"


_INTERRUPT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests themselves ignore it

class Interrupting:
    def find_spec(self, name, *_):
        if name == "typer":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
from alexnet_bench.__main__ import main
main()
"""


def test_ctrl_c_is_heard_while_the_command_is_imported(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPT], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "error: interrupted\n")


def test_the_installed_command_is_the_one_that_hears_it() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["scripts"] == {"alexnet-bench": "alexnet_bench.__main__:main"}
