"""The parent's side of a worker: start it, ask, and turn whatever goes wrong into one error."""

from __future__ import annotations

import os
import selectors
import signal
import site
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import msgspec

import alexnet_bench
from alexnet_bench.backends.protocol import Loaded, LoadRequest
from alexnet_bench.backends.worker import Reply, Request, Samples
from alexnet_bench.core import errors
from alexnet_bench.core.text import printable

T = TypeVar("T")

LOAD_DEADLINE_S = 600.0
_GRACE_S = 120.0
_STDERR_TAIL = 400


class Worker:
    """One engine in a process of its own; a context manager that ends the process whatever happens."""

    def __init__(self) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="alexnet-bench-")
        self._stderr = (Path(self._scratch.name) / "stderr").open("w+b")
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "alexnet_bench.backends.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=_environment(Path(self._scratch.name)),
            start_new_session=True,  # Ctrl-C goes to the parent alone, which ends the worker
        )
        self._buffer = b""

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def scratch(self) -> Path:
        """A folder that lives as long as the worker."""
        return Path(self._scratch.name)

    def load(self, request: LoadRequest, inputs_dir: Path) -> Loaded:
        """Loads a model and the arrays to feed.

        Raises:
            BackendRefusal: the runtime does not take the model.
            BackendCrash: the worker died or hung.
        """
        return self._ask(Request(op="load", load=request, inputs_dir=str(inputs_dir)), LOAD_DEADLINE_S, Loaded)

    def sample(self, *, seconds: float, min_runs: int = 1, max_runs: int = 1_000_000) -> Samples:
        """Wall times of consecutive runs."""
        request = Request(op="sample", seconds=seconds, min_runs=min_runs, max_runs=max_runs)
        return self._ask(request, LOAD_DEADLINE_S + seconds, Samples)

    def infer(self, outputs_dir: Path) -> list[str]:
        """One forward pass whose outputs are written to a folder, as names of .npy files in order."""
        return self._ask(Request(op="infer", outputs_dir=str(outputs_dir)), LOAD_DEADLINE_S, list[str])

    def unload(self) -> None:
        """Ends the session, which completes its files."""
        self._ask(Request(op="unload"), _GRACE_S, type(None))

    def close(self) -> None:
        """Ends the process and removes its folder."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._stderr):
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:  # what was not yet sent to a worker that died
                    continue
        self._scratch.cleanup()

    def _ask(self, request: Request, deadline_s: float, kind: type[T]) -> T:
        if self._process.stdin is None:
            raise errors.BackendCrash("the worker has no input")
        try:
            self._process.stdin.write(msgspec.json.encode(request) + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._crashed(request.op) from None
        reply = msgspec.json.decode(self._read_line(request.op, time.monotonic() + deadline_s), type=Reply)
        if not reply.ok:
            raise self._error(reply)
        return msgspec.json.decode(reply.result, type=kind)

    def _read_line(self, doing: str, deadline: float) -> bytes:
        if self._process.stdout is None:
            raise errors.BackendCrash("the worker has no output")
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(timeout=max(0.0, deadline - time.monotonic())):
                    self._process.kill()
                    raise errors.BackendCrash(
                        f"the worker gave no answer in time ({doing})", "try a smaller model or batch"
                    )
                chunk = os.read(self._process.stdout.fileno(), 1 << 20)
                if not chunk:
                    raise self._crashed(doing)
                self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _crashed(self, doing: str) -> errors.BackendCrash:
        code = self._process.wait()
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        hint = "the system may have run out of memory: try a smaller --batch" if code == -signal.SIGKILL else ""
        self._stderr.seek(0)
        tail = self._stderr.read()[-_STDERR_TAIL:].decode(errors="replace").strip()
        said = f"; it last said: {printable(tail, _STDERR_TAIL)}" if tail else ""
        return errors.BackendCrash(f"the worker died by {how} ({doing}){said}", hint)

    @staticmethod
    def _error(reply: Reply) -> errors.AlexnetBenchError:
        kind = getattr(errors, reply.error, errors.BackendCrash)
        error: errors.AlexnetBenchError = kind(reply.message, reply.hint)
        return error


def _environment(scratch: Path) -> dict[str, str]:
    """The worker's environment: the same package, and a home of its own for what runtimes leave behind.

    ONNX Runtime and OpenVINO write telemetry files under the user's home, even with telemetry switched off.
    """
    package_root = str(Path(alexnet_bench.__file__).parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        "PYTHONPATH": package_root if not inherited else os.pathsep.join((package_root, inherited)),
        "PYTHONUSERBASE": site.getuserbase(),  # found through HOME otherwise
        "HOME": str(scratch),
        "XDG_CACHE_HOME": str(scratch / "cache"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
