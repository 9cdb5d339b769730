"""ONNX Runtime's trace: time per kernel and run, and what it says of each kernel."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from alexnet_bench.backends.onnxruntime.session import TRACE_PREFIX
from alexnet_bench.core.engine_layers import ArenaUse
from alexnet_bench.core.errors import BackendCrash

_RUN = "model_run"
_KERNEL = "Node"
_KERNEL_SUFFIX = "_kernel_time"
_TOO_LONG = "loops inside one run have more; count without running: profile --static, or try another --backend"
_DTYPES = {
    "float": "float32",
    "double": "float64",
    "MLFloat16": "float16",
    "Int4x2": "int4",
    "UInt4x2": "uint4",
    "Int2x4": "int2",
    "UInt2x4": "uint2",
}


class Args(msgspec.Struct):
    """What the trace says of a kernel: what runs it, the types and shapes, and what the allocator holds as it ends.

    `mem_in_use_peak` is the allocator's peak up to then, `mem_in_use_delta` what the kernel added. Not every release
    says something of memory.
    """

    op_name: str = ""
    provider: str = ""
    input_type_shape: list[dict[str, list[int]]] = []
    output_type_shape: list[dict[str, list[int]]] = []
    mem_in_use_peak: str = ""
    mem_bytes_in_use: str = ""
    mem_bytes_requested_in_use: str = ""
    mem_in_use_delta: str = ""

    @property
    def inputs(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Element type and sizes of each input, in order, without weights that were packed."""
        return tuple(_tensors(self.input_type_shape))

    @property
    def outputs(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Element type and sizes of each output, in order."""
        return tuple(_tensors(self.output_type_shape))

    @property
    def input_dtypes(self) -> tuple[str, ...]:
        """Element types of the inputs, in order."""
        return tuple(dtype for dtype, _ in self.inputs)

    @property
    def output_dtypes(self) -> tuple[str, ...]:
        """Element types of the outputs, in order."""
        return tuple(dtype for dtype, _ in self.outputs)


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
        wall_s: likewise, as the caller saw it.
        samples_s: seconds by kernel, one value for each run.
        shown: what is said of each kernel.
        order: the kernels of the last run, as they followed each other.
        recorded: how many kernels the last run has, those that run inside others included.
        arena_peak_bytes: the most that the allocator had in use, None when not reported.
        arena: what it had in use after each kernel of the first run, None when not reported.
    """

    run_s: tuple[float, ...]
    wall_s: tuple[float, ...]
    samples_s: dict[str, tuple[float, ...]]
    shown: dict[str, Args]
    order: tuple[str, ...]
    recorded: int
    arena_peak_bytes: int | None
    arena: ArenaUse | None


def read_trace(folder: Path, *, timed_runs: int, wall_s: tuple[float, ...], nested: Collection[str]) -> Trace:
    """The last `timed_runs` runs of the trace in a folder, or those of them that it holds.

    ONNX Runtime stops recording at a million events. Of runs with so many that only those that warmed up were recorded
    whole, the last one counts.

    Args:
        folder: where the session left it.
        timed_runs: the runs before these warmed up.
        wall_s: wall time of all runs as the caller saw it.
        nested: names of nodes inside subgraphs alone; the node around them has their time.

    Raises:
        BackendCrash: the trace is not there, damaged, or holds no whole run.
    """
    events = read_events(folder)
    runs = sorted((event for event in events if event.name == _RUN and event.cat != _KERNEL), key=_start)
    if not runs:
        raise BackendCrash("onnxruntime's trace holds no whole run: it records a million events", _TOO_LONG)
    lost = max(0, len(wall_s) - len(runs))
    kept = min(len(runs), max(1, timed_runs - lost))
    timed = runs[len(runs) - kept :]
    kernels = _kernels(events, nested)
    by_run = [_within(kernels, run) for run in timed]
    peaks = [int(event.args.mem_in_use_peak) for event in events if event.args.mem_in_use_peak.isdecimal()]
    return Trace(
        run_s=tuple(run.dur * 1e-6 for run in timed),
        wall_s=wall_s[: len(wall_s) - lost][-kept:],
        samples_s=_samples(by_run),
        shown={kernel_name(kernel): kernel.args for kernels in by_run for kernel in kernels},
        order=tuple(kernel_name(kernel) for kernel in by_run[-1]) if by_run else (),
        recorded=len(_within(sorted(filter(_is_kernel, events), key=_start), timed[-1])),
        arena_peak_bytes=max(peaks, default=None),
        arena=_arena(events, _within(kernels, runs[0])),
    )


def read_events(folder: Path) -> list[Event]:
    """All events of the trace in a folder.

    Raises:
        BackendCrash: the trace is not there, or damaged.
    """
    traces = sorted(folder.glob(f"{TRACE_PREFIX}*.json"))
    if not traces:
        raise BackendCrash("onnxruntime left no trace of the layer run", "is the disk full?")
    try:
        return msgspec.json.decode(traces[-1].read_bytes(), type=list[Event])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BackendCrash(f"onnxruntime's trace cannot be read: {error}", "is the disk full?") from None


def kernel_name(kernel: Event) -> str:
    """The name of the node that a kernel runs."""
    return kernel.name.removesuffix(_KERNEL_SUFFIX)


def _kernels(events: Sequence[Event], nested: Collection[str]) -> list[Event]:
    """Kernels that run inside no other, in order: a node with a subgraph contains the time of that subgraph's nodes."""
    kept: list[Event] = []
    end = -1
    for event in sorted(filter(_is_kernel, events), key=lambda event: (event.ts, -event.dur)):
        # By name as well, because times are rounded: a nested kernel may seem to start as the node around it ends.
        if event.ts >= end and kernel_name(event) not in nested:
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
            totals.setdefault(kernel_name(kernel), [0] * len(by_run))[index] += kernel.dur
    return {name: tuple(value * 1e-6 for value in values) for name, values in totals.items()}


def _arena(events: Sequence[Event], first_run: Sequence[Event]) -> ArenaUse | None:
    """The allocator over the first run, the only one in which it gives every tensor memory of its own.

    Later runs with the same shapes take one block that was planned from it. What runs inside a kernel counts as its.
    """
    if not first_run or not _says_memory(first_run[0].args):
        return None
    in_use: dict[str, int] = {}
    requested: dict[str, int] = {}
    end = first_run[-1].ts + first_run[-1].dur
    for event in filter(_is_kernel, events):
        index = bisect_right(first_run, event.ts, key=_start) - 1
        if index >= 0 and event.ts <= end and _says_memory(event.args):
            name = kernel_name(first_run[index])
            in_use[name] = max(in_use.get(name, 0), int(event.args.mem_bytes_in_use))
            requested[name] = max(requested.get(name, 0), int(event.args.mem_bytes_requested_in_use))
    before = first_run[0].args
    return ArenaUse(int(before.mem_bytes_in_use) - int(before.mem_in_use_delta), in_use, requested)


def _says_memory(args: Args) -> bool:
    used = (args.mem_bytes_in_use, args.mem_bytes_requested_in_use, args.mem_in_use_delta.removeprefix("-"))
    return all(value.isdecimal() for value in used)


def _is_kernel(event: Event) -> bool:
    return event.cat == _KERNEL and event.name.endswith(_KERNEL_SUFFIX)


def _start(event: Event) -> int:
    return event.ts


def _tensors(described: list[dict[str, list[int]]]) -> Iterator[tuple[str, tuple[int, ...]]]:
    for item in described:
        for name, sizes in item.items():
            yield _DTYPES.get(name, name), tuple(sizes)
