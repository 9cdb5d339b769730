"""Runtimes that crash, hang, do not import or are not there yet, and users who lose their patience."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

from alexnet_bench.backends.registry import availability, get_backend
from alexnet_bench.core.packages import install_line
from tests.cli.hostile import INT64, assert_one_message, constant, loop, model, node, save, scan, value

if TYPE_CHECKING:
    from tests.cli.conftest import Say

pytestmark = pytest.mark.usefixtures("here")


def test_a_model_that_crashes_the_runtime(say: Say) -> None:
    """ONNX Runtime 1.31.1 divides the smallest integer by -1, at which the processor stops it (SIGFPE)."""
    nodes = [
        node("Mul", ["x", "zero"], ["z"]),
        node("Add", ["z", "smallest"], ["a"]),
        node("Div", ["a", "minus"], ["y"]),
    ]
    numbers = {"zero": 0, "smallest": -(2**63), "minus": -1}
    constants = [constant(name, [number], np.int64) for name, number in numbers.items()]
    save(model(nodes, [value("x", (1,), INT64)], constants=constants, dtype=INT64))
    code, _, err = say("profile", "m.onnx", "--quiet")
    if code == 0:
        pytest.skip("this processor, or this release of ONNX Runtime, divides without a fault")
    assert code == 5
    assert_one_message(err, "worker died by signal SIGFPE")


@pytest.mark.parametrize("build", [lambda: loop(2**62), lambda: scan(10**8)], ids=["loop", "scan"])
def test_a_model_that_hangs_the_runtime_is_ended(build: Callable[[], onnx.ModelProto], say: Say) -> None:
    save(build())
    before = _workers()
    code, _, err = say("profile", "m.onnx", "--timeout", "1.5", "--quiet")
    assert code == 5
    assert_one_message(err, r"gave no answer in 1\.5 s \(running it\), and was ended")
    assert "--timeout" in err
    assert _workers() <= before


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "1e9"])
def test_a_timeout_that_is_none(seconds: str, say: Say) -> None:
    code, _, err = say("profile", "lenet-5", "--timeout", seconds)
    assert code == 2
    assert_one_message(err, "no time to wait for")


def _workers() -> set[str]:
    """Process ids of all workers that run on this machine under this test."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            parent = (folder / "stat").read_text().rpartition(") ")[2].split()[1]
        except OSError:
            continue
        if b"alexnet_bench.backends.worker" in command and parent in (str(os.getpid()), "1"):
            found.add(folder.name)
    return found


@pytest.fixture
def heeded() -> Iterator[Callable[[int], None]]:
    """Lets processes that are started from now on have a signal, though these tests may run where it is ignored."""
    before: dict[int, Any] = {}

    def heed(number: int) -> None:
        before[number] = signal.signal(number, signal.SIG_DFL)

    yield heed
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_hanging_run_can_be_interrupted(
    sent: signal.Signals, code: int, environment: dict[str, str], tmp_path: Path, heeded: Callable[[int], None]
) -> None:
    save(loop(2**62))
    Path("tmp").mkdir()
    heeded(sent)
    with subprocess.Popen(
        [sys.executable, "-m", "alexnet_bench", "profile", "m.onnx"],
        env=environment | {"TMPDIR": str(tmp_path / "tmp")},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "process 1 of " in line:
                break
        time.sleep(1.5)
        worker = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0]
        process.send_signal(sent)
        begun = time.monotonic()
        _, err = process.communicate(timeout=30)
    assert time.monotonic() - begun < 5
    assert process.returncode == code
    assert "Traceback" not in err
    assert not Path("/proc", worker).exists()
    assert list(Path("tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("raise ImportError('libcudart.so.99: cannot open shared object file')", "ImportError: libcudart.so.99"),
        ("raise OSError('wrong ELF class')", "OSError: wrong ELF class"),
        ("import a_module_that_is_not_there", "ModuleNotFoundError"),
    ],
)
def test_a_runtime_that_does_not_import(content: str, reason: str, environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    for module in ("onnxruntime", "openvino", "torch"):
        (tmp_path / "broken" / f"{module}.py").write_text(content)
    changed = environment | {"PYTHONPATH": f"{tmp_path / 'broken'}:{environment['PYTHONPATH']}"}
    for line, stream in ((["profile", "lenet-5", "--quiet"], "stderr"), (["doctor"], "stdout")):
        done = subprocess.run(
            [sys.executable, "-m", "alexnet_bench", *line], env=changed, capture_output=True, text=True, check=False
        )
        said = " ".join(getattr(done, stream).split())
        assert done.returncode == 2
        assert "onnxruntime is installed, but cannot be imported" in said
        assert reason in said
        assert "pip install --force-reinstall" in said


def test_a_folder_of_the_name_of_a_runtime_is_no_runtime(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "onnxruntime").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", _ONLY_A_FOLDER], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False"]


_ONLY_A_FOLDER = """
import importlib.machinery, sys
find = importlib.machinery.PathFinder.find_spec
importlib.machinery.PathFinder.find_spec = lambda name, path=None, target=None: (
    find(name, ["."] if name == "onnxruntime" else path, target)
)
from alexnet_bench.backends.registry import BACKENDS, availability
print(availability(BACKENDS[0]).works)
"""


@pytest.mark.parametrize("name", ["onnxruntime-cuda", "onnxruntime-tensorrt"])
def test_a_provider_that_is_not_here_is_refused_with_what_to_install(name: str, say: Say) -> None:
    here = availability(get_backend(name))
    if here.works:
        pytest.skip("it works here")
    code, _, err = say("profile", "onnx:squeezenet", "--backend", name)
    assert code == 2
    assert_one_message(err, f"backend {name} does not work here: {here.reason}")
    assert install_line(get_backend(name).install) in err
