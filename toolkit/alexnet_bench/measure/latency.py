"""Latency without a profiler: warm up, sample, and repeat in fresh processes, the cases interleaved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Protocol

from alexnet_bench.backends.client import Deadlines, Worker
from alexnet_bench.backends.protocol import Loaded, LoadRequest, RunParts
from alexnet_bench.backends.worker import Samples

_WARMUP_S, _WARMUP_MOST_S = 0.1, 1.2
_WARMUP_CHUNKS = 6
"""Of slow models, whose chunks take longer."""
_STABLE_WITHIN = 0.03
MIN_RUNS = 3


class Sampler(Protocol):
    """The part of a worker that times runs."""

    def sample(self, *, seconds: float, min_runs: int = 1, max_runs: int = 1_000_000) -> Samples:
        """Wall times of consecutive runs."""
        ...


@dataclass(frozen=True)
class LatencyCase:
    """One engine with one set of input shapes.

    Attributes:
        request: what to load.
        inputs_dir: the arrays to feed.
        deadlines: how long the runtime may take to answer.
    """

    request: LoadRequest
    inputs_dir: Path
    deadlines: Deadlines = field(default_factory=Deadlines)


@dataclass
class LatencyRun:
    """What was measured of one case.

    Attributes:
        loaded: what the runtime says of itself.
        samples_s: wall time of each run, by process.
        load_peak_bytes: peak of the process while loading, the largest of all processes.
        run_peak_bytes: likewise while running.
        unstable_processes: how many never became stable while warming up.
        parts: of each run, by process, in the order of `samples_s`; empty where the runtime does not tell them.
    """

    loaded: Loaded
    samples_s: list[tuple[float, ...]] = field(default_factory=list)
    load_peak_bytes: int | None = None
    run_peak_bytes: int | None = None
    unstable_processes: int = 0
    parts: list[tuple[RunParts, ...]] = field(default_factory=list)


def measure_latency(
    cases: Sequence[LatencyCase], *, seconds: float, processes: int, progress: Callable[[str], None]
) -> list[LatencyRun]:
    """Measures each case in `processes` fresh processes, one case after the other in every round.

    Args:
        cases: what to measure.
        seconds: timed seconds for each case, over all its processes; warming up comes on top.
        processes: rounds.
        progress: told before each round; never called while something is timed.

    Raises:
        BackendRefusal: the runtime does not take a model.
        BackendCrash: a worker died, or gave no answer in time.
    """
    runs: list[LatencyRun] = []
    for turn in range(processes):
        progress(f"latency, process {turn + 1} of {processes}")
        for index, case in enumerate(cases):
            with Worker(case.deadlines) as worker:
                loaded = worker.load(case.request, case.inputs_dir)
                if turn == 0:
                    runs.append(LatencyRun(loaded))
                worker.sample(seconds=0.0)  # one pass alone: it takes longest, and a model that hangs hangs here
                stable = warm_up(worker)
                samples = worker.sample(seconds=seconds / processes, min_runs=MIN_RUNS)
            _add(runs[index], loaded, samples, stable=stable)
    return runs


def warm_up(sampler: Sampler) -> bool:
    """Runs until the median of two chunks in a row agrees within 3 %; False when that did not happen in its time.

    By time first, because caches, page faults and clocks settle with time, then by stability.
    """
    before, spent_s, chunks = 0.0, 0.0, 0
    while chunks < _WARMUP_CHUNKS or spent_s < _WARMUP_MOST_S:
        samples = sampler.sample(seconds=_WARMUP_S, min_runs=2).wall_s
        now = median(samples)
        if chunks and abs(now - before) <= _STABLE_WITHIN * before:
            return True
        before, spent_s, chunks = now, spent_s + sum(samples), chunks + 1
    return False


def _add(run: LatencyRun, loaded: Loaded, samples: Samples, *, stable: bool) -> None:
    run.samples_s.append(tuple(samples.wall_s))
    run.parts.append(tuple(samples.parts))
    run.load_peak_bytes = _larger(run.load_peak_bytes, loaded.peak_bytes)
    run.run_peak_bytes = _larger(run.run_peak_bytes, samples.peak_bytes)
    run.unstable_processes += not stable


def _larger(left: int | None, right: int | None) -> int | None:
    known = [value for value in (left, right) if value is not None]
    return max(known, default=None)
