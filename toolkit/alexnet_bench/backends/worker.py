"""The worker process: one engine, JSON lines in and out, and the timing loop.

Started as `python -P -m alexnet_bench.backends.worker FOLDER`. Requests come on standard input, replies go out on a
duplicate of standard output; the runtime's own prints are sent to standard error. The process ends when its parent
does, and then removes FOLDER, which nobody else would.
"""

from __future__ import annotations

import contextlib
import gc
import os
import queue
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from alexnet_bench.backends.array_files import read_arrays, write_arrays
from alexnet_bench.backends.output_arrays import as_arrays
from alexnet_bench.backends.protocol import LoadRequest, PlanRequest, Runner, RunParts, TimesParts
from alexnet_bench.backends.registry import describe, import_runtime, make_plan, make_runner
from alexnet_bench.core.errors import AlexnetBenchError, disk_full
from alexnet_bench.core.process_memory import peak_bytes, reset_peak
from alexnet_bench.core.uses import in_use

if TYPE_CHECKING:
    import numpy as np


class Request(msgspec.Struct):
    """One message to a worker; which fields are used depends on `op`."""

    op: str
    backend: str = ""
    load: LoadRequest | None = None
    plan: PlanRequest | None = None
    inputs_dir: str = ""
    outputs_dir: str = ""
    seconds: float = 0.0
    min_runs: int = 1
    max_runs: int = 1_000_000


class Reply(msgspec.Struct, omit_defaults=True):
    """One message from a worker: a result, or an error with its class."""

    ok: bool
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: str = ""
    message: str = ""
    hint: str = ""


class Samples(msgspec.Struct):
    """Wall time of consecutive runs, the peak of the process in them, and their parts where the runner tells those."""

    wall_s: list[float]
    peak_bytes: int | None
    parts: list[RunParts] = []


class Engine:
    """The state of a worker: a runner and the arrays it is fed with."""

    def __init__(self) -> None:
        self._runner: Runner | None = None
        self._feeds: dict[str, np.ndarray] = {}
        self._outputs: tuple[str, ...] = ()

    def handle(self, request: Request) -> object:
        """Carries out one request."""
        ways: dict[str, Callable[[Request], object]] = {
            "import": self._import,
            "load": self._load,
            "sample": self._sample,
            "infer": self._infer,
            "peaks": self._peaks,
            "plan": self._plan,
            "describe": self._describe,
            "unload": self._unload,
        }
        if request.op not in ways:
            raise ValueError(f"unknown request {request.op!r}")
        return ways[request.op](request)

    def _import(self, request: Request) -> object:
        """Apart from what is then asked for, as the parent tells a death of the runtime from one by the model."""
        import_runtime(request.backend)
        return None

    def _load(self, request: Request) -> object:
        if request.load is None:
            raise ValueError("load without a model")
        if self._runner is not None:  # what it holds, on a device perhaps, has to be free for the next one
            self._unload(request)
        self._feeds = read_arrays(Path(request.inputs_dir))
        self._runner = make_runner(request.load.backend)
        loaded = self._runner.activate(request.load)
        self._outputs = loaded.outputs
        return replace(loaded, peak_bytes=peak_bytes())

    def _plan(self, request: Request) -> object:
        if request.plan is None:
            raise ValueError("build without a model")
        return make_plan(request.plan)

    def _describe(self, request: Request) -> object:
        if request.load is None:
            raise ValueError("describe without an engine")
        return describe(request.load)

    def _sample(self, request: Request) -> object:
        runner = self._active()
        reset_peak()
        parts: list[RunParts] = []
        wall_s = time_runs(runner, self._feeds, request, parts)
        return Samples(wall_s, peak_bytes(), parts)

    def _infer(self, request: Request) -> object:
        feeds = read_arrays(Path(request.inputs_dir)) if request.inputs_dir else self._feeds
        outputs = as_arrays(self._outputs, self._active().infer(feeds))
        return write_arrays(Path(request.outputs_dir), {str(index): value for index, value in enumerate(outputs)})

    def _peaks(self, request: Request) -> object:
        outputs = self._active().infer(read_arrays(Path(request.inputs_dir)))
        return write_arrays(Path(request.outputs_dir), peaks(dict(zip(self._outputs, outputs, strict=True))))

    def _unload(self, _: Request) -> object:
        self._active().deactivate()
        self._runner = None
        return None

    def _active(self) -> Runner:
        if self._runner is None:
            raise ValueError("nothing is loaded")
        return self._runner


def peaks(values: Mapping[str, object]) -> dict[str, np.ndarray]:
    """The largest magnitude in each of those values that are arrays of floats; NaN where there is one."""
    import numpy as np

    return {
        name: np.max(np.abs(value))
        for name, value in values.items()
        if isinstance(value, np.ndarray) and np.issubdtype(value.dtype, np.floating) and value.size
    }


def time_runs(
    runner: Runner, feeds: dict[str, np.ndarray], request: Request, parts: list[RunParts] | None = None
) -> list[float]:
    """Wall time in seconds of runs one after the other, for so long and at least so often, at most so often.

    Args:
        runner: that is active.
        feeds: of every run.
        request: how long and how often.
        parts: takes those of each run, asked for after it was timed, where the runner tells them.
    """
    clock, infer = time.perf_counter, runner.infer
    ask = runner.last_parts if parts is not None and isinstance(runner, TimesParts) else None
    samples: list[float] = []
    gc.collect()
    gc.disable()
    try:
        deadline = clock() + request.seconds
        while len(samples) < request.max_runs:
            start = clock()
            infer(feeds)
            end = clock()
            samples.append(end - start)
            if ask is not None and parts is not None:
                parts.append(ask())
            if end >= deadline and len(samples) >= request.min_runs:
                break
    finally:
        gc.enable()
    return samples


def answer(engine: Engine, line: bytes) -> Reply:
    """The reply to one request; errors raised on purpose keep their class, message and hint."""
    try:
        request = msgspec.json.decode(line, type=Request)
        return Reply(ok=True, result=msgspec.Raw(msgspec.json.encode(engine.handle(request))))
    except AlexnetBenchError as error:
        return Reply(ok=False, error=type(error).__name__, message=error.message, hint=error.hint)
    except MemoryError:
        return Reply(
            ok=False, error="BackendCrash", message="the worker ran out of memory", hint="try a smaller --batch"
        )
    except Exception as error:  # noqa: BLE001 - whatever a runtime raises has to reach the parent as a message
        full = disk_full(error)
        if full is not None:
            return Reply(ok=False, error=type(full).__name__, message=full.message, hint=full.hint)
        return Reply(ok=False, error="BackendCrash", message=f"{type(error).__name__}: {error}")


def serve(requests: BinaryIO, replies: BinaryIO, folder: str) -> None:
    """Answers requests until standard input ends; that ends the process even while a runtime is busy.

    A parent that lives ends the worker by a signal, so that the end of standard input means that the parent is gone.
    """
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def listen() -> None:
        for line in requests:
            lines.put(line)
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    engine = Engine()
    while True:
        replies.write(msgspec.json.encode(answer(engine, lines.get())) + b"\n")
        replies.flush()


def _be_first_to_go() -> None:
    """When memory runs out, the system ends this process rather than another; the parent says what happened."""
    with contextlib.suppress(OSError):  # not Linux
        Path("/proc/self/oom_score_adj").write_text("1000")


def main() -> None:
    """Keeps standard output for the protocol and gives the runtime standard error in its place."""
    _be_first_to_go()
    protocol = os.dup(1)
    os.dup2(2, 1)
    # What it uses of the cache, it uses as long as it lives.
    with in_use(), os.fdopen(protocol, "wb") as replies:
        serve(sys.stdin.buffer, replies, sys.argv[1])


if __name__ == "__main__":
    main()
