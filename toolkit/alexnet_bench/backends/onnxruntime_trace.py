"""ONNX Runtime's trace: time per kernel and run, and what it says of each kernel."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from alexnet_bench.backends.onnxruntime_cpu import TRACE_PREFIX
from alexnet_bench.core.errors import BackendCrash

_RUN = "model_run"
_KERNEL = "Node"
_KERNEL_SUFFIX = "_kernel_time"
_DTYPES = {"float": "float32", "double": "float64", "MLFloat16": "float16"}


class Args(msgspec.Struct):
    """What the trace says of a kernel: its operator, the types and shapes, and the allocator's peak up to then."""

    op_name: str = ""
    input_type_shape: list[dict[str, list[int]]] = []
    output_type_shape: list[dict[str, list[int]]] = []
    mem_in_use_peak: str = ""

    @property
    def input_dtypes(self) -> tuple[str, ...]:
        """Element types of the inputs, in order."""
        return tuple(_types(self.input_type_shape))

    @property
    def output_dtypes(self) -> tuple[str, ...]:
        """Element types of the outputs, in order."""
        return tuple(_types(self.output_type_shape))


class Event(msgspec.Struct):
    """One event: start and duration in microseconds."""

    name: str
    ts: int
    dur: int
    cat: str = ""
    args: Args = msgspec.field(default_factory=Args)


@dataclass(frozen=True)
class Trace:
    """The timed runs of a trace.

    Attributes:
        run_s: duration of each run.
        samples_s: seconds by kernel, one value for each run.
        shown: what is said of each kernel.
        order: the kernels of the last run, as they followed each other.
        arena_peak_bytes: the most that the allocator had in use, None when not reported.
    """

    run_s: tuple[float, ...]
    samples_s: dict[str, tuple[float, ...]]
    shown: dict[str, Args]
    order: tuple[str, ...]
    arena_peak_bytes: int | None


def read_trace(folder: Path, *, timed_runs: int, nested: Collection[str]) -> Trace:
    """The last `timed_runs` runs of the trace in a folder.

    Args:
        folder: where the session left it.
        timed_runs: the runs before these warmed up.
        nested: names of nodes inside subgraphs alone; the node around them has their time.

    Raises:
        BackendCrash: the trace is not there, damaged, or lacks runs.
    """
    events = _read(folder)
    runs = [event for event in events if event.name == _RUN and event.cat != _KERNEL]
    if len(runs) < timed_runs:
        # ONNX Runtime stops recording at a million events.
        raise BackendCrash(f"onnxruntime's trace holds {len(runs)} runs of {timed_runs}", "give fewer --seconds")
    timed = sorted(runs[len(runs) - timed_runs :], key=lambda run: run.ts)
    kernels = _kernels(events, nested)
    by_run = [_within(kernels, run) for run in timed]
    peaks = [int(event.args.mem_in_use_peak) for event in events if event.args.mem_in_use_peak.isdecimal()]
    return Trace(
        run_s=tuple(run.dur * 1e-6 for run in timed),
        samples_s=_samples(by_run),
        shown={_name(kernel): kernel.args for kernels in by_run for kernel in kernels},
        order=tuple(_name(kernel) for kernel in by_run[-1]) if by_run else (),
        arena_peak_bytes=max(peaks, default=None),
    )


def _read(folder: Path) -> list[Event]:
    traces = sorted(folder.glob(f"{TRACE_PREFIX}*.json"))
    if not traces:
        raise BackendCrash("onnxruntime left no trace of the layer run", "is the disk full?")
    try:
        return msgspec.json.decode(traces[-1].read_bytes(), type=list[Event])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BackendCrash(f"onnxruntime's trace cannot be read: {error}", "is the disk full?") from None


def _kernels(events: Sequence[Event], nested: Collection[str]) -> list[Event]:
    """Kernels that run inside no other, in order: a node with a subgraph contains the time of that subgraph's nodes."""
    kept: list[Event] = []
    end = -1
    found = [event for event in events if event.cat == _KERNEL and event.name.endswith(_KERNEL_SUFFIX)]
    for event in sorted(found, key=lambda event: (event.ts, -event.dur)):
        # By name as well, because times are rounded: a nested kernel may seem to start as the node around it ends.
        if event.ts >= end and _name(event) not in nested:
            kept.append(event)
            end = event.ts + event.dur
    return kept


def _within(kernels: Sequence[Event], run: Event) -> Sequence[Event]:
    """The kernels that start within a run."""
    first = bisect_left(kernels, run.ts, key=_start)
    return kernels[first : bisect_right(kernels, run.ts + run.dur, key=_start)]


def _samples(by_run: Sequence[Sequence[Event]]) -> dict[str, tuple[float, ...]]:
    """Seconds per kernel and run."""
    totals: dict[str, list[int]] = {}
    for index, kernels in enumerate(by_run):
        for kernel in kernels:
            totals.setdefault(_name(kernel), [0] * len(by_run))[index] += kernel.dur
    return {name: tuple(value * 1e-6 for value in values) for name, values in totals.items()}


def _start(event: Event) -> int:
    return event.ts


def _name(kernel: Event) -> str:
    return kernel.name.removesuffix(_KERNEL_SUFFIX)


def _types(described: list[dict[str, list[int]]]) -> Iterator[str]:
    for item in described:
        for name in item:
            yield _DTYPES.get(name, name)
