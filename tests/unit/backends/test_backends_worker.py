"""The worker process and the parent's side of it, with real processes and the real ONNX Runtime."""

from __future__ import annotations

import errno
import os
import signal
import site
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import helper

import alexnet_bench
from alexnet_bench.backends import client, worker, worker_environment
from alexnet_bench.backends.array_files import read_arrays, write_arrays
from alexnet_bench.backends.client import Deadlines, Worker
from alexnet_bench.backends.protocol import LoadRequest, PlanRequest
from alexnet_bench.backends.worker import Engine, Request, answer, time_runs
from alexnet_bench.core.errors import BackendCrash, BackendRefusal, ModelError, UsageError
from alexnet_bench.core.file_states import states_of
from alexnet_bench.core.uses import unused

if TYPE_CHECKING:
    from tests.unit.backends.conftest import Build

SOURCE = Path(alexnet_bench.__file__).parents[1]
BACKEND = "onnxruntime-cpu"


@pytest.fixture
def model(tmp_path: Path, build: Build) -> LoadRequest:
    path = tmp_path / "model.onnx"
    nodes = [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Neg", ["x"], ["odd name/\n"])]
    onnx.save(build.model(nodes, {"x": (2, 3)}, ["y", "odd name/\n"], {}), path)
    return LoadRequest(BACKEND, str(path), 1)


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    folder = tmp_path / "inputs"
    folder.mkdir()
    write_arrays(folder, {"x": np.array([[-1, 2, -3], [4, -5, 6]], np.float32)})
    return folder


@contextmanager
def worker_running(code: str, monkeypatch: pytest.MonkeyPatch, deadlines: Deadlines | None = None) -> Iterator[Worker]:
    """A worker whose process runs other code: what a runtime may do to it."""
    start = subprocess.Popen

    def other(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        return start([sys.executable, "-c", code, command[-1]], **options)

    with monkeypatch.context() as patch:
        patch.setattr("alexnet_bench.backends.client.subprocess.Popen", other)
        started = Worker(deadlines or Deadlines())
    with started:
        yield started


_CLAIMS = """
from pathlib import Path
from alexnet_bench.backends import worker
from alexnet_bench.core.uses import claim
worker.import_runtime = lambda _: claim(Path({part!r}))
worker.main()
"""


def test_what_a_worker_claims_it_uses_until_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = tmp_path / "part"
    with worker_running(_CLAIMS.format(part=str(part)), monkeypatch) as started:
        started._import(BACKEND)
        with unused(part) as is_idle:
            assert not is_idle
    with unused(part) as is_idle:
        assert is_idle
    assert list(tmp_path.iterdir()) == []


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def is_running(pid: int) -> bool:
    """Whether the process is there and no zombie (proc(5): the state follows the name in brackets)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_load_sample_infer_unload(model: LoadRequest, inputs: Path, tmp_path: Path) -> None:
    with Worker() as started:
        loaded = started.load(model, inputs)
        assert loaded.outputs == ("y", "odd name/\n")
        assert loaded.device == "cpu"
        assert loaded.backend_version
        assert loaded.peak_bytes is None or loaded.peak_bytes > 0
        assert len(started.sample(seconds=0.0, min_runs=3).wall_s) == 3
        assert len(started.sample(seconds=1000.0, max_runs=4).wall_s) == 4
        outputs = tmp_path / "outputs"
        outputs.mkdir()
        files = started.infer(outputs)
        assert np.load(outputs / files[0]).tolist() == [[0, 2, 0], [4, 0, 6]]
        assert np.load(outputs / files[1]).tolist() == [[1, -2, 3], [-4, 5, -6]]
        started.unload()
        with pytest.raises(BackendCrash, match="nothing is loaded"):
            started.sample(seconds=0.0)


def test_a_long_answer_arrives_whole(model: LoadRequest, inputs: Path) -> None:
    with Worker() as started:
        started.load(model, inputs)
        assert len(started.sample(seconds=0.0, min_runs=20_000).wall_s) == 20_000


def test_closing_ends_the_process_removes_its_folder_and_may_be_repeated(model: LoadRequest, inputs: Path) -> None:
    with Worker() as started:
        started.load(model, inputs)
        scratch, pid = started.scratch, started._process.pid
        assert scratch.is_dir()
    assert not scratch.exists()
    assert not Path(f"/proc/{pid}").exists()
    started.close()
    with pytest.raises(BackendCrash, match="has ended"):
        started.sample(seconds=0.0)


@pytest.mark.parametrize(
    ("number", "kind", "said"),
    [
        (errno.ENOSPC, "OutputError", "nothing more can be written: No space left on device"),
        (errno.EDQUOT, "OutputError", "nothing more can be written: Disk quota exceeded"),
        (errno.EIO, "BackendCrash", "OSError: [Errno 5] Input/output error"),
    ],
)
def test_a_full_disk_is_not_the_fault_of_the_worker(
    number: int, kind: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Engine, __: object) -> object:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Engine, "handle", full)
    reply = answer(Engine(), b'{"op": "plan"}')
    assert (reply.error, reply.message, bool(reply.hint)) == (kind, said, kind == "OutputError")


def test_a_refused_model_keeps_the_reason_of_the_runtime(tmp_path: Path, inputs: Path, build: Build) -> None:
    path = tmp_path / "model.onnx"
    unknown = helper.make_node("NoSuchOperator", ["x"], ["y"])
    onnx.save(build.model([unknown], {"x": (2, 3)}, ["y"], {}), path)
    with Worker() as started:
        with pytest.raises(BackendRefusal, match="NoSuchOperator") as caught:
            started.load(LoadRequest(BACKEND, str(path), 1), inputs)
        assert caught.value.exit_code == 2
        assert "profile --static" in caught.value.hint


def test_inputs_that_a_kernel_refuses(model: LoadRequest, tmp_path: Path) -> None:
    folder = tmp_path / "wrong"
    folder.mkdir()
    write_arrays(folder, {"x": np.zeros((7, 7), np.float32)})
    with Worker() as started:
        started.load(model, folder)
        with pytest.raises(BackendRefusal, match="fails while running") as caught:
            started.sample(seconds=0.0)
        assert "profile --static" in caught.value.hint


def test_errors_on_purpose_keep_their_class(model: LoadRequest, inputs: Path) -> None:
    with Worker() as started, pytest.raises(UsageError, match="unknown backend"):
        started.load(LoadRequest("onnxruntime-cpo", model.model_path, 1), inputs)


def test_a_runtime_that_prints_does_not_break_the_protocol(
    model: LoadRequest, inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noisy = tmp_path / "noisy"
    noisy.mkdir()
    (noisy / "sitecustomize.py").write_text(
        "import os, sys, threading, time\n"
        "def shout():\n"
        "    while True:\n"
        "        time.sleep(0.01)\n"
        "        if 'onnxruntime' in sys.modules:\n"
        "            os.write(1, b'{\"ok\": true}\\nfrom a runtime\\n')\n"
        "threading.Thread(target=shout, daemon=True).start()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(noisy))
    with Worker() as started:
        started.load(model, inputs)
        assert len(started.sample(seconds=0.2, min_runs=3).wall_s) >= 3
        assert b"from a runtime" in (started.scratch / "stderr").read_bytes()


@pytest.mark.parametrize("end", ["os.abort()", "os._exit(0)"])
def test_a_worker_that_dies_with_plugins_names_them(end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    imported = r"sys.stdin.buffer.readline(); os.write(1, b'{\"ok\": true}\n')"
    code = f"import os, sys; {imported}; sys.stdin.buffer.readline(); {end}"
    plan = PlanRequest("tensorrt", "tensorrt", "m.onnx", "e.plan", "l", "p", plugins=("/lib/ours.so",))
    said = r"building the engine with the plugin library /lib/ours\.so"
    with worker_running(code, monkeypatch) as started, pytest.raises(BackendCrash, match=said) as caught:
        started.build(plan)
    assert caught.value.hint.startswith("a plugin library may have ended it")


def test_a_runtime_that_dies_as_it_is_imported_is_no_fault_of_the_model(
    model: LoadRequest, inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "onnxruntime.py").write_text("import os; os.abort()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Worker() as started, pytest.raises(BackendCrash, match=r"SIGABRT \(importing the runtime\)") as caught:
        started.load(model, inputs)
    assert "pip install --force-reinstall onnxruntime" in caught.value.hint
    assert "model" not in caught.value.hint


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGRTMIN + 1])
def test_a_worker_that_dies_by_a_signal_is_a_crash(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        f"import os, sys; sys.stdin.buffer.readline(); sys.stderr.write('x' * 100_000 + ' last\\x1b words');"
        f"sys.stderr.flush(); os.kill(os.getpid(), {int(number)})"
    )
    with worker_running(code, monkeypatch) as started:
        with pytest.raises(BackendCrash, match=r"died by signal .*last\\x1b words") as caught:
            started.sample(seconds=0.0)
        assert caught.value.exit_code == 5
        assert ("out of memory" in caught.value.hint) == (number == signal.SIGKILL)
        assert len(caught.value.message) < 1000
        with pytest.raises(BackendCrash, match=r"died by signal") as again:
            started.sample(seconds=0.0)
        assert again.value.hint == caught.value.hint


def test_a_worker_that_ends_without_an_answer_is_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    with worker_running("raise SystemExit(3)", monkeypatch) as started, pytest.raises(BackendCrash, match="status 3"):
        started.sample(seconds=0.0)


def test_half_an_answer_is_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import os, sys; sys.stdin.buffer.readline(); os.write(1, b'{\"ok\": tr')"
    with worker_running(code, monkeypatch) as started, pytest.raises(BackendCrash, match="status 0"):
        started.sample(seconds=0.0)


@pytest.mark.parametrize("reply", [b"not JSON", b"{}", b'{"ok": true, "result": {"wall_s": "x"}}', b"\xff"])
def test_an_answer_that_is_none_is_a_crash(reply: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    code = f"import os, sys, time; sys.stdin.buffer.readline(); os.write(1, {reply!r} + b'\\n'); time.sleep(60)"
    with (
        worker_running(code, monkeypatch) as started,
        pytest.raises(BackendCrash, match="cannot be read"),
    ):
        started.sample(seconds=0.0)


def test_a_worker_that_closes_its_output_but_lives_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_GRACE_S", 0.2)
    code = "import os, sys, time; sys.stdin.buffer.readline(); os.close(1); time.sleep(60)"
    with worker_running(code, monkeypatch) as started:
        with pytest.raises(BackendCrash, match="stopped answering"):
            started.sample(seconds=0.0)
        assert started._process.returncode == -signal.SIGKILL


_STARTS_A_CHILD = (
    "import os, subprocess, sys, time, pathlib\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], stdout=subprocess.DEVNULL)\n"
    "pathlib.Path(sys.argv[1], 'child').write_text(str(child.pid))\n"
)


def test_past_its_deadline_a_worker_is_killed_with_what_it_started(monkeypatch: pytest.MonkeyPatch) -> None:
    with worker_running(f"{_STARTS_A_CHILD}time.sleep(60)", monkeypatch, Deadlines(pass_s=3.0)) as started:
        with pytest.raises(BackendCrash, match=r"no answer in 3 s \(running it\), and was ended") as caught:
            started.sample(seconds=0.0)
        assert "--timeout" in caught.value.hint
        child = int((started.scratch / "child").read_text())
        assert started._process.returncode == -signal.SIGKILL
        assert wait_until(lambda: not is_running(child))
        with pytest.raises(BackendCrash, match=r"was ended before \(running it\)$") as again:
            started.sample(seconds=0.0)
        assert again.value.hint == ""  # memory was no reason


@pytest.mark.parametrize(("least_s", "load_s", "waited"), [(0.3, 0.1, "0.3"), (0.1, 0.3, "0.3")])
def test_the_time_to_unload_grows_with_that_to_load(
    least_s: float, load_s: float, waited: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_UNLOAD_DEADLINE_S", least_s)
    with (
        worker_running("import time; time.sleep(60)", monkeypatch, Deadlines(load_s=load_s)) as started,
        pytest.raises(BackendCrash, match=rf"no answer in {waited} s \(closing it\)"),
    ):
        started.unload()


@pytest.mark.parametrize(("end", "said"), [("os.abort()", "signal SIGABRT"), ("os._exit(3)", "exit status 3")])
def test_what_a_worker_started_ends_when_the_worker_dies_by_itself(
    end: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with worker_running(f"{_STARTS_A_CHILD}sys.stdin.buffer.readline(); {end}", monkeypatch) as started:
        with pytest.raises(BackendCrash, match=f"died by {said}"):
            started.sample(seconds=0.0)
        child = int((started.scratch / "child").read_text())
        assert wait_until(lambda: not is_running(child), seconds=5.0)


def test_an_interrupt_while_waiting_ends_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        with worker_running("import time; time.sleep(60)", monkeypatch) as started:
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with pytest.raises(KeyboardInterrupt):
                started.sample(seconds=0.0)
            pid, scratch = started._process.pid, started.scratch
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert not Path(f"/proc/{pid}").exists()
    assert not scratch.exists()


def test_a_process_that_cannot_start_is_a_crash_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no python"))
    with pytest.raises(BackendCrash, match="cannot be started"):
        Worker()
    assert list(tmp_path.iterdir()) == []


PARENT = """
import sys
from pathlib import Path
from alexnet_bench.backends.client import Worker
from alexnet_bench.backends.protocol import LoadRequest
worker = Worker()
def tell():
    print(worker._process.pid, worker.scratch, flush=True)
worker._import("onnxruntime-cpu")
if sys.argv[3] == "load":
    tell()
worker.load(LoadRequest("onnxruntime-cpu", sys.argv[1], 1), Path(sys.argv[2]))
if sys.argv[3] == "run":
    tell()
worker.sample(seconds=600)
"""


@pytest.fixture
def slow_to_load(tmp_path: Path, build: Build) -> LoadRequest:
    """What ONNX Runtime computes as it loads takes minutes."""
    size, products = 4096, 40
    names = ["first", *(f"p{number}" for number in range(products))]
    constants: dict[str, Any] = {
        "one": np.full((1, 1), 1 / size, np.float32),
        "sizes": np.array([size, size]),
        "rows": np.array([0]),
    }
    nodes = [
        helper.make_node("Expand", ["one", "sizes"], ["first"]),
        *(helper.make_node("MatMul", ["first", left], [right]) for left, right in pairwise(names)),
        helper.make_node("Gather", [names[-1], "rows"], ["picked"]),
        helper.make_node("ReduceSum", ["picked"], ["total"]),
        helper.make_node("Add", ["x", "total"], ["y"]),
    ]
    onnx.save(build.model(nodes, {"x": (2, 3)}, ["y"], constants), tmp_path / "slow.onnx")
    return LoadRequest(BACKEND, str(tmp_path / "slow.onnx"), 1)


@pytest.mark.parametrize("busy", ["run", "load"])
def test_a_worker_ends_with_its_parent_even_while_it_is_busy(
    busy: str, model: LoadRequest, slow_to_load: LoadRequest, inputs: Path
) -> None:
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    loaded = slow_to_load if busy == "load" else model
    command = [sys.executable, "-c", PARENT, loaded.model_path, str(inputs), busy]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, scratch = parent.stdout.readline().split()
        time.sleep(1.0)  # until it is in the midst of it
        assert is_running(int(pid))
        parent.kill()
    assert wait_until(lambda: not is_running(int(pid)))
    assert wait_until(lambda: not Path(scratch).exists())


def test_nothing_is_written_to_the_home_of_the_user(
    model: LoadRequest, inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(home / name))
    with Worker() as started:
        started.load(model, inputs)
        started.sample(seconds=0.0)
        started.unload()
    assert list(home.rglob("*")) == []


def test_modules_of_the_working_folder_do_no_harm(
    model: LoadRequest, inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "user"
    folder.mkdir()
    for name in ("onnx", "numpy", "onnxruntime", "msgspec", "queue"):
        (folder / f"{name}.py").write_text("raise RuntimeError('the wrong module')")
    monkeypatch.chdir(folder)
    with Worker() as started:
        started.load(model, inputs)


@pytest.mark.parametrize("at", ["purelib", "user"])
def test_an_installed_package_does_not_come_before_the_modules_of_python(
    at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(sysconfig.get_path("purelib") if at == "purelib" else site.getusersitepackages())
    monkeypatch.setattr(alexnet_bench, "__file__", str(folder / "alexnet_bench" / "__init__.py"))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert worker_environment.environment(tmp_path)["PYTHONPATH"] == ""


def test_a_source_tree_is_found_by_the_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "theirs")
    assert worker_environment.environment(tmp_path)["PYTHONPATH"] == f"{SOURCE}{os.pathsep}theirs"


class CountingRunner:
    """A runner that takes some time by a clock that only it moves."""

    def __init__(self, duration_s: float) -> None:
        self.now_s = 0.0
        self.fed: list[Mapping[str, Any]] = []
        self._duration_s = duration_s

    def infer(self, feeds: Mapping[str, Any]) -> list[Any]:
        self.now_s += self._duration_s
        self.fed.append(feeds)
        return []


@pytest.mark.parametrize(
    ("seconds", "min_runs", "max_runs", "runs"),
    [(1.0, 1, 100, 4), (0.0, 1, 100, 1), (0.0, 7, 100, 7), (10.0, 1, 5, 5), (0.6, 1, 100, 3), (0.0, 9, 3, 3)],
)
def test_runs_go_on_for_so_long_and_so_often(
    seconds: float, min_runs: int, max_runs: int, runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = CountingRunner(0.25)
    monkeypatch.setattr("alexnet_bench.backends.worker.time.perf_counter", lambda: runner.now_s)
    feeds: dict[str, Any] = {"x": np.zeros(1)}
    request = Request(op="sample", seconds=seconds, min_runs=min_runs, max_runs=max_runs)
    assert time_runs(runner, feeds, request) == [0.25] * runs  # type: ignore[arg-type]
    assert all(fed is feeds for fed in runner.fed)


@pytest.mark.parametrize(
    ("line", "said"),
    [(b"{", "truncated"), (b'{"op": "dance"}', "dance"), (b'{"op": "sample"}', "loaded"), (b'{"op": "load"}', "model")],
)
def test_requests_that_make_no_sense_are_answered(line: bytes, said: str) -> None:
    reply = answer(worker.Engine(), line)
    assert not reply.ok
    assert said in reply.message


def test_too_little_memory_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(worker.Engine, "handle", exhausted)
    assert "--batch" in answer(worker.Engine(), b'{"op": "sample"}').hint


def test_arrays_keep_their_names_types_and_values(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {
        "a/b\n": np.arange(6, dtype=np.float16).reshape(2, 3),
        "": np.array(True),
        "columns first": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "../x": np.zeros((0, 4), np.int8),
    }
    write_arrays(tmp_path, arrays)
    found = read_arrays(tmp_path)
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)
        assert (found[name].shape, found[name].flags.c_contiguous) == (array.shape, True)


def test_numbers_of_a_model_that_was_replaced_do_not_leave_the_worker(model: LoadRequest, inputs: Path) -> None:
    path = Path(model.model_path)
    request = replace(model, files=states_of([path]))
    with Worker() as worker:
        worker.load(request, inputs)
        assert worker.sample(seconds=0.0).wall_s
        path.with_name("other").write_bytes(path.read_bytes())
        path.with_name("other").replace(path)
        with pytest.raises(ModelError, match="changed while it was read"):
            worker.sample(seconds=0.0)
    with Worker() as worker, pytest.raises(ModelError, match="changed while it was read"):
        worker.load(request, inputs)


@pytest.mark.parametrize("content", [None, b"\x08\x07cut"])
def test_a_refusal_of_a_model_that_changed_is_put_down_to_that(
    model: LoadRequest, inputs: Path, content: bytes | None
) -> None:
    path = Path(model.model_path)
    request = replace(model, files=states_of([path]))
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with Worker() as worker, pytest.raises(ModelError, match="changed while it was read") as caught:
        worker.load(request, inputs)
    assert "onnxruntime" not in caught.value.message


def test_a_path_that_is_not_utf8_is_refused_by_name(model: LoadRequest, inputs: Path) -> None:
    odd = os.fsdecode(os.fsencode(model.model_path) + b"\xff")
    Path(model.model_path).rename(odd)
    with Worker() as worker, pytest.raises(UsageError, match=r"model.onnx\\udcff is not UTF-8"):
        worker.load(replace(model, model_path=odd), inputs)
