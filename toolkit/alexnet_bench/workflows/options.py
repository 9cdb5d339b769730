"""What is asked of a profile, and what no machine can do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from alexnet_bench.core.errors import MissingRuntimeError, UsageError
from alexnet_bench.core.text import printable
from alexnet_bench.core.threads import check_threads
from alexnet_bench.core.unused import check_none

DEFAULT_MODEL = "alexnet-2012"
DEFAULT_BUDGETS = ("gtx-580:2",)
DEFAULT_SECONDS = 3.0
ALL, FASTEST = "all", "fastest"
"""Backends that are compared; `ALL` stands for every precision, too."""
LEAST_PROCESSES, MOST_PROCESSES = 5, 15
"""Fresh processes for each case, one for each timed second: memory layout and thread placement differ from one to the
next by some percent. The interval of the median narrows with their number, and much faster below five than above."""

MAX_TIMEOUT_S = 86_400
_MAX_SECONDS = 3600

_STEERING = {
    "backend": "--backend",
    "threads": "--threads",
    "seconds": "--seconds",
    "seed": "--seed",
    "inputs": "--inputs",
    "static": "--static",
    "recipe": "--recipe",
    "precision": "--precision",
    "optimize": "--[no-]optimize",
    "settings": "--set",
    "timeout_s": "--timeout",
    "host_code": "--host-code",
}
"""Options that steer a run or a build, by what they are called here."""

RUNS_HOST_CODE = {"version_compatible": "on"}
"""By which a runner of TensorRT lets an engine run code that it carries."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """How to profile.

    Attributes:
        backend: name in the registry, None for the first that works here.
        shapes: sizes by input name.
        threads: None takes the physical cores that this process may use.
        seconds: timed seconds for each case, warming up and layer times come on top; None takes DEFAULT_SECONDS.
        budgets: devices to compare with, as NAME:COUNT; the first also gives each layer's predicted time.
        seed: of generated inputs; None takes 0.
        inputs: file or folder of arrays to run on, in place of generated ones; their sizes are those of the case.
        static: count only.
        processes: fresh processes that the timed seconds are spread over; None takes one for each second, from 5 to 15.
        recipe: builds an engine by it, and profiles that; name of a recipe or path of its file.
        precision: likewise, with the usual recipe of the backend for "fp32", "tf32", "fp16" or "bf16".
        optimize: likewise: whether to apply the passes that make a graph faster.
        settings: of the backend, by name: the model is run with them, or the engine built.
        timeout_s: how long the runtime may take to load the model, and for each forward pass, before it is ended; None
            takes ten minutes to load, and what the counted work allows for a pass.
        model: what an engine was built from that has no passport, or whose files of trtexec are read; None counts
            nothing.
        device_api: the package for the memory of a device, "cuda-python" or "pycuda"; None takes what is installed.
        host_code: lets an engine of TensorRT without a passport run code that it carries.
    """

    backend: str | None = None
    shapes: Mapping[str, Sequence[int]] | None = None
    threads: int | None = None
    seconds: float | None = None
    budgets: tuple[str, ...] = DEFAULT_BUDGETS
    seed: int | None = None
    inputs: str | Path | None = None
    static: bool = False
    processes: int | None = None
    recipe: str | None = None
    precision: str | None = None
    optimize: bool | None = None
    settings: Mapping[str, str] | None = None
    timeout_s: float | None = None
    model: str | None = None
    device_api: str | None = None
    host_code: bool = False

    @property
    def timed_s(self) -> float:
        """Timed seconds for each case."""
        return DEFAULT_SECONDS if self.seconds is None else self.seconds

    @property
    def timed_processes(self) -> int:
        """Fresh processes for each case."""
        usual = min(max(int(self.timed_s), LEAST_PROCESSES), MOST_PROCESSES)
        return usual if self.processes is None else self.processes

    @property
    def input_seed(self) -> int:
        """Seed of generated inputs."""
        return self.seed or 0

    @property
    def steering(self) -> tuple[str, ...]:
        """Those that were given and steer a run or a build, as they are typed."""
        given = [typed for name, typed in _STEERING.items() if getattr(self, name) != getattr(Options, name)]
        return (*given, *([f"--{self.device_api}"] if self.device_api else []))

    @property
    def wants_engine(self) -> bool:
        """Whether an engine is to be built first."""
        return (self.recipe, self.precision, self.optimize) != (None, None, None)

    @property
    def run_settings(self) -> dict[str, str]:
        """Settings of the backend that options stand for."""
        chosen = {"device_api": self.device_api} if self.device_api else {}
        return chosen | (RUNS_HOST_CODE if self.host_code else {})


@contextmanager
def or_without(how: str = "count without a runtime: profile --static") -> Iterator[None]:
    """Adds to what is said of a runtime that is missing what can be done without one."""
    try:
        yield
    except MissingRuntimeError as error:
        raise MissingRuntimeError(error.message, f"{error.hint}    # or {how}") from None


def silent(_: str) -> None:
    """Progress for callers that show none."""


def check_batches(batches: Sequence[int | None]) -> None:
    """Raises UsageError for anything but whole numbers from 1, and None for the model's own; at least one."""
    if not batches or not all(batch is None or (type(batch) is int and batch > 0) for batch in batches):
        raise UsageError("a batch is a whole number from 1", "for example --batch 1,8,32")


def check(options: Options, batches: Sequence[int | None]) -> None:
    """Raises UsageError for options that cannot be meant."""
    check_batches(batches)
    check_seconds(options.timed_s)
    check_threads(options.threads)
    check_timeout(options.timeout_s)
    check_seed(options.input_seed)
    if options.inputs is not None:
        _check_inputs(options, batches)
    if options.static:
        check_only_counts(options, "--static")
    check_processes(options.timed_processes)


def check_only_counts(options: Options, asked_by: str) -> None:
    """Raises UsageError for options that steer a run or a build, where nothing is run or built."""
    given = [typed for typed in options.steering if typed != "--static"]
    check_none(f"{asked_by} runs nothing and builds no engine", given, other=asked_by)


def check_builds_none(options: Options, engine: str | Path) -> None:
    """Raises UsageError for options that ask for an engine, or for other settings, where there is one."""
    shown = printable(str(engine), 200)
    if options.wants_engine:
        raise UsageError(f"{shown} is an engine already", "leave --recipe, --precision and --optimize out")
    if options.settings:
        raise UsageError(
            f"{shown} is an engine, and has the settings that it was built with",
            "leave --set out, or build another: alexnet-bench build-engine MODEL --set NAME=VALUE",
        )


def _check_inputs(options: Options, batches: Sequence[int | None]) -> None:
    """Raises UsageError for what contradicts inputs that are read."""
    if options.seed is not None or options.shapes or tuple(batches) != (None,):
        raise UsageError(
            "inputs that are read have their own values and sizes", "leave --seed, --shape and --batch out"
        )


def check_seconds(seconds: float) -> None:
    """Raises UsageError for a time that nothing can be measured for."""
    if not 0 < seconds <= _MAX_SECONDS:
        raise UsageError(f"{seconds:g} s is no time to measure for", f"give --seconds above 0, up to {_MAX_SECONDS}")


def check_processes(number: int) -> None:
    """Raises UsageError when nobody would measure."""
    if number < 1:
        raise UsageError("at least one process has to measure", "give processes from 1")


def check_seed(seed: int) -> None:
    """Raises UsageError for what inputs cannot be generated from."""
    if seed < 0:
        raise UsageError(f"the seed {seed} is negative", "give --seed from 0")


def check_tolerance(tolerance: float | None) -> None:
    """Raises UsageError for what no error can be compared with; None leaves the choice to the tool."""
    if tolerance is not None and not (isfinite(tolerance) and tolerance >= 0):
        raise UsageError(f"{tolerance:g} is no tolerance", "give --tolerance from 0, for example 1e-3")


def check_timeout(timeout_s: float | None) -> None:
    """Raises UsageError for a time that cannot be waited for; None leaves the choice to the tool."""
    if timeout_s is not None and not 0 < timeout_s <= MAX_TIMEOUT_S:
        raise UsageError(
            f"{timeout_s:g} s is no time to wait for", f"give --timeout above 0, up to {MAX_TIMEOUT_S:,} (a day)"
        )
