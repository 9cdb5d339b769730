"""The parent's side of a worker: start it, ask, and turn whatever goes wrong into one error."""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import msgspec

from alexnet_bench.backends.messages import encode
from alexnet_bench.backends.protocol import Described, Loaded, LoadRequest, PlanBuilt, PlanRequest
from alexnet_bench.backends.registry import get_backend, repair_hint
from alexnet_bench.backends.worker import Reply, Request, Samples
from alexnet_bench.backends.worker_environment import environment
from alexnet_bench.core import errors
from alexnet_bench.core.file_states import FileState, unchanged
from alexnet_bench.core.scratch import ScratchFolder
from alexnet_bench.core.signals import how_ended
from alexnet_bench.core.text import printable
from alexnet_bench.core.workspace import runtimes_cache

T = TypeVar("T")

MAX_WAIT_S = 600.0
"""The longest that the tool waits for a runtime unless it is told to wait longer."""
_UNLOAD_DEADLINE_S = 120.0
_LONGEST_SELECT_S = 1e6
"""The system takes no longer time to wait for."""
_GRACE_S = 5.0
_LOOK_S = 0.01
_STDERR_TAIL = 400
_DOING = {
    "import": "importing the runtime",
    "load": "loading the model",
    "plan": "building the engine",
    "describe": "loading the engine",
    "sample": "running it",
    "infer": "running it",
    "peaks": "running it",
    "unload": "closing it",
}
_OUT_OF_MEMORY = "the system may have run out of memory: try a smaller --batch"
_NO_RUN = "the runtime does not survive this model: report it to its makers, or count without running: profile --static"
_NO_START = "the runtime's package is damaged, or was built for another processor"
_LIMITS = {
    errno.EMFILE: "it may open too few files: ulimit -n 1024",
    errno.EAGAIN: "this user may have too few processes: ulimit -u",
    errno.ENOMEM: _OUT_OF_MEMORY,
}
"""What to do about a limit of the system."""
_PLUGINS = "a plugin library may have ended it: build without it, or give one made for this version of the runtime"


@dataclass(frozen=True)
class Deadlines:
    """How long a worker may be silent, in seconds; after that it is ended.

    Attributes:
        load_s: while it loads a model.
        pass_s: for each forward pass that it is asked for.
    """

    load_s: float = MAX_WAIT_S
    pass_s: float = MAX_WAIT_S


PATIENT = Deadlines()
"""Of whoever does not say how long."""


class Worker:
    """One engine in a process of its own; a context manager that ends the process whatever happens.

    Args:
        deadlines: how long it may take to answer.
    """

    def __init__(self, deadlines: Deadlines = PATIENT) -> None:
        self._deadlines = deadlines
        self._plugins: tuple[str, ...] = ()
        self._files: tuple[FileState, ...] = ()
        self._backend = ""
        self._was_ended = False
        self._scratch = ScratchFolder()
        self._stderr = (self.scratch / "stderr").open("w+b")
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "alexnet_bench.backends.worker", self._scratch.name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                env=environment(self.scratch),
                start_new_session=True,  # Ctrl-C goes to the parent alone, which ends the worker
            )
        except OSError as error:
            self._stderr.close()
            self._scratch.cleanup()
            hint = _LIMITS.get(error.errno or 0, "")
            raise errors.BackendCrash(f"a worker process cannot be started: {error.strerror}", hint) from None

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        full = self._scratch.full(error)
        self.close()
        if full is not None:
            raise full from error

    @property
    def scratch(self) -> Path:
        """A folder that lives as long as the worker."""
        return Path(self._scratch.name)

    def load(self, request: LoadRequest, inputs_dir: Path) -> Loaded:
        """Loads a model and the arrays to feed.

        Raises:
            BackendRefusal: the runtime does not take the model.
            BackendCrash: the worker died or hung.
            ModelError: a file of `request.files` is not as it was, now or at a later answer.
        """
        self._import(request.backend)
        self._plugins, self._files = request.plugins, request.files
        asked = Request(op="load", load=_with_engines(request), inputs_dir=str(inputs_dir))
        return self._ask(asked, self._deadlines.load_s, Loaded)

    def build(self, request: PlanRequest) -> PlanBuilt:
        """Builds an engine in the runtime's own format.

        Raises:
            BackendRefusal: the runtime does not take the model.
            BackendCrash: the worker died or hung.
        """
        self._import(request.backend)
        self._plugins = request.plugins
        return self._ask(Request(op="plan", plan=request), self._deadlines.load_s, PlanBuilt)

    def describe(self, request: LoadRequest) -> Described:
        """Loads an engine in the runtime's own format to ask it what it is; nothing is run.

        Raises:
            EngineError: the engine is damaged, or of another flavour, version or card.
            BackendRefusal: the runtime does not take the engine.
            BackendCrash: the worker died or hung.
        """
        self._import(request.backend)
        self._plugins, self._files = request.plugins, request.files
        return self._ask(Request(op="describe", load=request), self._deadlines.load_s, Described)

    def sample(self, *, seconds: float, min_runs: int = 1, max_runs: int = 1_000_000) -> Samples:
        """Wall times of consecutive runs.

        Raises:
            BackendRefusal: a kernel fails.
            BackendCrash: the worker died or hung.
        """
        request = Request(op="sample", seconds=seconds, min_runs=min_runs, max_runs=max_runs)
        return self._ask(request, seconds + max(1, min_runs) * self._deadlines.pass_s, Samples)

    def infer(self, outputs_dir: Path, inputs_dir: Path | None = None) -> list[str]:
        """One forward pass whose outputs are written to a folder, as names of .npy files in order.

        Args:
            outputs_dir: where to.
            inputs_dir: the arrays to feed this time; None takes those of `load`.
        """
        request = Request(op="infer", outputs_dir=str(outputs_dir), inputs_dir=str(inputs_dir or ""))
        return self._ask(request, self._deadlines.pass_s, list[str])

    def peaks(self, outputs_dir: Path, inputs_dir: Path) -> None:
        """One forward pass, of whose outputs only the largest magnitudes are written, as arrays by their names.

        Args:
            outputs_dir: where to.
            inputs_dir: the arrays to feed.
        """
        request = Request(op="peaks", outputs_dir=str(outputs_dir), inputs_dir=str(inputs_dir))
        self._ask(request, self._deadlines.pass_s, list[str])

    def unload(self) -> None:
        """Ends the session, which completes its files."""
        self._ask(Request(op="unload"), max(_UNLOAD_DEADLINE_S, self._deadlines.load_s), type(None))

    def close(self) -> None:
        """Ends the process and removes its folder; may be called again."""
        self.kill()
        for stream in (self._process.stdin, self._process.stdout, self._stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):  # what was not yet sent to a worker that died
                    stream.close()
        self._scratch.cleanup()

    def kill(self) -> None:
        """Ends the process and whatever it started; a thread that waits for its answer gets an error."""
        self._was_ended = True
        self._end()

    def _end(self) -> None:
        if self._process.returncode is None:  # not waited for yet, so that its number is still its own
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _import(self, backend: str) -> None:
        """Imports the runtime, apart from what it is then asked for: a death here is not the model's fault."""
        self._backend = backend
        self._ask(Request(op="import", backend=backend), self._deadlines.load_s, type(None))

    def _ask(self, request: Request, deadline_s: float, kind: type[T]) -> T:
        """One answer. What a runtime says of files that changed, and of a full disk, is told by its cause."""
        try:
            with unchanged(self._files):
                return self._answer(request, deadline_s, kind)
        except errors.AlexnetBenchError as error:
            full = self._scratch.full(error)
            raise full or error from None

    def _answer(self, request: Request, deadline_s: float, kind: type[T]) -> T:
        if self._process.stdin is None or self._process.stdin.closed:
            raise errors.BackendCrash(f"the worker has ended ({request.op})")
        try:
            self._process.stdin.write(encode(request) + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._crashed(request.op) from None
        line = self._read_line(request.op, deadline_s)
        try:
            reply = msgspec.json.decode(line, type=Reply)
            if reply.ok:
                return msgspec.json.decode(reply.result, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self.kill()  # what else it says could not be told from an answer
            raise errors.BackendCrash(f"the worker's answer cannot be read ({request.op}): {error}") from None
        raise self._error(reply)

    def _read_line(self, doing: str, deadline_s: float) -> bytes:
        """One answer. A worker says nothing that was not asked for, so that an answer ends with what is read."""
        deadline = time.monotonic() + deadline_s
        if self._process.stdout is None:
            raise errors.BackendCrash("the worker has no output")
        chunks: list[bytes] = []
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while not chunks or not chunks[-1].endswith(b"\n"):
                if not selector.select(timeout=min(_LONGEST_SELECT_S, max(0.0, deadline - time.monotonic()))):
                    self.kill()
                    raise errors.BackendCrash(
                        f"the runtime gave no answer in {deadline_s:,.4g} s ({_DOING[doing]}), and was ended",
                        "give a longer --timeout or a smaller --batch, or count without running: profile --static",
                    )
                chunk = os.read(self._process.stdout.fileno(), 1 << 20)
                if not chunk:
                    raise self._crashed(doing)
                chunks.append(chunk)
        return b"".join(chunks)

    def _crashed(self, doing: str) -> errors.BackendCrash:
        if self._was_ended:
            return errors.BackendCrash(f"the worker was ended before ({_DOING[doing]})")
        if self._ends_in(_GRACE_S):
            self._end()  # what it started lives on
        else:  # it closed its end, but runs on
            self.kill()
            return errors.BackendCrash(f"the worker stopped answering ({doing}){self._last_words()}")
        code = self._process.returncode
        hint = _OUT_OF_MEMORY if code == -signal.SIGKILL else _PLUGINS if self._plugins else _NO_RUN
        if doing == "import" and code != -signal.SIGKILL:
            hint = f"{_NO_START}: {repair_hint(get_backend(self._backend))}; or try another backend"
        what = f"{_DOING[doing]}{self._with_plugins()}"
        return errors.BackendCrash(f"the worker died by {how_ended(code)} ({what}){self._last_words()}", hint)

    def _ends_in(self, seconds: float) -> bool:
        """Whether the process ends in that time. Its number stays its own, and its group's, until it is waited for."""
        deadline = time.monotonic() + seconds
        with contextlib.suppress(ChildProcessError):  # it was waited for already
            while os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
                if time.monotonic() >= deadline:
                    return False
                time.sleep(_LOOK_S)
        return True

    def _with_plugins(self) -> str:
        """Whose code runs in the worker beside the runtime's."""
        names = ", ".join(printable(path, 200) for path in self._plugins)
        return f" with the plugin {'library' if len(self._plugins) == 1 else 'libraries'} {names}" if names else ""

    def _last_words(self) -> str:
        self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, self._stderr.tell() - _STDERR_TAIL))
        tail = self._stderr.read().decode(errors="replace").strip()
        # The end says most, so that the limit must not cut it, however long escaping makes the text.
        return f"; it last said: {printable(tail, 10 * _STDERR_TAIL)}" if tail else ""

    @staticmethod
    def _error(reply: Reply) -> errors.AlexnetBenchError:
        kind = getattr(errors, reply.error, errors.BackendCrash)
        error: errors.AlexnetBenchError = kind(reply.message, reply.hint)
        return error


def _with_engines(request: LoadRequest) -> LoadRequest:
    """Tells a runtime that builds engines for itself where to keep them; a worker's own folders go with it."""
    if request.engines_dir is not None or not get_backend(request.backend).keeps_engines:
        return request
    return replace(request, engines_dir=str(runtimes_cache() / request.backend))
