"""One short timing of an engine in a fresh process, ended when the time for it is up."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from alexnet_bench.backends.client import Worker
from alexnet_bench.core.errors import BackendCrash
from alexnet_bench.measure.latency import LatencyCase

MOST_KEPT = 50
"""Samples of one trial: enough for a median, and little to store."""
_MIN_RUNS = 5


@dataclass(frozen=True)
class Trial:
    """What one trial gives.

    Attributes:
        samples_s: wall time of runs; of many, some evenly spread ones.
        settings: what was in force.
    """

    samples_s: tuple[float, ...]
    settings: dict[str, str]


def run_trial(case: LatencyCase, *, seconds: float, within_s: float) -> Trial | None:
    """Times an engine once; None when that takes longer than it may.

    Args:
        case: what to load, and what to feed.
        seconds: of timed runs, at least five; about as long goes into warming up before.
        within_s: after this, the worker is ended.

    Raises:
        BackendRefusal: the runtime does not take the engine.
        BackendCrash: the worker died, or gave no answer in time.
    """
    is_over = threading.Event()
    with Worker(case.deadlines) as worker:

        def end() -> None:
            is_over.set()
            worker.kill()

        timer = threading.Timer(max(0.0, within_s), end)
        timer.start()
        try:
            loaded = worker.load(case.request, case.inputs_dir)
            worker.sample(seconds=0.0)
            worker.sample(seconds=seconds)
            wall_s = worker.sample(seconds=seconds, min_runs=_MIN_RUNS).wall_s
        except BackendCrash:
            if is_over.is_set():
                return None
            raise
        finally:
            timer.cancel()
            timer.join()
    return Trial(tuple(round(value, 9) for value in _spread(wall_s)), loaded.settings)


def _spread(values: list[float]) -> list[float]:
    return values[:: -(-len(values) // MOST_KEPT)]
