"""What the loops of runtimes share: arrays from files, warming up, and the wall time of each run. Needs numpy alone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MIN_RUNS = 5


def read_feeds(folder: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a folder, by the input that they feed."""
    files = json.loads((folder / "names.json").read_text(encoding="utf-8"))
    return {name: np.load(folder / file) for name, file in files.items()}


def time_runs(run: Callable[[], object], *, warm_up_s: float, seconds: float) -> list[float]:
    """Warms up for a while, then times runs one after the other, each in seconds."""
    warm = time.perf_counter() + warm_up_s
    while time.perf_counter() < warm:
        run()
    samples: list[float] = []
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline or len(samples) < MIN_RUNS:
        start = time.perf_counter()
        run()
        samples.append(time.perf_counter() - start)
    return samples
